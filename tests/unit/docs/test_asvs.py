"""The checklist of the application security standard: complete, and naming only what exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "asvs.md"
STATES = {"holds", "does not apply", "not yet"}
# How many requirements of levels 1 and 2 the standard's sections have. Those of level 3 stand last in each.
SECTIONS = {
    "1.1": 2, "1.2": 9, "1.3": 11, "1.4": 3, "1.5": 2,
    "2.1": 3, "2.2": 3, "2.3": 4, "2.4": 1,
    "3.2": 2, "3.3": 4, "3.4": 6, "3.5": 5, "3.7": 2,
    "4.1": 3, "4.2": 1, "4.3": 2, "4.4": 4,
    "5.1": 1, "5.2": 3, "5.3": 2, "5.4": 3,
    "6.1": 3, "6.2": 12, "6.3": 4, "6.4": 4, "6.5": 5, "6.6": 3, "6.8": 4,
    "7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 2, "7.6": 2,
    "8.1": 2, "8.2": 3, "8.3": 1, "8.4": 1,
    "9.1": 3, "9.2": 4,
    "10.1": 2, "10.2": 2, "10.3": 4, "10.4": 11, "10.5": 5, "10.6": 2, "10.7": 3,
    "11.1": 2, "11.2": 3, "11.3": 3, "11.4": 4, "11.5": 1, "11.6": 1,
    "12.1": 3, "12.2": 2, "12.3": 4,
    "13.1": 1, "13.2": 5, "13.3": 2, "13.4": 5,
    "14.1": 2, "14.2": 4, "14.3": 3,
    "15.1": 3, "15.2": 3, "15.3": 7,
    "16.1": 1, "16.2": 5, "16.3": 4, "16.4": 3, "16.5": 3,
    "17.1": 1, "17.2": 4, "17.3": 2,
}  # fmt: skip
ROW = re.compile(r"\| (\d+\.\d+\.\d+) \| (.+?) \| (.+?) \| (.+?) \|")
FOLDERS = r"(?:node|admin|protocol|tests|docs|\.ci)/[^`:]*"
FILE = re.compile(rf"`({FOLDERS}|[A-Z]+\.md|[\w-]+\.(?:toml|lock|yml))(?:::(\w+))?`")


def rows() -> list[tuple[str, str, str, str]]:
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if re.match(r"\| \d", line)]
    matched = [ROW.fullmatch(line) for line in lines]
    assert None not in matched, lines[matched.index(None)]
    return [(one[1], one[2], one[3], one[4]) for one in matched if one]


def functions_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text("utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, functions))


def test_every_requirement_of_levels_one_and_two_has_one_row() -> None:
    wanted = [f"{section}.{number}" for section, most in SECTIONS.items() for number in range(1, most + 1)]
    assert [number for number, *_rest in rows()] == wanted
    assert len(wanted) == 253


def test_every_row_has_a_state_and_says_why() -> None:
    for number, short, state, proof in rows():
        assert state in STATES, number
        assert short, number
        assert proof, number


def test_what_a_row_names_exists() -> None:
    named = 0
    for number, _short, _state, proof in rows():
        for path, test in FILE.findall(proof):
            named += 1
            assert (ROOT / path).exists(), (number, path)
            if test:
                assert test in functions_in(ROOT / path), (number, test)
        # Whatever looks like a test is one that was looked for.
        assert proof.count("::") == sum(bool(test) for _path, test in FILE.findall(proof)), number
    assert named > 100
