"""Dates as people write them: whole, partial, estimated, in the order of their country."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iars_node.cases.spreadsheet.model import DateOrder

ACCEPTED = "accepted: a date such as 17.05.2004 or 2004-05-17, 05.2004, 2004, or ca. 2004"

_FIRST_YEAR, _LAST_YEAR = 1900, 2100
_ESTIMATED = re.compile(
    r"^(?:~|≈|ca\.?|circa|c\.|about|around|approx\.?|est\.?|env\.?|environ|vers|rreth|около|ок\.?|прибл\.?|близько)\s*",
    re.IGNORECASE,
)
_ISO = re.compile(r"(\d{4})(?:[-./](\d{1,2})(?:[-./](\d{1,2}))?)?", re.ASCII)
_PARTS = re.compile(r"(?:(\d{1,2})[-./ ])?(\d{1,2})[-./ ](\d{4})", re.ASCII)
_TAIL = re.compile(r"\s*(?:г\.?|года|р\.?|г\.\s*р\.?)$", re.IGNORECASE)  # noqa: RUF001 - Cyrillic is meant


def read_date(cell: object, order: DateOrder = "dmy", pattern: str = "") -> str | None:
    """Return a cell's date in the record's form, or None when it is not a date."""
    if isinstance(cell, datetime | date):
        return f"{cell.year:04}-{cell.month:02}-{cell.day:02}"
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        is_year = cell == int(cell) and _FIRST_YEAR <= cell <= _LAST_YEAR
        return str(int(cell)) if is_year else None
    text = str(cell).strip()
    if pattern:
        return _by_pattern(text, pattern)
    estimated = _ESTIMATED.sub("", text)
    bare = _TAIL.sub("", estimated.rstrip("?~ "))
    mark = "~" if estimated != text or estimated.rstrip() != estimated.rstrip("?~ ") else ""
    found = _pieces(bare, order)
    return None if found is None else found + mark


def _by_pattern(text: str, pattern: str) -> str | None:
    try:
        return datetime.strptime(text, pattern).date().isoformat()  # noqa: DTZ007 - a calendar day has no zone
    except ValueError:
        return None


def _pieces(text: str, order: DateOrder) -> str | None:
    if found := _ISO.fullmatch(text):
        return _joined(*found.groups())
    if found := _PARTS.fullmatch(text):
        first, second, year = found.groups()
        if first is None:
            return _joined(year, second, None)
        day, month = (second, first) if order == "mdy" else (first, second)
        return _joined(year, month, day)
    return None


def _joined(year: str, month: str | None, day: str | None) -> str | None:
    try:
        date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return None
    if not _FIRST_YEAR <= int(year) <= _LAST_YEAR:
        return None
    return "-".join([year, *(piece.zfill(2) for piece in (month, day) if piece)])
