"""A case: look at it, write a note."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node.cases import service as cases
from iars_node.cases.model import MOST_SENSITIVE, OWN
from iars_node.consent import service as consents
from iars_node.consent.exceptions import exceptions_of_case
from iars_node.referrals import service as referrals
from iars_node.web.case_view import around
from iars_node.web.pages import Pages
from iars_node.web.people import colleagues, organisations
from iars_node.web.visit import Page, Redirect, Sheet
from iars_protocol.vocabulary import SCOPES

if TYPE_CHECKING:
    from iars_node.cases.model import CaseRecord
    from iars_node.web.visit import Answer, Visit

pages = Pages()


@pages.get("/cases/{case_id}", "case.read", writes=True)
def show_case(visit: Visit, case_id: str) -> Answer:
    """Show a case. A most sensitive part is closed until the reader asks for it by name."""
    opened = visit.asked("open", SCOPES)
    access = cases.access_to(visit.work, cases.case_head(visit.work, case_id))
    readable = access.scopes
    shown = [code for code in SCOPES if code in readable and (not _is_sensitive(code) or code == opened)]
    record = cases.read_case(visit.work, case_id, shown)
    names = organisations(visit)
    given = consents.of_case(visit.work, case_id) if visit.may("consent.read") else []
    without = exceptions_of_case(visit.work, case_id) if visit.may("consent.read") else []
    sent = referrals.of_case(visit.work, case_id) if visit.may("referral.read") else []
    people = colleagues(visit, [record.head.assigned_to, *(note.author for note in record.notes)])
    return Page(
        "case.html",
        {
            "case": record.head,
            "record": record,
            "code_name": record.head.alias or record.head.reference,
            "shown": shown,
            "closed": [code for code in SCOPES if code in readable and code not in shown],
            "shut": [visit.speech.scope(code) for code in SCOPES if code in access.shut],
            "unseen": [visit.speech.scope(code) for code in SCOPES if code not in visit.readable],
            "opened": opened,
            "consents": given,
            "exceptions": without,
            "referrals": sent,
            "names": {**names, **people},
            "own": OWN,
            "facts": _facts(visit, record),
            **around(visit, record.head, given, without),
            "do_not_contact": _held(record, "contact", "do_not_contact") is True,
        },
    )


def _is_sensitive(code: str) -> bool:
    return SCOPES[code].level == MOST_SENSITIVE


def _held(record: CaseRecord, scope: str, name: str) -> object:
    view = record.scopes.get(scope)
    field = view.fields.get(name) if view else None
    return None if field is None else field.value


def _facts(visit: Visit, record: CaseRecord) -> list[tuple[str, list[str]]]:
    """Return what the head says of the person: what helps at the door, and no legal name."""
    wanted = (
        ("demographics", "age_band"),
        ("demographics", "track"),
        ("demographics", "languages"),
        ("contact", "safe_channel"),
        ("contact", "safe_times"),
    )
    found = []
    for scope, name in wanted:
        value = _held(record, scope, name)
        if value is not None:
            found.append((visit.speech.field(scope, name), visit.speech.value(scope, name, value)))
    return found


@pages.get("/cases/{case_id}/note", "case.edit")
def show_note(visit: Visit, case_id: str) -> Answer:
    """Show the form of a note."""
    return _note(visit, case_id, Sheet({"scope": [visit.asked("scope", SCOPES) or "services"]}))


@pages.post("/cases/{case_id}/note", "case.edit")
def add_note(visit: Visit, case_id: str) -> Answer:
    """Keep a note under the part of the record that it touches."""
    scope = next(iter(visit.chosen("scope", SCOPES)), "")
    if not scope:
        faults = {"scope": visit.gettext("Choose from the list.")}
        raise visit.unfinished(lambda sheet: _note(visit, case_id, sheet), faults)
    with visit.keeping(lambda sheet: _note(visit, case_id, sheet)):
        cases.add_note(visit.work, case_id, scope, visit.typed("text"))
    return Redirect(f"/cases/{case_id}?done=noted#notes")


def _note(visit: Visit, case_id: str, sheet: Sheet) -> Page:
    choices = {code: visit.speech.scope(code) for code in SCOPES if code in visit.readable}
    return Page(
        "note.html", {"case": cases.case_head(visit.work, case_id), "sheet": sheet, "choices": choices}
    )
