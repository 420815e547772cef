"""An uploaded spreadsheet on its way into cases: its columns, a dry run, then all rows or none.

The rows are read and written by jobs, so that no request waits for them and a server that stops in between
goes on where it was. The file waits in a draft, sealed, and never stands on a disk in the open.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict, replace
from io import BytesIO
from typing import TYPE_CHECKING, Any

from iars_node.accounts import store as account_store
from iars_node.accounts.access import require
from iars_node.cases.model import Assignment
from iars_node.cases.spreadsheet.guarding import check_workbook
from iars_node.cases.spreadsheet.importing import dry_run, import_cases
from iars_node.cases.spreadsheet.mapping import look_at, plain_mapping, read_mapping
from iars_node.cases.spreadsheet.reading import read_spreadsheet
from iars_node.db import savepoint
from iars_node.drafts import service as drafts
from iars_node.drafts import store as draft_store
from iars_node.drafts.progress import Step
from iars_node.errors import ConflictError, InvalidError, NodeError
from iars_node.jobs.service import schedule
from iars_node.vault.identity import identity_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from iars_node.cases.spreadsheet.model import ImportReport, SheetMapping, Spreadsheet
    from iars_node.drafts.model import Draft
    from iars_node.drafts.progress import Board
    from iars_node.jobs.model import Job
    from iars_node.work import Work

CHECK_JOB, WRITE_JOB = "import.check", "import.write"
COLUMNS, CHECKING, CHECKED, WRITING, FAILED = "columns", "checking", "checked", "writing", "failed"
MOST_BYTES = 8 * 1024 * 1024
MOST_FAULTS = 1000
MOST_LIKELY = 200


def begin_import(work: Work, file: bytes) -> Draft:
    """Take in a spreadsheet: look whether it is one, and guess what its columns mean."""
    require(work.actor, "case.import")
    if len(file) > MOST_BYTES:
        raise InvalidError("The spreadsheet is too large; split it into smaller ones.", {"file": "too large"})
    check_workbook(file)
    look = look_at(BytesIO(file))
    content = {
        "state": [COLUMNS],
        "headers": list(look.headers),
        "samples": list(look.samples),
        "mapping": [json.dumps(plain_mapping(look.mapping))],
    }
    return drafts.begin(work, "import", content, file)


def mapping_of(kept: Draft) -> SheetMapping:
    """Return how a draft's columns are read."""
    return read_mapping(json.loads(kept.value("mapping")))


def check_with(work: Work, kept: Draft, mapping: SheetMapping, *, training: bool) -> None:
    """Ask for a dry run with these columns."""
    if kept.value("state") in (CHECKING, WRITING):
        raise ConflictError("This spreadsheet is being worked on; wait a moment and look again.")
    content = {
        **kept.content,
        "mapping": [json.dumps(plain_mapping(mapping))],
        "training": ["yes"] if training else [],
        "state": [CHECKING],
    }
    drafts.change(work, kept, content)
    schedule(work, CHECK_JOB, work.now, kept.id)


def ask_to_write(work: Work, kept: Draft) -> None:
    """Ask for the import of a spreadsheet whose dry run found nothing wrong."""
    require(work.actor, "case.open")
    if kept.value("state") != CHECKED or report_of(kept)["faults"]:
        raise ConflictError("The spreadsheet has to be checked without a fault first.")
    drafts.change(work, kept, {**kept.content, "state": [WRITING]})
    schedule(work, WRITE_JOB, work.now, kept.id)


def report_of(kept: Draft) -> dict[str, Any]:
    """Return what a dry run found."""
    found: dict[str, Any] = json.loads(kept.value("report") or "{}")
    return {"faults": [], "duplicates": [], "unmapped": [], **found}


class Importing:
    """The jobs that check and write, noting how far they are."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def check(self, work: Work, job: Job) -> None:
        """Read a spreadsheet and say what an import would do; nothing is written into cases."""
        found = _taken(work, job, CHECKING)
        if found is None:
            return
        acting, kept = found
        with self._noting(kept) as note:
            try:
                read = _read(acting, kept, note)
                note.total = len(read.rows)
                report = dry_run(acting, read, country=_country(work), progress=note)
            except NodeError as error:
                _failed(acting, kept, error)
            else:
                drafts.change(acting, kept, _reported(kept, report))

    def write(self, work: Work, job: Job) -> None:
        """Write every row, or none."""
        found = _taken(work, job, WRITING)
        if found is None:
            return
        acting, kept = found
        with self._noting(kept) as note:
            try:
                with savepoint(work.connection):
                    report = self._imported(acting, kept, note)
            except NodeError as error:
                _failed(acting, kept, error)
                return
        if not report.is_written:
            # Somebody changed a case since the dry run: the rows are shown again with what is wrong now.
            drafts.change(acting, kept, _reported(kept, report))
            return
        counts = f"created={report.created}&updated={report.updated}&unchanged={report.unchanged}"
        drafts.finish(acting, kept, f"/imports?{counts}")

    def _imported(self, acting: Work, kept: Draft, note: _Note) -> ImportReport:
        read = _read(acting, kept, note)
        note.total = len(read.rows)
        return import_cases(
            acting,
            read,
            country=_country(acting),
            assignment=Assignment(assigned_to=kept.account_id),
            training=bool(kept.value("training")),
            progress=note,
        )

    @contextmanager
    def _noting(self, kept: Draft) -> Iterator[_Note]:
        try:
            yield _Note(self._board, kept.id)
        finally:
            self._board.clear(kept.id)


class _Note:
    """Notes one job's progress; how many rows there are is known once they are read."""

    def __init__(self, board: Board, draft_id: str) -> None:
        self._board, self._draft_id = board, draft_id
        self.total = 0

    def __call__(self, phase: str, rows: int) -> None:
        """Note a step."""
        self._board.note(self._draft_id, Step(phase, rows, self.total))


def _taken(work: Work, job: Job, state: str) -> tuple[Work, Draft] | None:
    """Return the work in the name of who uploaded the file; nothing where it is not wanted any more."""
    kept = draft_store.find(work.connection, work.vault, job.subject, for_update=True)
    if kept is None or kept.outcome or kept.value("state") != state:
        return None
    account = account_store.account_by_id(work.connection, kept.account_id)
    if account is None or account.disabled_at is not None:
        return None
    return replace(work, actor=account.actor), kept


def _read(work: Work, kept: Draft, note: _Note) -> Spreadsheet:
    file = BytesIO(drafts.file_of(work, kept))
    return read_spreadsheet(file, mapping_of(kept), country=_country(work), progress=note)


def _country(work: Work) -> str:
    return identity_of(work.vault).listing.country


def _reported(kept: Draft, report: ImportReport) -> Mapping[str, list[str]]:
    plain = asdict(report)
    plain["more_faults"] = max(len(report.faults) - MOST_FAULTS, 0)
    plain["faults"] = plain["faults"][:MOST_FAULTS]
    plain["duplicates"] = plain["duplicates"][:MOST_LIKELY]
    return {**kept.content, "report": [json.dumps(plain)], "state": [CHECKED], "problem": []}


def _failed(work: Work, kept: Draft, error: NodeError) -> None:
    drafts.change(work, kept, {**kept.content, "state": [FAILED], "problem": [str(error)]})
