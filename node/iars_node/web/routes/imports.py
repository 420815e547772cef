"""Importing a spreadsheet: upload, say what its columns mean, look at a dry run, write all rows or none."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, get_args

from iars_node.cases import service as cases
from iars_node.cases.spreadsheet import uploading, write_template
from iars_node.cases.spreadsheet.guarding import MOST_ROWS
from iars_node.cases.spreadsheet.headers import folded
from iars_node.cases.spreadsheet.mapping import read_mapping
from iars_node.cases.spreadsheet.model import ColumnMapping, DateOrder, SheetMapping
from iars_node.drafts import service as drafts
from iars_node.web.languages import N_
from iars_node.web.pages import Pages
from iars_node.web.sheet_words import fault_said, targets, where_said
from iars_node.web.visit import Document, Page, Redirect, Sheet, Stream

if TYPE_CHECKING:
    from iars_node.drafts.model import Draft
    from iars_node.web.visit import Answer, Faults, Visit

pages = Pages()

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
DATE_ORDERS = {
    "dmy": N_("Day first: 17.05.2004"),
    "mdy": N_("Month first: 05/17/2004"),
    "ymd": N_("Year first: 2004-05-17"),
}
LONGEST_NAME = 60
FAULTS_ON_A_PAGE = 100
_COUNTS = ("created", "updated", "unchanged")
_LONGEST_COUNT = 9


@pages.get("/imports", "case.import")
def show_imports(visit: Visit) -> Answer:
    """Show the form for a file, and what was imported just now."""
    return _first(visit, Sheet())


@pages.upload("/imports", "case.import")
def upload(visit: Visit) -> Answer:
    """Take a file in; what is no plain spreadsheet is refused before anything opens it."""
    if not visit.file:
        raise visit.unfinished(
            lambda sheet: _first(visit, sheet), {"file": visit.gettext("Choose a spreadsheet.")}
        )
    with visit.keeping(lambda sheet: _first(visit, sheet)):
        kept = uploading.begin_import(visit.work, visit.file)
    return Redirect(f"/imports/{kept.id}/columns")


@pages.get("/imports/template.xlsx", "case.import")
def give_template(_visit: Visit) -> Answer:
    """Give an empty spreadsheet with every column."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "template.xlsx"
        write_template(path)
        return Document(path.read_bytes(), XLSX, "cases.xlsx")


@pages.get("/imports/changes", "case.import", is_unasked=True)
def tell_progress(_visit: Visit) -> Answer:
    """Tell a page that waits for an import that it may have got further."""
    return Stream(is_about_imports=True)


@pages.get("/imports/{draft_id}", "case.import", writes=True)
def show_import(visit: Visit, draft_id: str) -> Answer:
    """Show how far an import is. While it is worked on the page looks again by itself."""
    kept = drafts.get(visit.work, draft_id, "import")
    if kept.outcome:
        return Redirect(kept.outcome)
    state = kept.value("state")
    if state == uploading.COLUMNS:
        return Redirect(f"/imports/{draft_id}/columns")
    if state in (uploading.CHECKING, uploading.WRITING):
        step = visit.node.board.step_of(draft_id)
        return Page("import_waiting.html", {"kept": kept, "state": state, "step": step})
    return _report(visit, kept)


@pages.get("/imports/{draft_id}/columns", "case.import", writes=True)
def show_columns(visit: Visit, draft_id: str) -> Answer:
    """Show what each column most likely means, to be corrected."""
    kept = drafts.get(visit.work, draft_id, "import")
    if kept.outcome:
        return Redirect(kept.outcome)
    mapping = uploading.mapping_of(kept)
    if saved := visit.query.get("saved"):
        mapping = _fitting(kept, drafts.get(visit.work, saved, "mapping"), mapping)
    return _columns(visit, kept, Sheet(_typed(visit, kept, mapping)))


@pages.post("/imports/{draft_id}/columns", "case.import")
def check_columns(visit: Visit, draft_id: str) -> Answer:
    """Keep what the columns mean and ask for a dry run."""
    kept = drafts.get(visit.work, draft_id, "import", for_update=True)
    if kept.outcome:
        return Redirect(kept.outcome)
    mapping, faults = _mapping(visit, kept)
    name = visit.typed("name")
    if len(name) > LONGEST_NAME:
        faults["name"] = visit.gettext("Write a name of at most 60 characters.")
    if faults:
        raise visit.unfinished(lambda sheet: _columns(visit, kept, sheet), faults)
    with visit.keeping(lambda sheet: _columns(visit, kept, sheet)):
        uploading.check_with(visit.work, kept, mapping, training=visit.node.settings.training)
        if name:
            content = {"name": [name], "mapping": [json.dumps(_plain(mapping))]}
            drafts.begin(visit.work, "mapping", content)
    return Redirect(f"/imports/{draft_id}")


