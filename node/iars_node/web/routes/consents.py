"""Consents: read the text out, record what the person answered, look at it again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from babel import Locale

from iars_node.attachments.service import list_attachments
from iars_node.cases import service as cases
from iars_node.consent import changing
from iars_node.consent import service as consents
from iars_node.consent.guarding import SHOWN_BY
from iars_node.consent.model import (
    ASSENT,
    FROM_WHOM,
    HOW_OBTAINED,
    WITHDRAWAL_WAYS,
    Recipient,
    Terms,
    Withheld,
)
from iars_node.consent.receipt import number_of
from iars_node.consent.texts import to_read_out
from iars_node.peers import service as peers
from iars_node.referrals import service as referrals
from iars_node.web.labels import DISCLOSURE_STEPS
from iars_node.web.languages import N_
from iars_node.web.pages import Pages
from iars_node.web.people import colleagues, organisations
from iars_node.web.visit import Page, Redirect, Sheet
from iars_protocol.consent import ScopeGrant
from iars_protocol.vocabulary import ORGANISATION_TYPES, PURPOSES, SCOPES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from iars_node.web.visit import Answer, Faults, Visit

pages = Pages()

USUAL_DAYS = 180
_NODE, _TYPE = "node:", "type:"
_OF_AN_AGREEMENT = ("how_obtained", "from_whom")
# How the rules name an answer, and where it stands in the form.
NAMED = {"notice_language": "language"}


@dataclass(frozen=True, slots=True)
class Doing:
    """What the form is for: where it is sent, what stands above it, which answers it offers."""

    path: str
    title: str
    back: str
    is_new: bool = False
    with_refusal: bool = False


@pages.get("/cases/{case_id}/consents/new", "consent.record", writes=True)
def show_new_consent(visit: Visit, case_id: str) -> Answer:
    """Ask for the person's language first; then show the text and the form."""
    code = visit.asked("language", visit.speech.tongues)
    if not code:
        return _choose_language(visit, case_id)
    typed: dict[str, list[str]] = {
        "scopes": ["services"],
        "expires": [usual_end(visit)],
        "from_whom": ["person"],
        "withdrawal_ways": ["in-person"],
        **{f"step.{scope.code}": [scope.step] for scope in SCOPES.values()},
    }
    return form_page(visit, case_id, code, Sheet(typed), _new(case_id))


def usual_end(visit: Visit) -> str:
    """Return the day that a form proposes as the last one."""
    return (visit.speech.moments.today(visit.now) + timedelta(days=USUAL_DAYS)).isoformat()


def _new(case_id: str) -> Doing:
    title = N_("Record a consent")
    return Doing(f"/cases/{case_id}/consents/new", title, f"/cases/{case_id}", is_new=True, with_refusal=True)


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
        return form_page(visit, case_id, code, sheet, _new(case_id))

    terms = typed_terms(visit, code, again)
    answer = visit.typed("answer")
    with visit.keeping(again, named=NAMED):
        if answer == "requested":
            found = changing.request_consent(visit.work, case_id, terms)
        elif answer == "refused":
            found = changing.refuse_consent(visit.work, case_id, terms)
        else:
            found = consents.give_consent(visit.work, case_id, terms)
    return Redirect(f"/consents/{found.id}?done=recorded")


def typed_terms(visit: Visit, code: str, again: Callable[[Sheet], Page]) -> Terms:
    """Return what the form says; where it is not complete, show it again."""
    faults, expires = _faults(visit)
    if faults or expires is None:
        raise visit.unfinished(again, faults)
    return _terms(visit, code, expires)


def _faults(visit: Visit) -> tuple[Faults, datetime | None]:
    faults: Faults = {}
    for name, sentence in (
        ("recipients", visit.gettext("Choose at least one organisation or kind of organisation.")),
        ("purposes", visit.gettext("Choose what it is for: at least one purpose.")),
        ("how_obtained", visit.gettext("Choose how the person agreed.")),
        ("from_whom", visit.gettext("Choose who agreed.")),
    ):
        # How somebody agreed is not asked of who did not (yet).
        if name in _OF_AN_AGREEMENT and visit.typed("answer") in ("requested", "refused"):
            continue
        if not any(visit.form.get(name, ())):
            faults[name] = sentence
    faults |= _obtained_faults(visit)
    if "services" not in visit.form.get("scopes", ()):
        faults["scopes"] = visit.gettext("“Services” is needed: without it nobody can be asked for help.")
    expires = read_day(visit, "expires")
    if expires is None or expires <= visit.now:
        faults["expires"] = visit.gettext("Write a day in the future.")
    return faults, expires


def _obtained_faults(visit: Visit) -> Faults:
    if visit.typed("answer") in ("requested", "refused"):
        return {}
    how, whom = visit.typed("how_obtained"), visit.typed("from_whom")
    missing = (
        (
            "paper",
            how in SHOWN_BY and not visit.typed("paper") and not visit.form.get("evidence"),
            visit.gettext("Choose the scan or recording, or write where it is kept."),
        ),
        (
            "witness",
            how == "thumbprint" and not visit.typed("witness"),
            visit.gettext("Write who witnessed the thumbprint."),
        ),
        (
            "guardian",
            whom not in ("", "person") and not visit.typed("guardian"),
            visit.gettext("Write who consented for the person."),
        ),
        (
            "best_interests",
            whom == "guardian" and not visit.typed("best_interests"),
            visit.gettext("Write why it is in the person's best interests."),
        ),
    )
    return {name: sentence for name, is_missing, sentence in missing if is_missing}


