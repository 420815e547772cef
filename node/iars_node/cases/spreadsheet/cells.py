"""Cells: what a person typed becomes a field's value, or a sentence that says what is accepted."""

from __future__ import annotations

import re
import tomllib
from datetime import date, datetime, time
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, cast

from iars_node.cases import names
from iars_node.cases.spreadsheet import dates
from iars_node.vault.words import phone_digits, words
from iars_protocol.errors import FieldError
from iars_protocol.record import PRIORITIES, VOCABULARIES, Field, Value, check_value

if TYPE_CHECKING:
    from collections.abc import Callable

    from iars_node.cases.spreadsheet.model import ColumnMapping, DateOrder


YES = frozenset(
    {"yes", "y", "true", "1", "x", "ja", "oui", "po", "si", "da", "tak", "vrai", "истина", "да", "так", "✓"}
)
NO = frozenset({"no", "n", "false", "0", "non", "jo", "nu", "faux", "нет", "ні", "ложь"})

COUNTRY = "accepted: a country's name, or its code such as AL; the name of its people is not one"

_DASHES = frozenset({"-", "\u2013", "\u2014"})
"""What people write into a cell to show that it was not forgotten."""

_ERRORS = frozenset({"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!"})
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_PHONE = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
_PHONE_MARKS = re.compile(r"[\s().\-/]")
_SEPARATORS = {"words": r"[;\n]", "needs": r"[;,\n]"}
_MOST_REMEMBERED = 5000
_MOST_NAMED = 8


def neutral(text: str) -> str:
    """Return text that a spreadsheet program will not take for a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def plain(text: str) -> str:
    """Take the mark of `neutral` off again."""
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA_STARTS) else text


def cell_text(cell: object) -> str:
    """Return a cell as the text that a person sees in it; empty for an empty cell."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return plain(cell.strip())
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, datetime | date):
        return dates.read_date(cell) or ""
    if isinstance(cell, time):
        return cell.isoformat(timespec="minutes")
    # A number that was typed as digits comes back as a float: a document's number has no decimal part.
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


class CellReader:
    """Reads the cells of one column into the values of one field."""

    def __init__(self, field: Field, column: ColumnMapping, order: DateOrder, country: str) -> None:
        self.field = field
        self.country = country
        self._order: DateOrder = order
        self._pattern = column.date_format
        self._values = {folded_word(key): value for key, value in column.values.items()}
        separator = (
            re.escape(column.separator) if column.separator else _SEPARATORS.get(field.kind, r"[;,\n]")
        )
        self._parts = re.compile(separator)
        self._known: dict[object, Value | None] = {}

    def read(self, cell: object) -> Value | None:
        """Return the cell's value, or None for an empty one; FieldError says what is accepted."""
        # True and 1 are equal and hash alike, but a person sees two different cells.
        key = (type(cell), cell)
        if key in self._known:
            return self._known[key]
        value = self._read(cell)
        if value is not None:
            check_value(self.field, value)
        if len(self._known) < _MOST_REMEMBERED:
            self._known[key] = value
        return value

    def _read(self, cell: object) -> Value | None:
        text = cell_text(cell)
        if not text or text in _DASHES:
            return None
        if text in _ERRORS:
            raise FieldError("the cell holds an error of the spreadsheet program")
        text = self._meant(text)
        if self.field.kind == "date":
            return self._date(cell if text == cell_text(cell) else text)
        return _KINDS[self.field.kind](self, text)

    def _meant(self, text: str) -> str:
        """Return what the mapping says that somebody's own word means."""
        meant = self._values.get(folded_word(text), text)
        if not meant:
            raise FieldError("the mapping does not say yet what stands for this word")
        return meant

    def entries(self, text: str) -> list[str]:
        """Part a list's text into its entries, each translated by the mapping, each once."""
        return list(dict.fromkeys(self._meant(part) for part in self.parted(text)))

    def parted(self, text: str) -> list[str]:
        """Part a list's text into its entries, as they stand."""
        return [stripped for part in self._parts.split(text) if (stripped := part.strip())]

    def _date(self, cell: object) -> str:
        found = dates.read_date(cell, self._order, self._pattern)
        if found is None:
            raise FieldError(dates.ACCEPTED)
        return found


