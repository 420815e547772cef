"""What the node writes as a spreadsheet: the template and the export, both read by its own import."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from openpyxl import load_workbook
from tests.integration.cases.sheets import bring_in, counts

from iars_node.cases.service import (
    snapshot,
    write_scope,
)
from iars_node.cases.spreadsheet import (
    export_cases,
    write_template,
)
from iars_node.cases.spreadsheet.template import CASES, HEADER_ROW, columns
from iars_node.errors import ForbiddenError

if TYPE_CHECKING:
    from pathlib import Path

    from iars_node.cases.model import Case
    from iars_node.work import Actor, Works


def test_the_template_is_read_by_its_own_import(works: Works, worker: Actor, tmp_path: Path) -> None:
    path = tmp_path / "template.xlsx"
    write_template(path)
    assert counts(bring_in(works, worker, path)) == (0, 0, 0)
    workbook = load_workbook(path)
    sheet = workbook[CASES]
    places = {target: index for index, target in enumerate(columns(), start=1)}
    sheet.cell(HEADER_ROW + 2, places["external_number"], "1")
    for target, text in (
        ("identity.given_name", "Ana"),
        ("demographics.gender", "Feminine"),
        ("exploitation.status", "Trafficked"),
        ("services.needs", "SHELTER:urgent"),
        ("family.unaccompanied", "yes"),
    ):
        sheet.cell(HEADER_ROW + 2, places[target], text)
    assert len(sheet.data_validations.dataValidation) > 10
    workbook.save(path)
    report = bring_in(works, worker, path)
    assert (counts(report), report.faults, report.unmapped) == ((1, 0, 0), (), ())


def test_what_is_exported_is_imported_again_without_a_change(
    works: Works, supervisor: Actor, elira: Case, tmp_path: Path
) -> None:
    with works.write(supervisor) as work:
        for scope, fields in (
            ("identity", {"given_name": "=HYPERLINK(1)", "other_names": ["@a", "-b"]}),
            ("services", {"needs": [{"service": "SHELTER", "priority": "urgent", "needed_by": "2026-05"}]}),
            ("family", {"unaccompanied": True, "children": 2}),
            ("demographics", {"languages": ["sq", "en"]}),
            ("safety", {"threats": "+1 person\nwaits"}),
        ):
            write_scope(work, elira.id, scope, fields, country="AL")  # type: ignore[arg-type]
        before = snapshot(work, elira.id)
        assert export_cases(work, [elira.id], tmp_path / "out.xlsx") == 1
    sheet = load_workbook(tmp_path / "out.xlsx").worksheets[0]
    cells = [cell for row in sheet.iter_rows(min_row=2) for cell in row if cell.value is not None]
    assert all(
        cell.data_type != "f" and not str(cell.value).startswith(("=", "+", "-", "@")) for cell in cells
    )
    assert counts(bring_in(works, supervisor, tmp_path / "out.xlsx")) == (0, 0, 1)
    with works.write(supervisor) as work:
        assert snapshot(work, elira.id) == before


def test_only_roles_that_may_export_do_and_only_their_scopes(
    works: Works, worker: Actor, supervisor: Actor, elira: Case, tmp_path: Path
) -> None:
    with works.write(worker) as work, pytest.raises(ForbiddenError):
        export_cases(work, [elira.id], tmp_path / "out.xlsx")
    with works.write(supervisor) as work:
        export_cases(work, [elira.id], tmp_path / "out.xlsx", scopes=["demographics"])
    sheet = load_workbook(tmp_path / "out.xlsx").worksheets[0]
    assert "Given name" not in [cell.value for cell in sheet[1]]
