"""Importing cases: all rows or none, updating what is known and opening what is new."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from iars_node import audit
from iars_node.accounts.access import require
from iars_node.cases.derived import DERIVED_FROM
from iars_node.cases.model import OWN, Assignment
from iars_node.cases.service.access import require_scopes
from iars_node.cases.service.bulk import NewCase, open_cases, with_derived
from iars_node.cases.service.writing import plain_values, write_record
from iars_node.cases.spreadsheet.likely import LikelyRows, NewRow, row_keys
from iars_node.cases.spreadsheet.model import CaseRow, Fault, ImportReport, LikelyRow, Spreadsheet
from iars_node.cases.store import contents, finding, heads, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iars_node.cases.spreadsheet.reading import Progress
    from iars_node.work import Work
    from iars_protocol.record import Record

ROWS_AT_ONCE = 500
UNASSIGNED = Assignment()


def dry_run(
    work: Work, spreadsheet: Spreadsheet, *, country: str, progress: Progress | None = None
) -> ImportReport:
    """Report what an import would do, with every fault and likely duplicate; write nothing."""
    run = _Run(work, country, progress)
    require_scopes(work, "case.import", spreadsheet.scopes)
    for rows in _batches(spreadsheet.rows):
        run.sort(rows)
    return run.report(spreadsheet, is_written=False)


def import_cases(  # noqa: PLR0913 - what every imported case gets is said by name
    work: Work,
    spreadsheet: Spreadsheet,
    *,
    country: str,
    assignment: Assignment = UNASSIGNED,
    training: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Import every row in this unit of work, or none when there is a fault.

    A row is known again by its own file number; without one, by its document number. An empty cell
    leaves what the case holds. Importing the same file twice changes nothing.
    """
    require(work.actor, "case.open")
    require_scopes(work, "case.import", spreadsheet.scopes)
    planned = _Run(work, country, progress)
    sorted_rows = [planned.sort(rows) for rows in _batches(spreadsheet.rows)]
    if spreadsheet.faults or planned.faults:
        return planned.report(spreadsheet, is_written=False)
    done = 0
    for batch in sorted_rows:
        opened = [
            NewCase(new.row.record, new.keys, new.row.external_number, new.row.stage or "identified")
            for new in batch.new
        ]
        open_cases(work, opened, country=country, assignment=assignment, training=training)
        for case_id, row in batch.changed:
            write_record(work, case_id, row.record, country=country)
        done += batch.size
        planned.progress("write", done)
    report = planned.report(spreadsheet, is_written=True)
    counts = {"created": report.created, "updated": report.updated, "unchanged": report.unchanged}
    audit.record(work, "case.imported", scopes=spreadsheet.scopes, detail=counts)
    return report


@dataclass(slots=True)
class _Batch:
    """Some rows, sorted by what an import does with them."""

    size: int
    new: list[NewRow] = field(default_factory=list)
    changed: list[tuple[str, CaseRow]] = field(default_factory=list)


class _Run:
    """Sorts the rows of one import: known or new, changed or not, alike or not."""

    def __init__(self, work: Work, country: str, progress: Progress | None) -> None:
        self.faults: list[Fault] = []
        self.progress: Progress = progress or (lambda _phase, _rows: None)
        self._work = work
        self._country = country
        self._created = self._updated = self._unchanged = 0
        self._likely = LikelyRows(work)
        self._rows_by_case: dict[str, CaseRow] = {}

    def sort(self, rows: Sequence[CaseRow]) -> _Batch:
        """Sort some rows and count them."""
        batch = _Batch(len(rows))
        known = self._known(rows)
        own = self._own_records(list(known.values()), {scope for row in rows for scope in row.record})
        for row in rows:
            case_id = known.get((row.sheet, row.number))
            if case_id is None:
                batch.new.append(row_keys(self._work, row))
            elif self._is_only_row(case_id, row):
                if self._differs(own[case_id], row.record):
                    batch.changed.append((case_id, row))
                else:
                    self._unchanged += 1
        self._created += len(batch.new)
        self._updated += len(batch.changed)
        self._likely.look_at(batch.new)
        self.progress("compare", self._created + self._updated + self._unchanged)
        return batch

    def report(self, spreadsheet: Spreadsheet, *, is_written: bool) -> ImportReport:
        """Return what was counted."""
        duplicates: tuple[LikelyRow, ...] = tuple(self._likely.found)
        return ImportReport(
            len(spreadsheet.rows),
            self._created,
            self._updated,
            self._unchanged,
            spreadsheet.faults + tuple(self.faults),
            duplicates,
            spreadsheet.unmapped,
            is_written,
        )

    def _known(self, rows: Sequence[CaseRow]) -> dict[tuple[str, int], str]:
        vault, connection = self._work.vault, self._work.connection
        blinds = {
            (row.sheet, row.number): words.external_number_blind(vault, row.external_number)
            for row in rows
            if row.external_number
        }
        cases = heads.find_by_external_numbers(connection, list(blinds.values()))
        found = {place: cases[blind] for place, blind in blinds.items() if blind in cases}
        return found | self._known_by_document([row for row in rows if not row.external_number])

    def _known_by_document(self, rows: Sequence[CaseRow]) -> dict[tuple[str, int], str]:
        keys = {
            (row.sheet, row.number): key
            for row in rows
            for key in words.document_keys(self._work.vault, str(row.record["identity"]["document_number"]))
        }
        holders: dict[words.Key, set[str]] = defaultdict(set)
        for key, case_id in finding.cases_by_key(self._work.connection, list(keys.values())) if keys else ():
            holders[key].add(case_id)
        found = {}
        for (sheet, number), key in keys.items():
            if len(holders[key]) > 1:
                said = "Several cases here have this document number; give the row a file number."
                self.faults.append(Fault(sheet, f"row {number}", said))
            elif holders[key]:
                found[sheet, number] = next(iter(holders[key]))
        return found

    def _own_records(self, case_ids: list[str], scopes: set[str]) -> dict[str, Record]:
        found: dict[str, Record] = {case_id: {} for case_id in case_ids}
        connection, vault = self._work.connection, self._work.vault
        for document in contents.read_documents(
            connection, vault, case_ids, scopes | DERIVED_FROM, at=self._work.now
        ):
            if document.source == OWN:
                found[document.case_id][document.scope] = plain_values(document)
        return found

    def _is_only_row(self, case_id: str, row: CaseRow) -> bool:
        first = self._rows_by_case.setdefault(case_id, row)
        if first is row:
            return True
        said = f"This row is of the same case as {first.place}."
        self.faults.append(Fault(row.sheet, f"row {row.number}", said))
        return False

    def _differs(self, own: Record, wanted: Record) -> bool:
        merged = {scope: own.get(scope, {}) | fields for scope, fields in wanted.items()}
        whole = with_derived(self._work, own | merged, self._country)
        return any(own.get(scope, {}) != fields for scope, fields in whole.items())


def _batches(rows: Sequence[CaseRow]) -> Iterator[tuple[CaseRow, ...]]:
    left = iter(rows)
    while batch := tuple(islice(left, ROWS_AT_ONCE)):
        yield batch
