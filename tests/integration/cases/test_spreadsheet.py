"""Importing spreadsheets: the template and people's own, all rows or none, again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.integration.cases.sheets import HEADERS, ROWS, book, bring_in, counts, the_case

from iars_node.cases.model import Assignment
from iars_node.cases.service import (
    list_cases,
    lock_content,
    open_case,
    read_case,
    snapshot,
    write_scope,
)
from iars_node.cases.spreadsheet import (
    dry_run,
    import_cases,
    read_spreadsheet,
    suggest_mapping,
)
from iars_node.cases.spreadsheet.cells import COUNTRY
from iars_node.cases.spreadsheet.dates import ACCEPTED
from iars_node.errors import ConflictError, ForbiddenError, InvalidError
from iars_node.work import SYSTEM, Actor

if TYPE_CHECKING:
    from pathlib import Path

    from iars_node.cases.model import Case
    from iars_node.work import Works


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return book(tmp_path / "cases.xlsx", HEADERS, *ROWS)


def test_rows_become_cases_as_if_opened_one_by_one(works: Works, worker: Actor, file: Path) -> None:
    report = bring_in(works, worker, file)
    assert (counts(report), report.faults, report.is_written) == ((3, 0, 0), (), True)
    case = the_case(works, worker, "шевченко")
    with works.write(worker) as work:
        assert snapshot(work, case.id) == {
            "identity": {"given_name": "Олена", "family_name": "Шевченко", "birth_date": "1998~"},
            "demographics": {"citizenships": ["UA", "MD"], "age_band": "27-29", "track": "third-country"},
        }
        record = read_case(work, case.id)
        assert record.external_number == "18/26"
        held = record.scopes["identity"].fields["given_name"]
        assert (held.source, held.basis, held.by) == ("own", "collected", worker.id)
        write_scope(work, case.id, "identity", {"alias": "Star"}, country="AL")
    assert the_case(works, worker, "star").id == case.id
    assert the_case(works, worker, "069 123 4567").id == the_case(works, worker, "BA 1234567").id


def test_importing_again_changes_nothing(works: Works, worker: Actor, file: Path) -> None:
    bring_in(works, worker, file)
    assert counts(bring_in(works, worker, file)) == (0, 0, 3)
    with works.write(worker) as work:
        assert len(list_cases(work).found) == 3


def test_importing_again_updates_what_changed_and_deletes_nothing(
    works: Works, worker: Actor, file: Path, tmp_path: Path
) -> None:
    bring_in(works, worker, file)
    changed = book(
        tmp_path / "b.xlsx", HEADERS, ["17/26", "Elira", "Kola", "", "", "", ""], ["20/26", "Besa", "Gashi"]
    )
    assert counts(bring_in(works, worker, changed)) == (1, 1, 0)
    case = the_case(works, worker, "kola")
    with works.write(worker) as work:
        assert snapshot(work, case.id)["identity"]["birth_date"] == "2004-05-17"


def test_without_a_file_number_the_document_knows_the_row_again(
    works: Works, worker: Actor, tmp_path: Path
) -> None:
    rows = [HEADERS, ["", "Elira", "Hoxha", "", "BA 123-4567"]]
    assert counts(bring_in(works, worker, book(tmp_path / "a.xlsx", *rows))) == (1, 0, 0)
    rows[1][4] = "ba1234567"
    rows[1][1] = "Elvira"
    assert counts(bring_in(works, worker, book(tmp_path / "b.xlsx", *rows))) == (0, 1, 0)


def test_every_fault_is_named_by_its_cell_and_nothing_is_written(
    works: Works, worker: Actor, tmp_path: Path
) -> None:
    path = book(
        tmp_path / "faulty.xlsx",
        HEADERS,
        ["1", "Ana", "Kola", "31.02.2004", "", "", "Atlantis"],
        ["2", "Ana", "Kola", "2004", "", "12", ""],
        ["2", "Ana", "Kola"],
        ["", "Ana", "Kola"],
        ["", "Ana", "Kola", "", "X1"],
        ["", "Ana", "Kola", "", "x-1"],
        ["3", "Ana", "Kola"],
        ["y" * 101, "Ana"],
    )
    report = bring_in(works, worker, path)
    assert [(fault.cell, fault.text) for fault in report.faults] == [
        (
            "D2",
            f"Date or year of birth: {ACCEPTED}.",
        ),
        ("G2", f"Citizenships: {COUNTRY}."),
        ("F3", "Phone: accepted: a phone number that begins with + and the country's code."),
        ("row 4", "The file number stands in row 3 of “Cases” too."),
        ("row 5", "This row has neither a file number nor a document number: it could not be known again."),
        ("row 7", "The document number stands in row 6 of “Cases” too."),
        ("row 9", "File number: accepted: 1 to 100 characters."),
    ]
    assert not report.is_written
    with works.write(worker) as work:
        assert list_cases(work).found == ()


def test_two_rows_of_one_case_are_a_fault(works: Works, worker: Actor, file: Path, tmp_path: Path) -> None:
    bring_in(works, worker, file)
    path = book(tmp_path / "b.xlsx", HEADERS, ["17/26", "Elira"], ["", "Elira", "", "", "BA1234567"])
    report = bring_in(works, worker, path)
    assert [(fault.cell, fault.text) for fault in report.faults] == [
        ("row 3", "This row is of the same case as row 2 of “Cases”.")
    ]


def test_a_document_of_several_cases_is_a_fault(
    works: Works, worker: Actor, file: Path, tmp_path: Path
) -> None:
    bring_in(works, worker, file)
    with works.write(worker) as work:
        open_case(work, country="AL", record={"identity": {"document_number": "BA1234567"}})
    report = bring_in(works, worker, book(tmp_path / "b.xlsx", HEADERS, ["", "Elira", "", "", "BA1234567"]))
    assert [fault.text for fault in report.faults] == [
        "Several cases here have this document number; give the row a file number."
    ]


def test_a_dry_run_tells_and_writes_nothing(works: Works, worker: Actor, file: Path) -> None:
    read = read_spreadsheet(file, country="AL")
    with works.read(worker) as work:
        report = dry_run(work, read, country="AL")
    assert (counts(report), report.is_written) == ((3, 0, 0), False)
    with works.write(worker) as work:
        assert list_cases(work).found == ()


def test_likely_duplicates_are_listed_here_and_in_the_file(
    works: Works, worker: Actor, elira: Case, tmp_path: Path
) -> None:
    path = book(
        tmp_path / "b.xlsx",
        HEADERS,
        ["1", "HOXHA", "Elira", "2004", "", "", ""],
        ["2", "Besa", "Gashi", "1999", "", "+355692223334", ""],
        ["3", "Besa", "Gashi", "1999", "", "", ""],
        ["4", "Besa", "Gashi", "1970", "", "", ""],
        ["5", "Drita", "Marku", "", "", "+355692223334", ""],
    )
    report = bring_in(works, worker, path)
    assert report.created == 5
    assert [(one.number, one.case_id, one.other, one.reasons) for one in report.duplicates] == [
        (2, elira.id, None, ("name",)),
        (4, None, "row 3 of “Cases”", ("name", "birth-date")),
        (6, None, "row 3 of “Cases”", ("phone",)),
    ]


def test_stages_and_assignments_are_taken_over(works: Works, worker: Actor, tmp_path: Path) -> None:
    path = book(tmp_path / "b.xlsx", ["File number", "Stage"], ["1", "Sheltered"], ["2", "travel-arranged"])
    read = read_spreadsheet(path, country="AL")
    seen: list[tuple[str, int]] = []
    with works.write(worker) as work:
        import_cases(
            work,
            read,
            country="AL",
            assignment=Assignment(team_id="7" * 32),
            training=True,
            progress=lambda phase, rows: seen.append((phase, rows)),
        )
        cases = [found.case for found in list_cases(work).found]
    assert {case.stage for case in cases} == {"sheltered", "travel-arranged"}
    assert {(case.team_id, case.training) for case in cases} == {("7" * 32, True)}
    assert seen == [("compare", 2), ("write", 2)]
    faulty = book(tmp_path / "c.xlsx", ["File number", "Stage"], ["3", "Closed"])
    assert bring_in(works, worker, faulty).faults[0].cell == "B2"


def test_formulas_come_as_values_and_errors_as_faults(works: Works, worker: Actor, tmp_path: Path) -> None:
    path = book(tmp_path / "b.xlsx", ["File number", "Given name"], ["1", "'=cmd()"], ["2", "#REF!"])
    report = bring_in(works, worker, path)
    assert [(fault.cell, fault.text) for fault in report.faults] == [
        ("B3", "Given name: the cell holds an error of the spreadsheet program.")
    ]


def test_what_is_no_spreadsheet_is_refused(tmp_path: Path) -> None:
    for name, octets in (("a.xlsx", b"not a zip"), ("b.txt", b"x"), ("c.xlsx", b"PK\x03\x04" + bytes(50))):
        (tmp_path / name).write_bytes(octets)
        with pytest.raises(InvalidError):
            read_spreadsheet(tmp_path / name, country="AL")
    with pytest.raises(InvalidError):
        read_spreadsheet(tmp_path / "missing.xlsx", country="AL")
    with pytest.raises(InvalidError):
        read_spreadsheet(book(tmp_path / "d.xlsx", ["a", "b"], [1, 2]), country="AL")
    with pytest.raises(InvalidError):
        suggest_mapping(book(tmp_path / "e.xlsx", []))


def test_only_roles_that_may_import_do(works: Works, doctor: Actor, file: Path) -> None:
    read = read_spreadsheet(file, country="AL")
    with works.write(doctor) as work, pytest.raises(ForbiddenError):
        import_cases(work, read, country="AL")
    coordinator = Actor("account", "e" * 32, frozenset({"coordinator"}))
    with works.write(coordinator) as work:
        assert import_cases(work, read, country="AL").is_written


def test_a_locked_case_stops_the_import_whole(
    works: Works, worker: Actor, file: Path, tmp_path: Path
) -> None:
    bring_in(works, worker, file)
    case = the_case(works, worker, "hoxha")
    with works.write(SYSTEM) as work:
        lock_content(work, case.id, "own")
    path = book(tmp_path / "b.xlsx", HEADERS, ["99", "New", "Person"], ["17/26", "Elvira"])
    with pytest.raises(ConflictError):
        bring_in(works, worker, path)
    with works.write(worker) as work:
        assert len(list_cases(work).found) == 3
