"""Spreadsheets as people keep them, for the tests of importing and exporting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openpyxl import Workbook

from iars_node.cases.service import (
    search_cases,
)
from iars_node.cases.spreadsheet import (
    import_cases,
    read_spreadsheet,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from iars_node.cases.model import Case
    from iars_node.cases.spreadsheet.model import ImportReport, SheetMapping
    from iars_node.work import Actor, Works


HEADERS = [
    "File number",
    "Given name",
    "Family name",
    "Date or year of birth",
    "Document number",
    "Phone",
    "Citizenships",
]


ROWS: list[list[Any]] = [
    ["17/26", "Elira", "Hoxha", "17.05.2004", "BA1234567", "+355691234567", "Albania"],
    ["18/26", "Олена ", "Шевченко", "ca. 1998", "", "", "Україна; MD"],
    ["19/26", "Amina", "Bello", 2001, "", "", "Nigeria"],
]


def book(path: Path, *rows: Sequence[Any], sheet: str = "Cases") -> Path:
    workbook = Workbook()
    active = workbook.worksheets[0]
    active.title = sheet
    for row in rows:
        active.append(list(row))
    workbook.save(path)
    return path


def bring_in(works: Works, actor: Actor, path: Path, mapping: SheetMapping | None = None) -> ImportReport:
    read = read_spreadsheet(path, mapping, country="AL")
    with works.write(actor) as work:
        return import_cases(work, read, country="AL")


def counts(report: ImportReport) -> tuple[int, int, int]:
    return report.created, report.updated, report.unchanged


def the_case(works: Works, worker: Actor, text: str) -> Case:
    with works.write(worker) as work:
        (found,) = search_cases(work, text, country="AL").found
    return found.case