@pages.post("/imports/{draft_id}/write", "case.import")
def write(visit: Visit, draft_id: str) -> Answer:
    """Ask for the rows to be written: all of them, or none."""
    kept = drafts.get(visit.work, draft_id, "import", for_update=True)
    if kept.outcome:
        return Redirect(kept.outcome)
    uploading.ask_to_write(visit.work, kept)
    return Redirect(f"/imports/{draft_id}")


def _first(visit: Visit, sheet: Sheet) -> Page:
    counts = {name: visit.query.get(name, "") for name in _COUNTS}
    is_done = all(
        text.isascii() and text.isdigit() and len(text) <= _LONGEST_COUNT for text in counts.values()
    )
    return Page(
        "imports.html",
        {
            "sheet": sheet,
            "counts": {name: int(text) for name, text in counts.items()} if is_done else {},
            "begun": drafts.unfinished(visit.work, ["import"]),
            "megabytes": uploading.MOST_BYTES // (1024 * 1024),
            "rows": MOST_ROWS,
        },
    )


def _columns(visit: Visit, kept: Draft, sheet: Sheet) -> Page:
    return Page(
        "import_columns.html",
        {
            "sheet": sheet,
            "kept": kept,
            "columns": list(zip(kept.content["headers"], kept.content["samples"], strict=True)),
            "targets": targets(visit.speech),
            "orders": {code: visit.gettext(words) for code, words in DATE_ORDERS.items()},
            "saved": drafts.unfinished(visit.work, ["mapping"]),
        },
    )


def _typed(visit: Visit, kept: Draft, mapping: SheetMapping) -> dict[str, list[str]]:
    names = targets(visit.speech)
    by_header = {folded(column.header): names[column.target] for column in mapping.columns}
    typed = {
        f"column.{place}": [by_header[folded(header)]]
        for place, header in enumerate(kept.content["headers"])
        if folded(header) in by_header
    }
    return {**typed, "date_order": [mapping.date_order]}


def _mapping(visit: Visit, kept: Draft) -> tuple[SheetMapping, Faults]:
    by_name = {name.casefold(): target for target, name in targets(visit.speech).items()}
    before = uploading.mapping_of(kept)
    faults: Faults = {}
    columns: dict[str, ColumnMapping] = {}
    for place, header in enumerate(kept.content["headers"]):
        said = visit.typed(f"column.{place}")
        target = by_name.get(said.casefold()) if said else None
        if said and target is None:
            faults[f"column.{place}"] = visit.gettext("Choose from the suggestions, or leave it empty.")
        elif target in columns:
            faults[f"column.{place}"] = visit.gettext("Another column fills this already.")
        elif target:
            columns[target] = ColumnMapping(header, target)
    if not columns and not faults:
        faults["column.0"] = visit.gettext("Say what at least one column means.")
    orders: tuple[DateOrder, ...] = get_args(DateOrder)
    order = next((each for each in orders if each == visit.typed("date_order")), orders[0])
    return SheetMapping(tuple(columns.values()), before.sheets, before.header_row, order), faults


def _plain(mapping: SheetMapping) -> dict[str, object]:
    return {
        "date_order": mapping.date_order,
        "column": [{"header": column.header, "target": column.target} for column in mapping.columns],
    }


def _fitting(kept: Draft, saved: Draft, guessed: SheetMapping) -> SheetMapping:
    """Return a saved mapping as far as this file has its columns."""
    known = read_mapping(json.loads(saved.value("mapping")))
    here = {folded(header) for header in kept.content["headers"]}
    columns = tuple(column for column in known.columns if folded(column.header) in here)
    return SheetMapping(columns, guessed.sheets, guessed.header_row, known.date_order)


def _page_number(visit: Visit) -> int:
    """Return which page of the faults was asked for; the first where the address names none."""
    place = visit.query.get("page", "")
    # An address can hold a number as long as itself, and reading that takes its time.
    is_number = place.isascii() and place.isdigit() and len(place) <= _LONGEST_COUNT
    return max(int(place), 1) if is_number else 1


def _report(visit: Visit, kept: Draft) -> Page:
    report = uploading.report_of(kept)
    number = _page_number(visit)
    start = (number - 1) * FAULTS_ON_A_PAGE
    faults = [
        (each["sheet"], where_said(visit.speech, each["cell"]), fault_said(visit.speech, each["text"]))
        for each in report["faults"][start : start + FAULTS_ON_A_PAGE]
    ]
    alike = [
        (each["number"], cases.case_head(visit.work, each["case_id"]) if each["case_id"] else None)
        for each in report["duplicates"]
    ]
    problem = kept.value("problem")
    return Page(
        "import_report.html",
        {
            "kept": kept,
            "report": report,
            "problem": visit.speech.sentence(problem) if problem else "",
            "faults": faults,
            "number": number,
            "is_more": start + FAULTS_ON_A_PAGE < len(report["faults"]),
            "alike": alike,
        },
    )
