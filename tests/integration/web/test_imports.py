from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.integration.web.spreadsheets import ROWS, path_after, uploaded, workbook
from tests.pages import Reader, World, add_account, everybodys_hash, words

from iars_node.cases import service as cases
from iars_node.cases.model import Filters
from iars_node.cases.spreadsheet import uploading
from iars_node.drafts.progress import Board, Step
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest
    from httpx2 import Response


def guessed(page: Response) -> dict[str, str]:
    found = re.findall(r'name="(column\.\d+)" value="([^"]*)"', page.text)
    return dict(found)


def chosen(page: Response) -> dict[str, str]:
    return {**guessed(page), "column.0": "File number", "date_order": "dmy"}


def here(world: World) -> int:
    with world.shelter.node.works.write(SYSTEM) as work:
        return len(cases.list_cases(work, filters=Filters(), limit=100).found)


def test_a_spreadsheet_becomes_cases_after_a_dry_run(either_world: World) -> None:
    world = either_world
    besa = Reader(world.shelter).enter()
    path = path_after(uploaded(besa, workbook(*ROWS)))
    columns = besa.get(f"{path}/columns")
    assert guessed(columns)["column.1"] == "Identity: Given name"
    assert "comes on Mondays" in columns.text
    sent = besa.post(f"{path}/columns", chosen(columns))
    assert sent.headers["location"] == path
    waiting = besa.get(path)
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in waiting.text
    assert "It has not begun yet." in waiting.text
    assert "Every row is being checked" in waiting.text
    world.shelter.run_jobs()
    report = words(besa.get(path).text)
    assert "What the check found" in report
    assert "Remarks" in report
    assert here(world) == 0
    assert besa.post(f"{path}/write").headers["location"] == path
    assert "The rows are being written" in besa.get(path).text
    world.shelter.run_jobs()
    done = besa.get(path)
    assert done.headers["location"] == "/imports?created=2&updated=0&unchanged=0"
    assert "2 cases were opened." in words(besa.get(done.headers["location"]).text)
    assert here(world) == 2
    found = besa.post("/cases/search", {"text": "2026/1"})
    assert 'class="link"' in found.text
    assert besa.get("/cases?show=mine").text.count('class="link"') == 2


def test_one_faulty_cell_keeps_every_row_out_and_each_is_named(world: World, besa: Reader) -> None:
    rows: list[list[object]] = [
        *ROWS,
        ["2026/3", "Nobody", "", "last spring", "Atlantis", ""],
        ["", "X", "", "", "", ""],
    ]
    path = path_after(uploaded(besa, workbook(*rows)))
    besa.post(f"{path}/columns", chosen(besa.get(f"{path}/columns")))
    world.shelter.run_jobs()
    page = besa.get(path)
    said = words(page.text)
    assert "D4" in said
    assert "E4" in said
    assert "row 5" in said
    assert "3 cells or rows can" in said
    assert "Date or year of birth: Write a date such as" in said
    assert "last spring" not in said
    # An address may name no page, or one with more digits than anybody counts.
    for place in ("0", "-1", "x", "9" * 4000):
        assert words(besa.get(f"{path}?page={place}").text) == said
    assert f'action="{path}/write"' not in page.text
    assert besa.post(f"{path}/write").status_code == 409
    world.shelter.run_jobs()
    assert here(world) == 0


def test_what_became_wrong_between_check_and_write_writes_nothing(world: World, besa: Reader) -> None:
    headers = ["File number", "First name", "Surname", "Document number"]
    rows = [["2026/1", "Ana", "Munteanu", ""], ["", "Elira", "Hoxha", "AB 123"]]
    path = path_after(uploaded(besa, workbook(*rows, headers=headers)))
    columns = guessed(besa.get(f"{path}/columns"))
    assert columns["column.3"] == "Identity: Document number"
    besa.post(f"{path}/columns", {**columns, "date_order": "dmy"})
    world.shelter.run_jobs()
    for _ in range(2):
        world.shelter.open_case({"identity": {"alias": "Stone", "document_number": "AB123"}})
    assert besa.post(f"{path}/write").headers["location"] == path
    world.shelter.run_jobs()
    assert here(world) == 2
    said = words(besa.get(path).text)
    assert "Several cases here have this document number" in said
    assert "1 cell or row can" in said


def test_columns_are_corrected_saved_and_used_again(world: World, besa: Reader) -> None:
    path = path_after(uploaded(besa, workbook(*ROWS)))
    wrong = {
        **chosen(besa.get(f"{path}/columns")),
        "column.5": "Shoe size",
        "column.2": "Identity: Given name",
    }
    answer = besa.post(f"{path}/columns", wrong)
    assert answer.status_code == 422
    assert 'value="Shoe size"' in answer.text
    assert 'href="#f-column.5"' in answer.text
    assert 'href="#f-column.2"' in answer.text
    good = {**chosen(besa.get(f"{path}/columns")), "column.5": "Identity: Code name", "name": "Our list"}
    assert besa.post(f"{path}/columns", good).status_code == 303
    again = path_after(uploaded(besa, workbook(*ROWS)))
    page = besa.get(f"{again}/columns")
    assert "Our list" in page.text
    saved = re.search(r'href="(/imports/[^"]+saved=[0-9a-f]{32})"', page.text)
    assert saved
    assert guessed(besa.get(saved[1]))["column.5"] == "Identity: Code name"
    assert "Our list" not in Reader(world.shelter).enter("ilir").get("/cases").text


