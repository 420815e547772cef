"""The shelter's spreadsheet: the import's own template, filled in as a person would."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node.cases.spreadsheet.cells import neutral
from iars_node.cases.spreadsheet.targets import EXTERNAL_NUMBER, STAGE
from iars_node.cases.spreadsheet.template import CASES, HEADER_ROW, columns, write_template

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from iars_admin.demo.people import Person
    from iars_protocol.record import Value

# The template's example row stays: the import leaves it out, and whoever opens the file sees how it is meant.
FIRST_ROW = HEADER_ROW + 2


def write_workbook(people: Iterable[Person], path: Path) -> None:
    """Write the people's cases as an .xlsx file."""
    # Imported late: few commands ever write a spreadsheet.
    from openpyxl import load_workbook  # noqa: PLC0415

    write_template(path)
    workbook = load_workbook(path)
    sheet = workbook[CASES]
    for row, person in enumerate(people, start=FIRST_ROW):
        for column, target in enumerate(columns(), start=1):
            if text := _cell(person, target):
                sheet.cell(row, column, neutral(text))
    workbook.save(path)


def _cell(person: Person, target: str) -> str:
    if target == EXTERNAL_NUMBER:
        return person.file_number
    if target == STAGE:
        return person.stage
    scope, _, name = target.partition(".")
    value = person.record.get(scope, {}).get(name)
    return "" if value is None else _text(value)


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "; ".join(entry if isinstance(entry, str) else _need(entry) for entry in value)
    return str(value)


def _need(need: dict[str, str]) -> str:
    return ":".join(need[name] for name in ("service", "priority", "needed_by") if name in need)
