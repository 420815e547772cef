from __future__ import annotations

from typing import TYPE_CHECKING

from openpyxl import load_workbook

from iars_admin.demo.people import PEOPLE, synthetic_year
from iars_admin.demo.workbook import write_workbook
from iars_node.cases.spreadsheet.importing import dry_run, import_cases
from iars_node.cases.spreadsheet.reading import read_spreadsheet
from iars_node.cases.spreadsheet.template import CASES
from iars_node.work import Actor

if TYPE_CHECKING:
    from pathlib import Path

    from iars_node.work import Works

YEAR = 2025
SUPERVISOR = Actor("account", "b" * 32, frozenset({"supervisor"}))


def test_every_row_passes_the_imports_dry_run_and_is_imported(works: Works, tmp_path: Path) -> None:
    people = synthetic_year(YEAR)
    write_workbook(people, tmp_path / "cases.xlsx")
    read = read_spreadsheet(tmp_path / "cases.xlsx", country="AL")
    with works.write(SUPERVISOR) as work:
        planned = dry_run(work, read, country="AL")
        assert (planned.faults, planned.unmapped, planned.rows, planned.created) == ((), (), PEOPLE, PEOPLE)
        assert import_cases(work, read, country="AL", training=True).is_written
        again = dry_run(work, read, country="AL")
    assert (again.created, again.updated, again.unchanged) == (0, 0, PEOPLE)


def test_the_spreadsheet_says_exactly_what_was_drawn(tmp_path: Path) -> None:
    people = synthetic_year(YEAR)
    write_workbook(people, tmp_path / "cases.xlsx")
    rows = read_spreadsheet(tmp_path / "cases.xlsx", country="AL").rows
    assert [(row.external_number, row.stage, row.record) for row in rows] == [
        (person.file_number, person.stage, person.record) for person in people
    ]


def test_no_cell_is_a_formula(tmp_path: Path) -> None:
    write_workbook(synthetic_year(YEAR), tmp_path / "cases.xlsx")
    for row in load_workbook(tmp_path / "cases.xlsx")[CASES].iter_rows():
        assert all(cell.data_type != "f" for cell in row)
