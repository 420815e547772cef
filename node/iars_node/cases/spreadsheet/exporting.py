"""Exporting cases into a spreadsheet that the import reads again."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from iars_node import audit
from iars_node.accounts.access import readable_scopes
from iars_node.cases.merged import merge_documents, plain_record
from iars_node.cases.service.access import require_scopes
from iars_node.cases.service.opening import external_numbers
from iars_node.cases.spreadsheet.cells import neutral
from iars_node.cases.spreadsheet.targets import EXTERNAL_NUMBER, STAGE
from iars_node.cases.spreadsheet.template import CASES, columns
from iars_node.cases.store import contents, heads

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    from iars_node.work import Work
    from iars_protocol.record import Record, Value

CASES_AT_ONCE = 200


def export_cases(
    work: Work, case_ids: Iterable[str], path: Path, *, scopes: Collection[str] | None = None
) -> int:
    """Write cases into an .xlsx file, each with the scopes asked for; return how many.

    Cells that a spreadsheet program would take for a formula are marked as text.
    """
    # Imported late: few processes ever write a spreadsheet.
    from openpyxl import Workbook  # noqa: PLC0415

    wanted = set(readable_scopes(work.actor) if scopes is None else scopes)
    require_scopes(work, "case.export", wanted)
    targets = [
        target
        for target in columns()
        if target in (EXTERNAL_NUMBER, STAGE) or target.partition(".")[0] in wanted
    ]
    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet(CASES)
    sheet.append(["Reference", *(columns()[target] for target in targets)])
    exported = []
    for case_id, row in _rows(work, case_ids, wanted, targets):
        sheet.append(row)
        exported.append(audit.Entry("case.exported", case_id=case_id, scopes=wanted))
    workbook.save(path)
    audit.record_many(work, exported)
    return len(exported)


def _rows(
    work: Work, case_ids: Iterable[str], scopes: set[str], targets: list[str]
) -> Iterator[tuple[str, list[str | None]]]:
    left = iter(case_ids)
    while batch := list(islice(left, CASES_AT_ONCE)):
        documents = contents.read_documents(work.connection, work.vault, batch, scopes, at=work.now)
        numbers = external_numbers(work, batch)
        for case_id, case in heads.find_cases(work.connection, batch).items():
            own = [document for document in documents if document.case_id == case_id]
            record = plain_record(merge_documents(own))
            beside = {EXTERNAL_NUMBER: numbers.get(case_id, ""), STAGE: case.stage}
            cells = [_cell(record, target, beside) for target in targets]
            yield case_id, [case.reference, *(neutral(text) or None for text in cells)]


def _cell(record: Record, target: str, beside: dict[str, str]) -> str:
    if target in beside:
        return beside[target]
    scope, _, name = target.partition(".")
    return _text(record.get(scope, {}).get(name, ""))


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "; ".join(_entry(entry) for entry in value)
    return str(value)


def _entry(entry: str | dict[str, str]) -> str:
    if isinstance(entry, str):
        return entry
    return ":".join(entry[name] for name in ("service", "priority", "needed_by") if name in entry)
