"""What of a consent or a grant has ended before its time: scopes, for purposes, towards organisations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True)
class EndedPart:
    """One part that ended; what is left empty stands for every one, so an empty part is the whole.

    `way` is BACK for what the recipient may tell back, while what it received may stand.
    """

    scope: str = ""
    purpose: str = ""
    node: str = ""
    way: str = ""

    def touches(self, *, scope: str, purpose: str, node: str = "", way: str = "") -> bool:
        """Say whether a scope has ended for a purpose, towards an organisation."""
        is_there = self.way == way and (not node or self.node in ("", node))
        return is_there and self.scope in ("", scope) and self.purpose in ("", purpose)


BACK = "back"
"""The way of what a recipient tells back, beside that of what it received, which has no name."""

WHOLE = EndedPart()


def parts_of(
    scopes: Iterable[str] = (), purposes: Iterable[str] = (), nodes: Iterable[str] = ()
) -> tuple[EndedPart, ...]:
    """Return every combination of what ends; nothing named means every one."""
    return tuple(
        EndedPart(scope, purpose, node)
        for node in tuple(nodes) or ("",)
        for purpose in tuple(purposes) or ("",)
        for scope in tuple(scopes) or ("",)
    )


def told_back(scopes: Iterable[str], purposes: Iterable[str] = ()) -> tuple[EndedPart, ...]:
    """Return, for named scopes, what ends of telling back: no scope named means none."""
    wanted = tuple(purposes) or ("",)
    return tuple(EndedPart(scope, purpose, way=BACK) for scope in scopes for purpose in wanted)


def joined(known: Sequence[EndedPart], more: Iterable[EndedPart]) -> tuple[EndedPart, ...]:
    """Return both, each once."""
    return tuple(dict.fromkeys((*known, *more)))


def to_json(parts: Iterable[EndedPart]) -> list[list[str]]:
    """Return parts as a column holds them."""
    return [[part.scope, part.purpose, part.node, *filter(None, (part.way,))] for part in parts]


def from_json(plain: list[list[str]] | None) -> tuple[EndedPart, ...]:
    """Read parts from a column."""
    return tuple(EndedPart(*entry) for entry in plain or ())
