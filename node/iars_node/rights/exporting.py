"""The record of processing and the log of disclosures as JSON and as .xlsx, to be handed to an authority."""

from __future__ import annotations

import io
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from iars_node import audit
from iars_node.accounts.access import require
from iars_node.cases.spreadsheet.cells import neutral
from iars_node.cases.store import heads
from iars_node.consent.receipt import number_of
from iars_node.peers import service as peers
from iars_node.rights.service import disclosure_log, record_of_processing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from iars_node.rights.model import Disclosure
    from iars_node.rights.service.processing import Processing
    from iars_node.work import Work

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_Sheet = tuple[str, "Sequence[str]", "Iterable[Sequence[object]]"]


def processing_as_plain(work: Work) -> dict[str, Any]:
    """Return the record of processing as plain values, for JSON."""
    found: dict[str, Any] = _plain(asdict(record_of_processing(work)))
    for category in found["categories"]:
        category["retention"] = [{"closure_reason": why, "days": days} for why, days in category["retention"]]
    return found


def disclosures_as_plain(
    work: Work, since: datetime | None = None, until: datetime | None = None
) -> list[dict[str, Any]]:
    """Return the log of disclosures as plain values: references, organisations and codes, and no content."""
    found = disclosure_log(work, since, until)
    references = _references(work, found)
    names = {peer.node_text: peer.listing for peer in peers.every(work)}
    return [
        {
            "at": each.at.isoformat(),
            "action": each.action.removeprefix("referral."),
            "case": references.get(each.case_id, ""),
            "referral_id": each.referral_id,
            "organisation": names[each.node].name() if each.node in names else "",
            "country": names[each.node].country if each.node in names else "",
            "node": each.node,
            "service": each.service,
            "purpose": each.purpose,
            "scopes": list(each.scopes),
            "basis": each.basis,
            "consent": number_of(each.consent_id) if each.consent_id else "",
            "grant_id": each.grant_id,
            "actor": each.actor,
        }
        for each in found
    ]


def processing_as_workbook(work: Work) -> bytes:
    """Return the record of processing as an .xlsx file; its making is recorded."""
    require(work.actor, "processing.read")
    found = record_of_processing(work)
    audit.record(work, "processing.exported", detail={"kind": "record"})
    return _workbook(_processing_sheets(found))


def disclosures_as_workbook(
    work: Work, since: datetime | None = None, until: datetime | None = None
) -> bytes:
    """Return the log of disclosures as an .xlsx file; its making is recorded."""
    require(work.actor, "processing.read")
    found = disclosures_as_plain(work, since, until)
    audit.record(work, "processing.exported", detail={"kind": "disclosures", "count": len(found)})
    columns = (
        "at", "action", "case", "referral_id", "organisation", "country", "node", "service", "purpose",
        "scopes", "basis", "consent", "grant_id", "actor",
    )  # fmt: skip
    return _workbook([("Disclosures", columns, (tuple(entry[name] for name in columns) for entry in found))])


def _processing_sheets(found: Processing) -> list[_Sheet]:
    made: Mapping[str, object] = asdict(found.controller)
    facts = [
        ("made_at", found.made_at),
        *made.items(),
        ("data_subjects", found.subjects),
        *(("security", measure) for measure in found.security),
    ]
    categories = [
        (
            each.scope,
            each.level,
            each.own_cases,
            each.received_cases,
            "; ".join(f"{why or 'any'}: {days} days" for why, days in each.retention) or "no limit set",
        )
        for each in found.categories
    ]
    activities = [asdict(each) for each in found.activities]
    columns = (
        "purpose", "direction", "organisation", "organisation_type", "country", "is_other_country", "basis",
        "scopes", "grants", "standing", "longest_retention_days", "first_at", "last_at", "node",
    )  # fmt: skip
    heading = ("scope", "level", "cases_own_collection", "cases_received", "kept_after_closing")
    return [
        ("Controller", ("what", "value"), facts),
        ("Categories of data", heading, categories),
        ("Sharing", columns, [tuple(entry[name] for name in columns) for entry in activities]),
    ]


def _references(work: Work, found: Sequence[Disclosure]) -> dict[str, str]:
    wanted = sorted({each.case_id for each in found if each.case_id})
    references: dict[str, str] = {}
    for start in range(0, len(wanted), 500):
        some = heads.find_cases(work.connection, wanted[start : start + 500])
        references |= {case_id: case.reference for case_id, case in some.items()}
    return references


def _workbook(sheets: Sequence[_Sheet]) -> bytes:
    # Imported late: few processes ever write a spreadsheet.
    from openpyxl import Workbook  # noqa: PLC0415

    workbook = Workbook(write_only=True)
    for title, columns, rows in sheets:
        sheet = workbook.create_sheet(title)
        sheet.append(list(columns))
        for row in rows:
            sheet.append([_cell(value) for value in row])
    buffer = io.BytesIO()
    workbook.save(buffer)
    return buffer.getvalue()


def _cell(value: object) -> str | int:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return neutral("; ".join(str(entry) for entry in value))
    return neutral(str(value))


def _plain(value: Any) -> Any:  # noqa: ANN401 - any value of a record
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return value
