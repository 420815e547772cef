"""Which column is which: saved mappings, missing and doubled columns, names in one cell."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

import pytest
from openpyxl import Workbook
from tests.integration.cases.sheets import book, bring_in, counts, the_case

from iars_node.cases.service import (
    snapshot,
)
from iars_node.cases.spreadsheet import (
    load_mapping,
    read_spreadsheet,
    save_mapping,
    suggest_mapping,
)
from iars_node.cases.spreadsheet.model import ColumnMapping, SheetMapping
from iars_node.errors import InvalidError

if TYPE_CHECKING:
    from pathlib import Path

    from iars_node.work import Actor, Works


def test_titles_empty_rows_and_odd_headers_do_no_harm(works: Works, worker: Actor, tmp_path: Path) -> None:
    path = tmp_path / "own.xlsx"
    workbook = Workbook()
    workbook.worksheets[0].title = "Notes"
    workbook.worksheets[0].append(["Nothing to see here"])
    sheet = workbook.create_sheet("Дела 2026")
    sheet.append(["Реестр дел, приют Тирана"])
    sheet.merge_cells("A1:F1")
    sheet.append([])
    sheet.append([" № дела ", "ФАМИЛИЯ", "имя", "Дата рождения", "Пол", "Любимый цвет", "Гражданство"])
    sheet.append(["Д-1", "Иванова", "Мария", datetime(1999, 3, 4), "Ж", "red", "Россия"])  # noqa: DTZ001 - as a cell
    sheet.append([])
    sheet.append(["Д-2", "Петрова", "Анна", "03.1998", "ж", "", "Украина, Молдова"])
    workbook.save(path)
    suggested = suggest_mapping(path)
    assert (suggested.sheets, suggested.header_row) == (("Дела 2026",), 3)
    targets = {column.header.strip(): column.target for column in suggested.columns}
    assert targets == {
        "№ дела": "external_number",
        "ФАМИЛИЯ": "identity.family_name",
        "имя": "identity.given_name",
        "Дата рождения": "identity.birth_date",
        "Пол": "demographics.gender",
        "Гражданство": "demographics.citizenships",
    }
    report = bring_in(works, worker, path, suggested)
    assert (counts(report), report.unmapped) == ((2, 0, 0), ("Любимый цвет",))
    case = the_case(works, worker, "Мария Иванова")
    with works.write(worker) as work:
        assert snapshot(work, case.id)["identity"]["birth_date"] == "1999-03-04"
        assert snapshot(work, case.id)["demographics"]["track"] == "third-country"


def test_own_words_are_suggested_reviewed_and_then_imported(
    works: Works, worker: Actor, tmp_path: Path
) -> None:
    rows = [["1", "Besa", "Hoxha", "F", "Albanian"], ["2", "Ana", "Munteanu", "woman", "Kosovar; Moldovan"]]
    headers = ["File no", "First name", "Surname", "Sex", "Nationality"]
    path = book(tmp_path / "own.xlsx", headers, *rows)
    suggested = suggest_mapping(path)
    citizenships = next(one for one in suggested.columns if one.header == "Nationality")
    assert dict(citizenships.values) == {"Albanian": "AL", "Kosovar": "", "Moldovan": "MD"}
    save_mapping(suggested, tmp_path / "own.toml")
    text = (tmp_path / "own.toml").read_text("utf-8")
    assert text.startswith("# How the columns")
    unreviewed = bring_in(works, worker, path, load_mapping(tmp_path / "own.toml"))
    assert [fault.cell for fault in unreviewed.faults] == ["E3"]
    (tmp_path / "own.toml").write_text(text.replace('"Kosovar" = ""', '"Kosovar" = "XK"'), "utf-8")
    report = bring_in(works, worker, path, load_mapping(tmp_path / "own.toml"))
    assert counts(report) == (2, 0, 0)
    case = the_case(works, worker, "Ana Munteanu")
    with works.write(worker) as work:
        assert snapshot(work, case.id)["demographics"]["citizenships"] == ["XK", "MD"]


@pytest.mark.parametrize("name", ["map.toml", "map.json"])
def test_a_mapping_is_saved_and_read_back(tmp_path: Path, name: str) -> None:
    mapping = SheetMapping(
        (
            ColumnMapping("Имя", "identity.given_name"),
            ColumnMapping(
                'The "types"', "exploitation.types", separator="/", values={"a b": "Servitude", "ж": "Other"}
            ),
            ColumnMapping("Born", "identity.birth_date", date_format="%d %B %Y"),
        ),
        ("Sheet 1", "Лист"),
        3,
        "mdy",
    )
    save_mapping(mapping, tmp_path / name)
    assert load_mapping(tmp_path / name) == mapping


@pytest.mark.parametrize(
    "plain",
    [
        "nonsense",
        [],
        {},
        {"column": []},
        {"column": [{"header": "x"}]},
        {"column": [{"header": "x", "target": "identity.shoe_size"}]},
        {"column": [{"header": "x", "target": "demographics.age_band"}]},
        {
            "column": [
                {"header": "x", "target": "identity.alias"},
                {"header": "y", "target": "identity.alias"},
            ]
        },
        {"column": [{"header": "x", "target": "identity.alias", "colour": "red"}]},
        {"column": [{"header": "x", "target": "identity.alias", "values": {"a": 1}}]},
        {"column": [{"header": "x", "target": "demographics.gender", "values": {"w": "Fem."}}]},
        {"column": [{"header": "x", "target": "demographics.citizenships", "values": {"w": "Albanian"}}]},
        {"column": [{"header": "x", "target": "identity.alias"}], "date_order": "ydm"},
        {"column": [{"header": "x", "target": "identity.alias"}], "header_row": 0},
        {"column": [{"header": "x", "target": "identity.alias"}], "sheets": "all"},
    ],
)
def test_a_mapping_that_can_not_be_used_is_refused(tmp_path: Path, plain: object) -> None:
    (tmp_path / "map.json").write_text(json.dumps(plain))
    with pytest.raises(InvalidError):
        load_mapping(tmp_path / "map.json")
    (tmp_path / "map.toml").write_text("= no")
    with pytest.raises(InvalidError):
        load_mapping(tmp_path / "map.toml")


def test_missing_and_doubled_columns_are_faults(works: Works, worker: Actor, tmp_path: Path) -> None:
    path = book(tmp_path / "b.xlsx", ["File number", "Phone", "Phone", "Given name"], ["1", "", "", "Ana"])
    report = bring_in(works, worker, path)
    assert [(fault.cell, fault.text) for fault in report.faults] == [
        ("row 1", "The column “Phone” stands here more than once.")
    ]
    mapping = SheetMapping(
        (ColumnMapping("File number", "external_number"), ColumnMapping("Born", "identity.birth_date"))
    )
    report = bring_in(works, worker, path, mapping)
    assert [fault.text for fault in report.faults] == ["The column “Born” is missing."]
    with pytest.raises(InvalidError):
        read_spreadsheet(path, SheetMapping(mapping.columns, sheets=("Other",)), country="AL")
    with pytest.raises(InvalidError):
        read_spreadsheet(path, SheetMapping(mapping.columns, header_row=9), country="AL")


def test_full_names_are_parted(works: Works, worker: Actor, tmp_path: Path) -> None:
    path = book(tmp_path / "b.xlsx", ["Case no", "Full name"], ["1", "Maria del Carmen Ruiz"], ["2", "Amina"])
    assert counts(bring_in(works, worker, path)) == (2, 0, 0)
    case = the_case(works, worker, "ruiz")
    with works.write(worker) as work:
        identity = snapshot(work, case.id)["identity"]
    assert identity == {"given_name": "Maria del Carmen", "family_name": "Ruiz"}
