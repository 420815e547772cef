"""The form of vectors: each with the outcome that the specification demands; outputs are added later."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.vectors.forms import Input


@dataclass(frozen=True)
class Case:
    """One vector: an input and what must become of it."""

    name: str
    expect: str
    input: Input


@dataclass
class Group:
    """The vectors of one operation: one file."""

    file: str
    section: str
    operation: str
    cases: list[Case] = field(default_factory=list)

    def add(self, name: str, expect: str = "ok", **given: Any) -> None:
        """Add a vector; bytes are written in hexadecimal."""
        self.cases.append(Case(name, expect, {key: write(value) for key, value in given.items()}))


def write(value: Any) -> Any:
    """Write bytes inside an input in hexadecimal."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (list, tuple)):
        return [write(entry) for entry in value]
    if isinstance(value, dict):
        return {name: write(entry) for name, entry in value.items()}
    return value
