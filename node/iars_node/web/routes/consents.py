"""Consents: read the text out, record what the person agreed to, look at it again."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from iars_node.cases import service as cases
from iars_node.consent import service as consents
from iars_node.consent.model import FROM_WHOM, HOW_OBTAINED, Recipient, Terms, Withheld
from iars_node.peers import service as peers
from iars_node.web import notice
from iars_node.web.labels import DISCLOSURE_STEPS
from iars_node.web.languages import language
from iars_node.web.pages import Pages
from iars_node.web.people import colleagues, organisations
from iars_node.web.visit import Page, Redirect, Sheet
from iars_protocol.consent import ScopeGrant
from iars_protocol.vocabulary import ORGANISATION_TYPES, PURPOSES, SCOPES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from iars_node.web.visit import Answer, Faults, Visit

pages = Pages()

USUAL_DAYS = 180
_NODE, _TYPE = "node:", "type:"
# How the rules name an answer, and where it stands in the form.
_NAMED = {"notice_language": "language"}


@pages.get("/cases/{case_id}/consents/new", "consent.record", writes=True)
def show_new_consent(visit: Visit, case_id: str) -> Answer:
    """Ask for the person's language first; then show the text and the form."""
    code = visit.asked("language", visit.speech.tongues)
    if not code:
        return _choose_language(visit, case_id)
    until = visit.speech.moments.today(visit.now) + timedelta(days=USUAL_DAYS)
    typed: dict[str, list[str]] = {
        "scopes": ["services"],
        "expires": [until.isoformat()],
        "from_whom": ["person"],
        **{f"step.{scope.code}": [scope.step] for scope in SCOPES.values()},
    }
    return _form(visit, case_id, code, Sheet(typed))


def _choose_language(visit: Visit, case_id: str) -> Page:
    known: list[str] = []
    head = cases.case_head(visit.work, case_id)
    if "demographics" in visit.readable and visit.may("case.read"):
        view = cases.read_case(visit.work, case_id, ["demographics"]).scopes.get("demographics")
        field = view.fields.get("languages") if view else None
        known = [str(code) for code in field.value] if field and isinstance(field.value, list) else []
    with_text = [code for code in visit.node.settings.languages if code not in known]
    return Page("consent_language.html", {"case": head, "known": known, "with_text": with_text})


@pages.post("/cases/{case_id}/consents/new", "consent.record")
def record_consent(visit: Visit, case_id: str) -> Answer:
    """Record what the person agreed to."""
    code = visit.typed("language")
    if code not in visit.speech.tongues:
        return Redirect(f"/cases/{case_id}/consents/new")

    def again(sheet: Sheet) -> Page:
        return _form(visit, case_id, code, sheet)

    faults, expires = _faults(visit)
    if faults or expires is None:
        raise visit.unfinished(again, faults)
    with visit.keeping(again, named=_NAMED):
        given = consents.give_consent(visit.work, case_id, _terms(visit, code, expires))
    return Redirect(f"/consents/{given.id}?done=recorded")


def _faults(visit: Visit) -> tuple[Faults, datetime | None]:
    faults: Faults = {}
    for name, sentence in (
        ("recipients", visit.gettext("Choose at least one organisation or kind of organisation.")),
        ("purposes", visit.gettext("Choose what it is for: at least one purpose.")),
        ("how_obtained", visit.gettext("Choose how the person agreed.")),
        ("from_whom", visit.gettext("Choose who agreed.")),
    ):
        if not any(visit.form.get(name, ())):
            faults[name] = sentence
    if "services" not in visit.form.get("scopes", ()):
        faults["scopes"] = visit.gettext("“Services” is needed: without it nobody can be asked for help.")
    expires = _end(visit)
    if expires is None or expires <= visit.now:
        faults["expires"] = visit.gettext("Write a day in the future.")
    return faults, expires


def _end(visit: Visit) -> datetime | None:
    try:
        return visit.speech.moments.end_of_day(date.fromisoformat(visit.typed("expires")))
    except ValueError:
        return None


