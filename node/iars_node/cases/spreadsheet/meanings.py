"""People's own words for codes, countries and languages: which are not understood, and what they may mean.

A suggestion is never taken by itself: what is spelt alike is not always the same.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from iars_node.cases import names
from iars_node.cases.spreadsheet.cells import CellReader, by_name, cell_text, folded_word
from iars_node.cases.spreadsheet.headers import folded
from iars_node.cases.spreadsheet.targets import importable_fields
from iars_protocol.errors import FieldError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from iars_node.cases.spreadsheet.model import ColumnMapping, SheetMapping
    from iars_node.cases.spreadsheet.workbook import Cells
    from iars_protocol.record import Field

WORDED = frozenset({"code", "codes", "country", "countries", "language", "languages", "flag"})
"""The kinds of fields whose values come from a list, so that people have words of their own for them."""

LISTED = frozenset({"codes", "countries", "languages"})
MOST_WORDS = 50
LONGEST_WORD = 60
_ALIKE = 80
_CLEARLY = 5
_SAME_BEGINNING = 3


def with_own_words(mapping: SheetMapping, headers: Cells, rows: Iterable[Cells]) -> SheetMapping:
    """Return a mapping that lists every word that is not understood, with what it most likely means."""
    places = {folded(header): place for place, header in enumerate(headers) if folded(header)}
    fields = importable_fields()
    asked = {
        places[folded(column.header)]: _Column(column, fields[column.target])
        for column in mapping.columns
        if column.target in fields and fields[column.target].kind in WORDED
    }
    for cells in rows:
        for place, column in asked.items():
            if place < len(cells):
                column.look_at(cells[place])
    by_target = {column.mapping.target: column.answered() for column in asked.values()}
    return replace(mapping, columns=tuple(by_target.get(one.target, one) for one in mapping.columns))


class _Column:
    """One column's words that are not understood, each once, as it was first written."""

    def __init__(self, mapping: ColumnMapping, field: Field) -> None:
        self.mapping = mapping
        self._field = field
        self._reader = CellReader(field, mapping, "dmy", "")
        self._words: dict[str, str] = {}
        self._seen: set[str] = set()

    def look_at(self, cell: object) -> None:
        text = cell_text(cell)
        if text in self._seen or len(self._words) >= MOST_WORDS:
            return
        self._seen.add(text)
        for word in self._reader.parted(text) if self._field.kind in LISTED else [text]:
            if len(word) <= LONGEST_WORD and not _is_read(self._reader, word):
                self._words.setdefault(folded_word(word), word)

    def answered(self) -> ColumnMapping:
        values = {word: likely_code(self._field, word) for word in self._words.values()}
        return replace(self.mapping, values={**self.mapping.values, **values})


def _is_read(reader: CellReader, word: str) -> bool:
    try:
        reader.read(word)
    except FieldError:
        return False
    return True


def likely_code(field: Field, word: str) -> str:
    """Return the code that a word most likely means, or nothing where that is a guess."""
    if field.kind in ("code", "codes"):
        return _closest(folded_word(word), by_name(field.codes))
    if field.kind in ("language", "languages"):
        return _closest(folded_word(word), names.languages())
    if field.kind in ("country", "countries"):
        return _country(folded_word(word))
    return ""


def _country(word: str) -> str:
    # A language names a country that is called alike: Polish is Poland's, English is no single country's.
    language = names.languages().get(word)
    code = names.most_likely_country(language) if language else ""
    called = [name for name, other in names.countries().items() if other == code]
    if any(name[:_SAME_BEGINNING] == word[:_SAME_BEGINNING] for name in called):
        return code
    return _closest(word, names.countries())


def _closest(word: str, known: Mapping[str, str]) -> str:
    from rapidfuzz import fuzz, process  # noqa: PLC0415 - a few megabytes, for who imports spreadsheets

    found = process.extract(word, known.keys(), scorer=fuzz.ratio, score_cutoff=_ALIKE, limit=20)
    begun = [(known[name], score) for name, score, _place in found if name[:2] == word[:2]]
    if not begun:
        return ""
    code, best = begun[0]
    # “Dominican” is as near to one country as to another: then a person has to say it.
    others = {other for other, score in begun if other != code and score > best - _CLEARLY}
    others |= {other for name, other in known.items() if name.startswith(f"{word} ") and other != code}
    return "" if others else code
