"""Every code that a person can meet has one sentence: found in the code itself, so that none is forgotten."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import iars_node
import iars_protocol
from iars_node import errors as node_errors
from iars_node.consent.model import State
from iars_node.referrals.sentences import FAMILIES, SENTENCES, UNKNOWN, sentence
from iars_protocol import errors as protocol_errors
from iars_protocol.batch import HINTS

if TYPE_CHECKING:
    from collections.abc import Iterator

NODE, PROTOCOL = Path(iars_node.__file__).parent, Path(iars_protocol.__file__).parent
WHERE = ("exchange", "referrals", "consent", "peers")
# Which argument of a call is a code.
CODE_AT = {
    "_RefusedError": 0,
    "_WaitingError": 0,
    "Denied": 0,
    "Misplaced": 1,
    "UnreachableError": 0,
    "RefusedError": 1,
    "park": 3,
}
# Errors of a node's own side that no message can meet on its way.
NEVER_ON_THE_WIRE = {
    "too-many-cases",
    "node",
    "unauthenticated",
    "too-many",
    "setup",
    "locked",
    "refused",
    "not-assigned",
}
ABSTRACT = {"protocol"}


def sources() -> Iterator[Path]:
    for folder in WHERE:
        yield from (NODE / folder).rglob("*.py")
    yield PROTOCOL / "permissions.py"
    yield PROTOCOL / "place.py"


def codes_in(path: Path) -> Iterator[str]:
    package = PROTOCOL.parent if PROTOCOL in path.parents else NODE.parent
    module = importlib.import_module(".".join(path.relative_to(package).with_suffix("").parts))
    for call in ast.walk(ast.parse(path.read_text())):
        if not isinstance(call, ast.Call):
            continue
        name = getattr(call.func, "id", getattr(call.func, "attr", ""))
        place = CODE_AT.get(name)
        if place is not None and len(call.args) > place:
            yield from code_of(call.args[place], module)


def code_of(written: ast.expr, module: object) -> Iterator[str]:
    if isinstance(written, ast.Constant) and isinstance(written.value, str):
        yield written.value
    elif isinstance(written, ast.Name) and isinstance(getattr(module, written.id, None), str):
        yield getattr(module, written.id)
    elif isinstance(written, ast.IfExp):
        yield from code_of(written.body, module)
        yield from code_of(written.orelse, module)
    elif isinstance(written, ast.JoinedStr) and isinstance(written.values[0], ast.Constant):
        yield str(written.values[0].value) + "anything"


def error_codes(module: object, base: type[Exception]) -> set[str]:
    return {
        str(found.code)  # type: ignore[attr-defined]
        for _, found in inspect.getmembers(module, inspect.isclass)
        if issubclass(found, base)
    }


def every_code() -> set[str]:
    found = {code for path in sources() for code in codes_in(path) if code}
    found |= error_codes(protocol_errors, protocol_errors.ProtocolError) - ABSTRACT
    found |= error_codes(node_errors, node_errors.NodeError) - NEVER_ON_THE_WIRE
    return found | set(HINTS) | {f"consent-{state}" for state in State.__args__}  # type: ignore[attr-defined]


def test_the_codes_are_found_where_they_are_raised() -> None:
    assert {"thread-fork", "grant-expired", "restoring", "connection", "http-anything"} <= every_code()


@pytest.mark.parametrize("code", sorted(every_code()))
def test_every_code_has_a_sentence_of_its_own(code: str) -> None:
    assert sentence(code) != UNKNOWN


def test_a_code_of_another_software_reads_as_a_refusal() -> None:
    assert sentence("phase-of-the-moon") == UNKNOWN


@pytest.mark.parametrize("said", [*SENTENCES.values(), *FAMILIES.values(), UNKNOWN])
def test_a_sentence_tells_what_happened_and_what_was_kept(said: str) -> None:
    assert said.endswith(".")
    assert said.count(". ") >= 1 or "and nothing may" in said
    assert re.search(r"\b(kept|nothing|unchanged|stands?|counts?|count|not taken in)\b", said, re.IGNORECASE)
    assert not re.search(r"\b(client|victim|error code|exception|payload)\b", said, re.IGNORECASE)