def test_a_formula_is_never_computed_and_its_text_stays_text(world: World, besa: Reader) -> None:
    row: list[object] = [
        "2026/9",
        '\'=HYPERLINK("http://elsewhere.example")',
        "Hoxha",
        "2004",
        "Albania",
        "=1+1",
    ]
    path = path_after(uploaded(besa, workbook(row)))
    besa.post(f"{path}/columns", chosen(besa.get(f"{path}/columns")))
    world.shelter.run_jobs()
    besa.post(f"{path}/write")
    world.shelter.run_jobs()
    with world.shelter.node.works.write(SYSTEM) as work:
        found = cases.list_cases(work, limit=5).found[0].case
        record = cases.snapshot(work, found.id)
    assert record["identity"]["given_name"] == '=HYPERLINK("http://elsewhere.example")'


def test_an_import_is_its_owners_alone_and_can_be_deleted_with_its_file(world: World, besa: Reader) -> None:
    path = path_after(uploaded(besa, workbook(*ROWS)))
    draft_id = path.split("/")[2]
    other = Reader(world.shelter).enter("ilir")
    assert other.get(path).status_code in (403, 404)
    with world.shelter.node.works.read(SYSTEM) as work:
        row = work.connection.exec_driver_sql("SELECT sealed, file_sealed, key_id FROM draft").one()
    assert b"Munteanu" not in bytes(row.sealed)
    assert not bytes(row.file_sealed).startswith(b"PK")
    assert f'href="{path}"' in besa.get("/").text
    besa.post(f"/drafts/{draft_id}/delete")
    world.shelter.run_jobs()
    assert besa.get(path).status_code == 404
    assert world.shelter.node.vault.has_content_keys([bytes(row.key_id)]) == set()


def test_a_template_is_given_and_is_read_again(besa: Reader) -> None:
    given = besa.get("/imports/template.xlsx")
    assert given.content.startswith(b"PK")
    path_after(uploaded(besa, given.content))


def test_nothing_chosen_is_said_calmly(besa: Reader) -> None:
    besa.get("/imports")
    answer = besa.post("/imports")
    assert answer.status_code == 422
    assert "Choose a spreadsheet." in answer.text


def test_the_page_names_the_rows_that_are_done_while_the_job_works(
    either_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    node, other = either_world.shelter.node, Board(either_world.shelter.node.database)
    besa = Reader(either_world.shelter).enter()
    path = path_after(uploaded(besa, workbook(*ROWS)))
    draft_id = path.rpartition("/")[2]
    seen: list[tuple[Step, str]] = []
    plain_note = Board.note

    def note(board: Board, noted_id: str, step: Step) -> None:
        # As another process sees it, while the job's own transaction is open.
        plain_note(board, noted_id, step)
        shown = node.board if node.database.is_sqlite else other
        found = shown.step_of(draft_id)
        assert found
        seen.append((found, shown.mark()))

    monkeypatch.setattr(Board, "note", note)
    besa.post(f"{path}/columns", chosen(besa.get(f"{path}/columns")))
    either_world.shelter.run_jobs()
    besa.post(f"{path}/write")
    either_world.shelter.run_jobs()
    steps = [step for step, _mark in seen]
    assert Step("compare", 2, 2) in steps
    assert steps[-1] == Step("write", 2, 2)
    assert {step.phase for step in steps} == {"read", "compare", "write"}
    assert len({mark for _step, mark in seen}) == len(set(steps))
    assert node.board.step_of(draft_id) is None


def test_the_words_of_each_step_and_nothing_of_another_s_import(
    world: World, besa: Reader, visitor: Callable[..., Reader]
) -> None:
    path = path_after(uploaded(besa, workbook(*ROWS)))
    besa.post(f"{path}/columns", chosen(besa.get(f"{path}/columns")))
    board, draft_id = world.shelter.node.board, path.rpartition("/")[2]
    for step, said in (
        (Step("read", 700), "700 rows are read."),
        (Step("compare", 500, 1200), "500 of 1200 rows are checked."),
        (Step("write", 1000, 1200), "1000 of 1200 rows are written."),
    ):
        board.note(draft_id, step)
        assert said in words(besa.get(path).text)
    assert '<progress max="1200" value="1000">' in besa.get(path).text
    add_account(world.shelter, "drita", "Drita", "case-worker", everybodys_hash())
    assert visitor("drita").get(path).status_code == 404


def test_an_import_that_fails_leaves_no_progress_behind(
    world: World, besa: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = path_after(uploaded(besa, workbook(*ROWS)))
    besa.post(f"{path}/columns", chosen(besa.get(f"{path}/columns")))

    def broken(*_given: object, **_named: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr(uploading, "dry_run", broken)
        world.shelter.run_jobs()
    assert world.shelter.node.board.mark() == "[]"
    assert "It has not begun yet." in besa.get(path).text


def test_the_stream_of_imports_is_for_those_who_import(world: World, visitor: Callable[..., Reader]) -> None:
    assert visitor("ilir").get("/imports/changes").status_code == 403
    assert Reader(world.shelter).get("/imports/changes").headers["location"].startswith("/sign-in")
    assert visitor("besa").get("/imports/changes").text == ":\n\n"
