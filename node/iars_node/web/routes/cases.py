"""Cases: search and list them, open a new one, look at one, write a note."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from iars_node.cases import service as cases
from iars_node.cases.model import MOST_SENSITIVE, OWN, Filters
from iars_node.consent import service as consents
from iars_node.consent.exceptions import exceptions_of_case
from iars_node.consent.receipt import NUMBER
from iars_node.errors import InvalidError, NotFoundError
from iars_node.referrals import service as referrals
from iars_node.web.case_view import around
from iars_node.web.languages import N_
from iars_node.web.pages import Pages
from iars_node.web.people import colleagues, organisations, own_country
from iars_node.web.record_forms import Place, places, read_values
from iars_node.web.visit import Page, Redirect, Sheet
from iars_protocol.vocabulary import SCOPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from iars_node.cases.model import CaseRecord, Likeness
    from iars_node.cases.model import Page as Found
    from iars_node.web.visit import Answer, Visit
    from iars_protocol.record import Record, Value

pages = Pages()

FILTERS = {"open": N_("Open"), "mine": N_("Mine"), "closed": N_("Closed"), "all": N_("All")}

# What a first meeting gives; everything else has its place in the case.
FIRST_FIELDS = {
    "identity": ("alias", "given_name", "family_name", "birth_date"),
    "demographics": ("gender", "citizenships", "languages"),
    "contact": ("phone", "safe_channel", "safe_times"),
    "services": ("needs", "constraints"),
}


@pages.get("/cases", "case.search", writes=True)
def show_cases(visit: Visit) -> Answer:
    """List cases, those that changed last first."""
    chosen = visit.asked("show", FILTERS) or "open"
    cursor = visit.query.get("from") or None
    found = cases.list_cases(visit.work, filters=_filters(visit, chosen), cursor=cursor)
    return _list(visit, found, chosen, "")


@pages.post("/cases/search", "case.search")
def search(visit: Visit) -> Answer:
    """Find cases. What is looked for is a form's content: it stands in no address and in no log."""
    text = visit.typed("text")
    if not text:
        return Redirect("/cases")
    if NUMBER.fullmatch(text.upper()) and visit.may("consent.read"):
        with suppress(NotFoundError):
            return Redirect(f"/consents/{consents.find_by_number(visit.work, text).id}")
    cursor = visit.typed("from") or None
    try:
        found = cases.search_cases(visit.work, text[:200], country=own_country(visit), cursor=cursor)
    except InvalidError:
        return _list(visit, None, "all", text)
    return _list(visit, found, "all", text)


def _filters(visit: Visit, chosen: str) -> Filters:
    if chosen == "mine":
        return Filters(state="open", assigned_to=visit.actor.id)
    return Filters(state="open" if chosen == "open" else "closed" if chosen == "closed" else None)


def _list(visit: Visit, found: Found | None, chosen: str, text: str) -> Page:
    shown = found.found if found else ()
    return Page(
        "cases.html",
        {
            "found": shown,
            "more": found.cursor if found else None,
            "chosen": chosen,
            "filters": FILTERS,
            "text": text,
            "names": colleagues(visit, (each.case.assigned_to for each in shown)),
            "is_first": not visit.query.get("from"),
        },
    )


@pages.get("/cases/new", "case.open")
def show_new_case(visit: Visit) -> Answer:
    """Show the short form of a new case."""
    return _new_case(visit, Sheet(), ())


@pages.post("/cases/new", "case.open")
def open_case(visit: Visit) -> Answer:
    """Open a case, unless one of the same person is probably here already."""
    wanted = _first_places(visit)
    values, faults = read_values(wanted, visit.form, visit.speech, own_country(visit))
    if faults:
        raise visit.unfinished(lambda sheet: _new_case(visit, sheet, ()), faults)
    record = _filled(values)
    alike = () if visit.typed("anyway") else _alike(visit, record)
    if alike:
        return _new_case(visit, Sheet(visit.form), alike)
    with visit.keeping(lambda sheet: _new_case(visit, sheet, ())):
        opened = cases.open_case(
            visit.work,
            country=own_country(visit),
            record=record,
            external_number=visit.typed("external_number") or None,
            training=visit.node.settings.training,
        )
    return Redirect(f"/cases/{opened.id}?done=opened")


def _first_places(visit: Visit) -> list[Place]:
    return [
        place
        for scope, names in FIRST_FIELDS.items()
        if scope in visit.readable
        for place in places(scope, names)
    ]


def _filled(values: Mapping[str, Mapping[str, Value | None]]) -> Record:
    found = {
        scope: {name: value for name, value in fields.items() if value is not None}
        for scope, fields in values.items()
    }
    return {scope: fields for scope, fields in found.items() if fields}


def _alike(visit: Visit, record: Record) -> tuple[tuple[Likeness, str], ...]:
    found = cases.likely_duplicates(visit.work, record)[:5]
    return tuple((each, cases.case_head(visit.work, each.case_id).reference) for each in found)


def _new_case(visit: Visit, sheet: Sheet, alike: Iterable[tuple[Likeness, str]]) -> Page:
    groups: dict[str, list[Place]] = {}
    for place in _first_places(visit):
        groups.setdefault(place.scope, []).append(place)
    return Page("case_new.html", {"sheet": sheet, "groups": groups, "alike": tuple(alike)})


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
