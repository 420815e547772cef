"""What an import reads, finds faulty, plans and reports."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iars_protocol.record import Record

DateOrder: TypeAlias = Literal["dmy", "mdy", "ymd"]


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Where a column goes: its header as it stands, and the scope and field that its cells fill.

    `values` translates whole cells (or list entries); `separator` parts the entries of lists;
    `date_format` is a pattern of strptime for dates that are written in words.
    """

    header: str
    target: str
    separator: str = ""
    date_format: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SheetMapping:
    """How a spreadsheet's columns become fields. Without `sheets` the first that has the headers is read."""

    columns: tuple[ColumnMapping, ...]
    sheets: tuple[str, ...] = ()
    header_row: int | None = None
    date_order: DateOrder = "dmy"


@dataclass(frozen=True, slots=True)
class Fault:
    """One cell, or one row, that can't be used: where it is, and what is accepted. Never the value."""

    sheet: str
    cell: str
    text: str


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One row of a spreadsheet, checked."""

    sheet: str
    number: int
    external_number: str | None = field(repr=False)
    stage: str | None
    record: Record = field(repr=False)

    @property
    def place(self) -> str:
        """Where the row stands, for a sentence."""
        return f"row {self.number} of “{self.sheet}”"


@dataclass(frozen=True, slots=True)
class Spreadsheet:
    """Everything read from a spreadsheet: good rows, every fault, headers that nothing was made of."""

    rows: tuple[CaseRow, ...]
    faults: tuple[Fault, ...]
    unmapped: tuple[str, ...]
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class LikelyRow:
    """A row that is probably of the same person as a case here, or as an earlier row of the file."""

    sheet: str
    number: int
    case_id: str | None
    other: str | None
    score: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, or would do. With faults nothing was written."""

    rows: int
    created: int
    updated: int
    unchanged: int
    faults: tuple[Fault, ...]
    duplicates: tuple[LikelyRow, ...]
    unmapped: tuple[str, ...]
    is_written: bool