def _terms(visit: Visit, code: str, expires: datetime) -> Terms:
    scopes = visit.chosen("scopes", SCOPES)
    return Terms(
        purposes=visit.chosen("purposes", PURPOSES),
        scopes=tuple(_scope_grant(scope, visit.typed(f"step.{scope}")) for scope in scopes),
        recipients=_recipients(visit),
        expires=expires,
        notice_language=code,
        how_obtained=next(iter(visit.chosen("how_obtained", HOW_OBTAINED)), ""),
        from_whom=next(iter(visit.chosen("from_whom", FROM_WHOM)), ""),
        feedback=visit.chosen("feedback", SCOPES),
        withheld=tuple(_withheld(visit, scopes)),
        with_interpreter=bool(visit.typed("with_interpreter")),
        is_onward_allowed=bool(visit.typed("is_onward_allowed")),
        reasons=visit.typed("reasons"),
    )


def _scope_grant(code: str, step: str) -> ScopeGrant:
    scope = SCOPES[code]
    if step == "offer":
        return ScopeGrant(code, "offer")
    return ScopeGrant(code, "acceptance", scope.at_offer if scope.step == "acceptance" else ())


def _recipients(visit: Visit) -> tuple[Recipient, ...]:
    known = {peer.node_text for peer in peers.every(visit.work)}
    found = []
    for entry in visit.form.get("recipients", ()):
        if entry.removeprefix(_NODE) in known:
            found.append(Recipient(node=entry.removeprefix(_NODE)))
        elif entry.removeprefix(_TYPE) in ORGANISATION_TYPES:
            found.append(Recipient(organisation_type=entry.removeprefix(_TYPE)))
    return tuple(found)


def _withheld(visit: Visit, scopes: tuple[str, ...]) -> list[Withheld]:
    found = []
    for code in scopes:
        fields = visit.chosen(f"withheld.{code}", SCOPES[code].fields)
        if fields:
            found.append(Withheld(code, fields))
    return found


def _form(visit: Visit, case_id: str, code: str, sheet: Sheet) -> Page:
    text_code, text = notice.read_out(code)
    return Page(
        "consent_new.html",
        {
            "case": cases.case_head(visit.work, case_id),
            "sheet": sheet,
            "code": code,
            "text_language": language(text_code),
            "text": text,
            "recipients": _choices(visit),
            "how_obtained": {key: visit.gettext(words) for key, words in HOW_OBTAINED.items()},
            "from_whom": {key: visit.gettext(words) for key, words in FROM_WHOM.items()},
            "steps": {key: visit.gettext(words) for key, words in DISCLOSURE_STEPS.items()},
            "scope_names": {scope: visit.speech.scope(scope) for scope in SCOPES},
        },
    )


def _choices(visit: Visit) -> Mapping[str, str]:
    language_code = visit.speech.language.code
    nodes = {_NODE + peer.node_text: peer.name(language_code) for peer in peers.every(visit.work)}
    types = {_TYPE + code: words for code, words in visit.speech.choices("organisation_type").items()}
    return {**nodes, **types}


@pages.get("/consents/{consent_id}", "consent.read")
def show_consent(visit: Visit, consent_id: str) -> Answer:
    """Show a consent: who may learn what, until when, and how it was obtained."""
    given = consents.get(visit.work, consent_id)
    names = {**organisations(visit), **colleagues(visit, [given.recorded_by])}
    terms = given.terms
    return Page(
        "consent.html",
        {
            "given": given,
            "terms": terms,
            "case": cases.case_head(visit.work, given.case_id),
            "names": names,
            "withheld": {item.scope: item.fields for item in terms.withheld},
            "how_obtained": visit.gettext(HOW_OBTAINED[terms.how_obtained]),
            "from_whom": visit.gettext(FROM_WHOM[terms.from_whom]),
            "not_shared": [
                visit.speech.scope(code) for code in SCOPES if code not in {s.code for s in terms.scopes}
            ],
        },
    )
