"""Reading a spreadsheet: every row checked, every fault named by its cell, nothing written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from iars_node.cases.model import STAGES
from iars_node.cases.service.opening import checked_external_number
from iars_node.cases.spreadsheet.cells import CellReader, cell_text
from iars_node.cases.spreadsheet.headers import find_header_row, folded, suggest
from iars_node.cases.spreadsheet.model import CaseRow, ColumnMapping, Fault, SheetMapping, Spreadsheet
from iars_node.cases.spreadsheet.targets import EXTERNAL_NUMBER, FULL_NAME, STAGE, importable_fields
from iars_node.cases.spreadsheet.workbook import open_workbook
from iars_node.errors import InvalidError
from iars_node.vault.words import document_number
from iars_protocol.errors import FieldError

if TYPE_CHECKING:
    from iars_node.cases.spreadsheet.workbook import Cells, Sheets, Source
    from iars_protocol.record import Record

Progress: TypeAlias = Callable[[str, int], None]

EXAMPLE = "example"
"""A row whose file number begins with this word is the template's example and is left out."""

_ROWS_PER_REPORT = 500
_LETTERS = 26


def read_spreadsheet(
    path: Source, mapping: SheetMapping | None = None, *, country: str, progress: Progress | None = None
) -> Spreadsheet:
    """Read and check a spreadsheet; without a mapping, by the headers of the template.

    `country` is that of phone numbers written without a code.
    """
    reading = _Reading(mapping, country, progress or (lambda _phase, _rows: None))
    with open_workbook(path) as sheets:
        for name in _chosen(sheets, mapping):
            reading.read_sheet(name, sheets)
    return Spreadsheet(
        tuple(reading.rows), tuple(reading.faults), tuple(reading.unmapped), frozenset(reading.scopes)
    )


def _chosen(sheets: Sheets, mapping: SheetMapping | None) -> tuple[str, ...]:
    if mapping is not None and mapping.sheets:
        if missing := set(mapping.sheets) - set(sheets.names):
            raise InvalidError("A sheet of the mapping is missing.", dict.fromkeys(missing, "no such sheet"))
        return mapping.sheets
    for name in sheets.names:
        if find_header_row(sheets.top(name), mapping) is not None:
            return (name,)
    raise InvalidError(
        "No row of headers was found in the spreadsheet.", {"file": "accepted: headers in a row"}
    )


