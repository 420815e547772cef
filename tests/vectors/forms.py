"""How the vectors' files write bytes, key histories and objects as JSON."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from iars_protocol.keys import KeyHistory, Statement, read_history
from iars_protocol.permission_json import read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iars_protocol.consent import Grant, Onward

FOLDER = Path(__file__).parents[2] / "protocol" / "vectors"
NODES = "nodes.json"
VOCABULARIES = "vocabularies.json"

Input: TypeAlias = dict[str, Any]
Output: TypeAlias = dict[str, Any]


def files() -> list[Path]:
    """Return the files that hold vectors."""
    return sorted(path for path in FOLDER.glob("*.json") if path.name not in (NODES, VOCABULARIES))


def load(path: Path) -> dict[str, Any]:
    """Return a file's content."""
    content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return content


@cache
def nodes() -> dict[str, Any]:
    """Return the nodes that the vectors name."""
    found: dict[str, Any] = load(FOLDER / NODES)["nodes"]
    return found


def octets(given: Input, name: str) -> bytes:
    """Return an entry that is written in hexadecimal."""
    return bytes.fromhex(given[name])


def statements(value: str | list[list[str]]) -> tuple[Statement, ...]:
    """Return statements that stand in a vector, or those of a node that it names."""
    entries = nodes()[value]["statements"] if isinstance(value, str) else value
    return tuple(Statement(bytes.fromhex(body), bytes.fromhex(signature)) for body, signature in entries)


def history(value: str | list[list[str]]) -> KeyHistory:
    """Return the verified history of a node that a vector names, or of the statements that stand in it."""
    return read_history(statements(value))


def write_statements(entries: Sequence[Statement]) -> list[list[str]]:
    """Write statements as a vector holds them."""
    return [[entry.body.hex(), entry.signature.hex()] for entry in entries]


def grant(given: Input, name: str = "grant") -> Grant:
    """Return a grant that is written as its canonical JSON, in hexadecimal."""
    found: Any = read(octets(given, name))
    return found  # type: ignore[no-any-return]


def onward(given: Input) -> Onward:
    """Return an onward permission that is written as its canonical JSON, in hexadecimal."""
    found: Any = read(octets(given, "onward"))
    return found  # type: ignore[no-any-return]


def annotate(value: Any) -> Any:
    """Write a decoded value as JSON; bytes as {"$bytes": hexadecimal}."""
    if isinstance(value, bytes):
        return {"$bytes": value.hex()}
    if isinstance(value, list):
        return [annotate(entry) for entry in value]
    if isinstance(value, dict):
        return {name: annotate(entry) for name, entry in value.items()}
    return value