def folded_word(text: str) -> str:
    """Return a word of a cell as it is compared: without case, accents or script."""
    return " ".join(words(text)) or text.casefold().strip()


def _text(_reader: CellReader, text: str) -> Value:
    return text


def _words(reader: CellReader, text: str) -> Value:
    return reader.entries(text)


def _phone(reader: CellReader, text: str) -> Value:
    compact = _PHONE_MARKS.sub("", text)
    return compact if _PHONE.fullmatch(compact) else "+" + phone_digits(text, reader.country)


def _number(_reader: CellReader, text: str) -> Value:
    if not (text.isascii() and text.isdigit()):
        raise FieldError("accepted: a whole number")
    return int(text)


def _flag(_reader: CellReader, text: str) -> Value:
    if (said := text.casefold()) in YES:
        return True
    if said in NO:
        return False
    raise FieldError("accepted: yes or no")


def _code(reader: CellReader, text: str) -> Value:
    return _one_code(reader.field, text)


def _codes(reader: CellReader, text: str) -> Value:
    return list(dict.fromkeys(_one_code(reader.field, entry) for entry in reader.entries(text)))


def _one_code(field: Field, text: str) -> str:
    found = by_name(field.codes).get(folded_word(text))
    if found is None:
        raise FieldError(f"accepted: a code or label of the list “{field.codes}”{_listed(field.codes)}")
    return found


def _listed(vocabulary: str) -> str:
    labels = VOCABULARIES[vocabulary].values()
    return f": {', '.join(labels)}" if len(labels) <= _MOST_NAMED else ", see the sheet of codes"


@cache
def by_name(vocabulary: str) -> dict[str, str]:
    """Return a vocabulary's codes by everything that is understood for them."""
    codes = VOCABULARIES[vocabulary]
    own = {folded_word(word): code for code, said in own_words().get(vocabulary, {}).items() for word in said}
    labels = {folded_word(label): code for code, label in codes.items()}
    return own | labels | {folded_word(code): code for code in codes}


@cache
def own_words() -> dict[str, dict[str, list[str]]]:
    """Return what codes are called in people's own spreadsheets, by vocabulary and code."""
    text = resources.files("iars_node.cases.spreadsheet").joinpath("cell_words.toml").read_text("utf-8")
    found: dict[str, Any] = tomllib.loads(text)
    return found


def _country(_reader: CellReader, text: str) -> Value:
    found = names.countries().get(folded_word(text))
    if found is None:
        raise FieldError(COUNTRY)
    return found


def _countries(reader: CellReader, text: str) -> Value:
    return list(dict.fromkeys(cast("str", _country(reader, entry)) for entry in reader.entries(text)))


def _language(_reader: CellReader, text: str) -> Value:
    found = names.languages().get(folded_word(text))
    if found is None:
        raise FieldError("accepted: a language's name, or its code such as sq")
    return found


def _languages(reader: CellReader, text: str) -> Value:
    return list(dict.fromkeys(cast("str", _language(reader, entry)) for entry in reader.entries(text)))


def _needs(reader: CellReader, text: str) -> Value:
    return [_need(entry) for entry in reader.entries(text)]


def _need(entry: str) -> dict[str, str]:
    service, priority, needed_by = (*(piece.strip() for piece in entry.split(":", 2)), "", "")[:3]
    code, urgency = by_name("service").get(folded_word(service)), folded_word(priority or "normal")
    by = dates.read_date(needed_by) if needed_by else None
    if code is None or urgency not in PRIORITIES or (needed_by and by is None):
        raise FieldError(
            "accepted: a service, its priority and the day it is needed by: SHELTER:urgent:2026-05-01"
        )
    need = {"service": code, "priority": urgency}
    return need if by is None else need | {"needed_by": by}


_KINDS: dict[str, Callable[[CellReader, str], Value]] = {
    "text": _text,
    "long-text": _text,
    "email": _text,
    "words": _words,
    "phone": _phone,
    "number": _number,
    "flag": _flag,
    "code": _code,
    "codes": _codes,
    "country": _country,
    "countries": _countries,
    "language": _language,
    "languages": _languages,
    "needs": _needs,
}
