"""How alike two persons' names and dates of birth are: pure comparison, tolerant of what people mistype."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node.vault.words import words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iars_protocol.record import Value

ALIKE_NAME = 82
_ESTIMATE_YEARS = 2


def name_of(identity: Mapping[str, Value]) -> str:
    """Return given and family name as comparable words."""
    names = (identity.get("given_name"), identity.get("family_name"))
    return " ".join(word for name in names if isinstance(name, str) for word in words(name))


def name_likeness(one: str, other: str) -> int:
    """Return from 0 to 100 how alike two names from `name_of` are, whatever the order of their words."""
    from rapidfuzz import fuzz  # noqa: PLC0415 - a few megabytes, for who compares persons

    return round(fuzz.token_sort_ratio(one, other)) if one and other else 0


def is_compatible(one: Value | None, other: Value | None) -> bool:
    """Say whether two dates of birth can be one: unknown parts fit, estimates fit within two years."""
    if not isinstance(one, str) or not isinstance(other, str):
        return True
    if one.endswith("~") or other.endswith("~"):
        return abs(int(one[:4]) - int(other[:4])) <= _ESTIMATE_YEARS
    mine, theirs = one.split("-"), other.split("-")
    # Day and month are often exchanged when a date is copied from a document of another country.
    return mine[0] == theirs[0] and (_fits(mine[1:], theirs[1:]) or _fits(mine[1:], theirs[:0:-1]))


def is_same_date(one: Value | None, other: Value | None) -> bool:
    """Say whether two dates of birth are known and equal."""
    return isinstance(one, str) and one == other


def _fits(mine: list[str], theirs: list[str]) -> bool:
    return all(one == other for one, other in zip(mine, theirs, strict=False))