def read_day(visit: Visit, name: str) -> datetime | None:
    """Return the end of the day that is typed into a field, or nothing."""
    try:
        return visit.speech.moments.end_of_day(date.fromisoformat(visit.typed(name)))
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
        how_obtained=next(iter(visit.chosen("how_obtained", HOW_OBTAINED)), _otherwise(visit, "verbal")),
        from_whom=next(iter(visit.chosen("from_whom", FROM_WHOM)), _otherwise(visit, "person")),
        feedback=visit.chosen("feedback", SCOPES),
        withheld=tuple(_withheld(visit, scopes)),
        with_interpreter=bool(visit.typed("with_interpreter")),
        is_onward_allowed=bool(visit.typed("is_onward_allowed")),
        evidence=visit.chosen("evidence", _attached(visit)),
        is_child=bool(visit.typed("is_child")),
        assent=next(iter(visit.chosen("assent", ASSENT)), ""),
        withdrawal_ways=visit.chosen("withdrawal_ways", WITHDRAWAL_WAYS) or ("in-person",),
        reasons=visit.typed("reasons"),
        interpreter=visit.typed("interpreter"),
        witness=visit.typed("witness"),
        guardian=visit.typed("guardian"),
        best_interests=visit.typed("best_interests"),
        paper=visit.typed("paper"),
    )


def _otherwise(visit: Visit, usual: str) -> str:
    return usual if visit.typed("answer") in ("requested", "refused") else ""


def _attached(visit: Visit, case_id: str = "") -> dict[str, str]:
    """Return the case's attachments that the reader may see, by id; a form's own where no case is named."""
    if not case_id:
        return dict.fromkeys(visit.form.get("evidence", ()), "")
    if not visit.may("attachment.read"):
        return {}
    found = list_attachments(visit.work, case_id)
    return {one.id: one.content.name for one in found if one.content is not None}


def typed_from(visit: Visit, terms: Terms) -> dict[str, list[str]]:
    """Return terms as the form holds them."""
    withheld = {
        f"withheld.{item.scope}": list(item.fields)
        for item in terms.withheld
        if item.fields and not item.node
    }
    return {
        "recipients": [
            _NODE + one.node if one.node else _TYPE + one.organisation_type for one in terms.recipients
        ],
        "purposes": list(terms.purposes),
        "scopes": [scope.code for scope in terms.scopes],
        "feedback": list(terms.feedback),
        "expires": [visit.speech.moments.today(terms.expires).isoformat()],
        "withdrawal_ways": list(terms.withdrawal_ways),
        "is_onward_allowed": ["yes"] if terms.is_onward_allowed else [],
        "is_child": ["yes"] if terms.is_child else [],
        "from_whom": ["person"],
        "reasons": [terms.reasons],
        **{f"step.{scope.code}": [scope.step] for scope in SCOPES.values()},
        **{f"step.{scope.code}": [scope.step] for scope in terms.scopes},
        **withheld,
    }


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


def form_page(visit: Visit, case_id: str, code: str, sheet: Sheet, doing: Doing) -> Page:
    """Show the text to be read out, and the form for what the person answers."""
    text = to_read_out(code)
    return Page(
        "consent_new.html",
        {
            "case": cases.case_head(visit.work, case_id),
            "sheet": sheet,
            "code": code,
            "doing": doing,
            "text": text,
            "text_direction": Locale.parse(text.language).text_direction,
            "attached": _attached(visit, case_id),
            "assent": {key: visit.gettext(words) for key, words in ASSENT.items()},
            "withdrawal_ways": {key: visit.gettext(words) for key, words in WITHDRAWAL_WAYS.items()},
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
    history = consents.history(visit.work, consent_id)
    people = [given.recorded_by, *(entry.actor for entry in history)]
    names = {**organisations(visit), **colleagues(visit, people)}
    newest = consents.standing(visit.work, consent_id)
    terms = given.terms
    return Page(
        "consent.html",
        {
            "given": given,
            "terms": terms,
            "case": cases.case_head(visit.work, given.case_id),
            "names": names,
            "history": history,
            "newest": newest,
            "outlived": referrals.outlived_under(visit.work, consent_id),
            "number": number_of(given.id),
            "assent": visit.gettext(ASSENT[terms.assent]) if terms.assent else "",
            "withheld": {item.scope: item.fields for item in terms.withheld},
            "how_obtained": visit.gettext(HOW_OBTAINED[terms.how_obtained]),
            "from_whom": visit.gettext(FROM_WHOM[terms.from_whom]),
            "not_shared": [
                visit.speech.scope(code) for code in SCOPES if code not in {s.code for s in terms.scopes}
            ],
        },
    )
