"""For who answers for data protection: the record of processing, rules of retention, legal holds."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING

from iars_node.cases import service as cases
from iars_node.cases.model import CLOSURE_REASONS
from iars_node.holds import service as holds
from iars_node.holds.model import GROUNDS
from iars_node.retention import service as retention
from iars_node.rights import exporting
from iars_node.rights import service as rights
from iars_node.web.pages import Pages
from iars_node.web.people import colleagues
from iars_node.web.visit import Document, Page, Redirect, Sheet
from iars_protocol.vocabulary import SCOPES

if TYPE_CHECKING:
    from datetime import datetime

    from iars_node.web.visit import Answer, Faults, Visit

pages = Pages()

_JSON = "application/json"


@pages.get("/processing", "processing.read", writes=True)
def show_processing(visit: Visit) -> Answer:
    """Show the record of processing as it stands now, and where to take it along."""
    return Page("processing.html", {"record": rights.record_of_processing(visit.work)})


@pages.get("/processing/record.xlsx", "processing.read", writes=True)
def give_record(visit: Visit) -> Answer:
    """Give the record of processing as a spreadsheet."""
    return Document(exporting.processing_as_workbook(visit.work), exporting.XLSX, "record.xlsx")


@pages.get("/processing/record.json", "processing.read", writes=True)
def give_record_as_json(visit: Visit) -> Answer:
    """Give the record of processing as JSON."""
    return _as_json(exporting.processing_as_plain(visit.work), "record.json")


@pages.get("/processing/disclosures.xlsx", "processing.read", writes=True)
def give_disclosures(visit: Visit) -> Answer:
    """Give the log of disclosures as a spreadsheet."""
    return Document(exporting.disclosures_as_workbook(visit.work), exporting.XLSX, "disclosures.xlsx")


@pages.get("/processing/disclosures.json", "processing.read", writes=True)
def give_disclosures_as_json(visit: Visit) -> Answer:
    """Give the log of disclosures as JSON."""
    return _as_json(exporting.disclosures_as_plain(visit.work), "disclosures.json")


def _as_json(found: object, name: str) -> Document:
    return Document(json.dumps(found, indent=2, ensure_ascii=False).encode(), _JSON, name)


@pages.get("/retention", "retention.read", writes=True)
def show_retention(visit: Visit) -> Answer:
    """Show the rules of retention, what they would erase now, and the holds that count."""
    return _retention(visit, Sheet())


def _retention(visit: Visit, sheet: Sheet) -> Page:
    standing = holds.standing_holds(visit.work)
    return Page(
        "retention.html",
        {
            "sheet": sheet,
            "rules": retention.list_rules(visit.work),
            "due": retention.preview(visit.work),
            "holds": [(hold, cases.case_head(visit.work, hold.case_id)) for hold in standing],
            "scope_names": {code: visit.speech.scope(code) for code in SCOPES},
            "reasons": visit.speech.choices("closure"),
        },
    )


@pages.post("/retention", "retention.manage")
def set_rule(visit: Visit) -> Answer:
    """Set a rule of retention, or remove one."""

    def again(sheet: Sheet) -> Page:
        return _retention(visit, sheet)

    scope = next(iter(visit.chosen("scope", SCOPES)), "")
    reason = next(iter(visit.chosen("closure_reason", CLOSURE_REASONS)), "")
    if visit.typed("remove"):
        retention.remove_rule(visit.work, scope, reason)
        return Redirect("/retention?done=saved")
    faults: Faults = {}
    days = visit.typed("days")
    if not scope:
        faults["scope"] = visit.gettext("Choose from the list.")
    if not days.isascii() or not days.isdigit() or len(days) > 5:  # noqa: PLR2004 - a century of days has five digits
        faults["days"] = visit.gettext("Write a whole number, such as 3.")
    if faults:
        raise visit.unfinished(again, faults)
    with visit.keeping(again):
        retention.set_rule(visit.work, scope, int(days), reason)
    return Redirect("/retention?done=saved")


@pages.get("/cases/{case_id}/holds", "hold.manage")
def show_holds(visit: Visit, case_id: str) -> Answer:
    """Show a case's legal holds and the form of a new one."""
    return _holds(visit, case_id, Sheet())


def _holds(visit: Visit, case_id: str, sheet: Sheet) -> Page:
    found = holds.holds_of_case(visit.work, case_id)
    return Page(
        "holds.html",
        {
            "sheet": sheet,
            "case": cases.case_head(visit.work, case_id),
            "holds": found,
            "names": colleagues(visit, (hold.set_by for hold in found)),
            "grounds": visit.speech.choices("retention_ground"),
            "scope_names": {code: visit.speech.scope(code) for code in SCOPES},
        },
    )


@pages.post("/cases/{case_id}/holds", "hold.manage")
def set_hold(visit: Visit, case_id: str) -> Answer:
    """Keep a case, or parts of it, from being erased."""

    def again(sheet: Sheet) -> Page:
        return _holds(visit, case_id, sheet)

    ground = next(iter(visit.chosen("ground", GROUNDS)), "")
    until = _end(visit)
    faults: Faults = {}
    if not ground:
        faults["ground"] = visit.gettext("Choose the legal ground.")
    if not visit.typed("reason"):
        faults["reason"] = visit.gettext("Write the reason.")
    if until is None or until <= visit.now:
        faults["until"] = visit.gettext("Write a day in the future.")
    cases.case_head(visit.work, case_id)
    if faults or until is None:
        raise visit.unfinished(again, faults)
    with visit.keeping(again):
        holds.set_hold(
            visit.work,
            case_id,
            ground=ground,
            reason=visit.typed("reason"),
            until=until,
            scopes=visit.chosen("scopes", SCOPES),
        )
    return Redirect(f"/cases/{case_id}/holds?done=held")


@pages.post("/holds/{hold_id}/lift", "hold.manage")
def lift_hold(visit: Visit, hold_id: str) -> Answer:
    """Lift a hold before its end."""
    lifted = holds.lift_hold(visit.work, hold_id)
    return Redirect(f"/cases/{lifted.case_id}/holds?done=saved")


def _end(visit: Visit) -> datetime | None:
    try:
        return visit.speech.moments.end_of_day(date.fromisoformat(visit.typed("until")))
    except ValueError:
        return None