@dataclass(slots=True)
class _Columns:
    """Which cell of a row fills what."""

    readers: list[tuple[int, str, str, CellReader]] = field(default_factory=list)
    beside: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Reading:
    """What has been read so far; rows of all sheets are one import."""

    mapping: SheetMapping | None
    country: str
    progress: Progress
    rows: list[CaseRow] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    unmapped: list[str] = field(default_factory=list)
    scopes: set[str] = field(default_factory=set)
    _seen: dict[tuple[str, str], str] = field(default_factory=dict)

    def read_sheet(self, name: str, sheets: Sheets) -> None:
        """Read the rows below a sheet's headers."""
        top = sheets.top(name)
        header = self._header_row(name, top)
        columns = self._columns(name, header + 1, top[header])
        for number, cells in sheets.rows(name):
            if number > header + 1 and any(cell is not None and cell != "" for cell in cells):
                self._read_row(name, number, cells, columns)
                if len(self.rows) % _ROWS_PER_REPORT == 0:
                    self.progress("read", len(self.rows))
        self.progress("read", len(self.rows))

    def _header_row(self, name: str, top: list[Cells]) -> int:
        if self.mapping is not None and self.mapping.header_row is not None:
            header: int | None = self.mapping.header_row - 1
        else:
            header = find_header_row(top, self.mapping)
        if header is None or header >= len(top):
            raise InvalidError(
                "No row of headers was found in a sheet.", {name[:31]: "accepted: headers in a row"}
            )
        return header

    def _columns(self, sheet: str, number: int, headers: Cells) -> _Columns:
        mapping = self.mapping or SheetMapping(suggest(headers, also_similar=False))
        places: dict[str, list[int]] = {}
        for index, header in enumerate(headers):
            if text := folded(header):
                places.setdefault(text, []).append(index)
        columns = _Columns()
        for column in mapping.columns:
            found = places.pop(folded(column.header), [])
            if len(found) == 1:
                self._add_column(columns, found[0], column, mapping)
            else:
                said = "is missing" if not found else "stands here more than once"
                self.faults.append(Fault(sheet, f"row {number}", f"The column “{column.header}” {said}."))
        self.unmapped += [str(headers[index]).strip() for found in places.values() for index in found]
        return columns

    def _add_column(
        self, columns: _Columns, index: int, column: ColumnMapping, mapping: SheetMapping
    ) -> None:
        known = importable_fields().get(column.target)
        if known is None:
            columns.beside[column.target] = index
            return
        scope, _, name = column.target.partition(".")
        reader = CellReader(known, column, mapping.date_order, self.country)
        columns.readers.append((index, scope, name, reader))
        self.scopes.add(scope)

    def _read_row(self, sheet: str, number: int, cells: Cells, columns: _Columns) -> None:
        beside = {name: cell_text(_cell(cells, index)) for name, index in columns.beside.items()}
        external = beside.get(EXTERNAL_NUMBER) or None
        if external and external.casefold().startswith(EXAMPLE):
            return
        before = len(self.faults)
        record = self._record(sheet, number, cells, columns)
        _add_full_name(record, beside.get(FULL_NAME, ""))
        stage = self._stage(sheet, number, columns, beside.get(STAGE, ""))
        self._check_number(sheet, number, external, record)
        if len(self.faults) == before:
            self.rows.append(CaseRow(sheet, number, external, stage, record))

    def _record(self, sheet: str, number: int, cells: Cells, columns: _Columns) -> Record:
        record: Record = {}
        for index, scope, name, reader in columns.readers:
            cell = _cell(cells, index)
            if cell is None:
                continue
            try:
                value = reader.read(cell)
            except FieldError as error:
                where = f"{column_letters(index)}{number}"
                self.faults.append(Fault(sheet, where, f"{reader.field.label}: {error}."))
                continue
            if value is not None:
                record.setdefault(scope, {})[name] = value
        return record

    def _stage(self, sheet: str, number: int, columns: _Columns, text: str) -> str | None:
        if not text:
            return None
        known = {folded(label): code for code, label in STAGES.items()} | {
            folded(code): code for code in STAGES
        }
        stage = known.get(folded(text))
        if stage is None or stage == "closed":
            where = f"{column_letters(columns.beside[STAGE])}{number}"
            accepted = ", ".join(label for code, label in STAGES.items() if code != "closed")
            self.faults.append(Fault(sheet, where, f"Stage: accepted: {accepted}."))
        return stage

    def _check_number(self, sheet: str, number: int, external: str | None, record: Record) -> None:
        row = f"row {number}"
        document = str(record.get("identity", {}).get("document_number", ""))
        if external:
            try:
                checked_external_number(external)
            except InvalidError as error:
                self.faults.append(Fault(sheet, row, f"File number: {error.faults['external_number']}."))
            key = ("file number", "".join(external.casefold().split()))
        elif document:
            key = ("document number", document_number(document))
        else:
            said = "This row has neither a file number nor a document number: it could not be known again."
            self.faults.append(Fault(sheet, row, said))
            return
        here = f"row {number} of “{sheet}”"
        first = self._seen.setdefault(key, here)
        if first != here:
            self.faults.append(Fault(sheet, row, f"The {key[0]} stands in {first} too."))


def column_letters(index: int) -> str:
    """Return a column's letters as spreadsheet programs show them, from 0 for A."""
    letters = ""
    index += 1
    while index:
        index, digit = divmod(index - 1, _LETTERS)
        letters = chr(ord("A") + digit) + letters
    return letters


def _cell(cells: Cells, index: int) -> object:
    return cells[index] if index < len(cells) else None


def _add_full_name(record: Record, text: str) -> None:
    # The last word stands for the family name; a person who knows better maps two columns.
    *given, family = text.split() or [""]
    identity = record.setdefault("identity", {}) if family else {}
    if given:
        identity.setdefault("given_name", " ".join(given))
        identity.setdefault("family_name", family)
    elif family:
        identity.setdefault("given_name", family)
