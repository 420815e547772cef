"""Disclosures without consent: write one down, look at it, decide about it, say that the person was told."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node.cases import service as cases
from iars_node.consent import exceptions
from iars_node.consent.exception import KINDS, NAMED_FROM_LEVEL, NewException
from iars_node.consent.service import default_scope
from iars_node.errors import InvalidError
from iars_node.peers import service as peers
from iars_node.web.pages import Pages
from iars_node.web.people import colleagues, organisations
from iars_node.web.routes.consents import read_day
from iars_node.web.visit import Page, Redirect, Sheet
from iars_protocol.consent import ScopeGrant
from iars_protocol.vocabulary import PURPOSES, SCOPES

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from iars_node.consent.exception import KeptException
    from iars_node.web.visit import Answer, Faults, Visit
    from iars_node.work import Work

pages = Pages()

USUAL_DAYS = timedelta(days=7)
USUAL_REVIEW = timedelta(days=2)


@pages.get("/cases/{case_id}/exceptions/new", "consent.record-exception", writes=True)
def show_new_exception(visit: Visit, case_id: str) -> Answer:
    """Show the form for a disclosure without consent."""
    today = visit.speech.moments.today
    typed = {
        "scopes": ["services"],
        "expires": [today(visit.now + USUAL_DAYS).isoformat()],
        "review": [today(visit.now + USUAL_REVIEW).isoformat()],
    }
    return _form(visit, case_id, Sheet(typed))


@pages.post("/cases/{case_id}/exceptions/new", "consent.record-exception")
def record_exception(visit: Visit, case_id: str) -> Answer:
    """Write it down under the reader's name."""

    def again(sheet: Sheet) -> Page:
        return _form(visit, case_id, sheet)

    expires, review = read_day(visit, "expires"), read_day(visit, "review")
    faults = _faults(visit, expires, review)
    if faults or expires is None or review is None:
        raise visit.unfinished(again, faults)
    with visit.keeping(again, named={"kind": "kind"}):
        kept = exceptions.record_exception(visit.work, case_id, _typed(visit, expires, review))
    return Redirect(f"/exceptions/{kept.id}?done=saved")


def _typed(visit: Visit, expires: datetime, review: datetime) -> NewException:
    return NewException(
        kind=next(iter(visit.chosen("kind", KINDS)), ""),
        recipient=visit.typed("recipient"),
        purposes=visit.chosen("purposes", PURPOSES),
        scopes=tuple(_scope(visit, code) for code in visit.chosen("scopes", SCOPES)),
        expires=expires,
        review=review,
        reason=visit.typed("reason"),
        is_emergency=bool(visit.typed("is_emergency")),
        decide_within=timedelta(hours=visit.node.settings.exception_approval_hours),
        tell_after=read_day(visit, "tell_after"),
    )


def _scope(visit: Visit, code: str) -> ScopeGrant:
    usual = default_scope(code)
    return ScopeGrant(code, usual.step, usual.at_offer, visit.chosen(f"only.{code}", SCOPES[code].fields))


def _faults(visit: Visit, expires: datetime | None, review: datetime | None) -> Faults:
    faults: Faults = {}
    known = {peer.node_text for peer in peers.every(visit.work)}
    for name, is_missing, sentence in (
        ("kind", not visit.typed("kind"), visit.gettext("Choose on which ground.")),
        (
            "recipient",
            visit.typed("recipient") not in known,
            visit.gettext("Choose the one organisation that learns something."),
        ),
        ("purposes", not visit.typed("purposes"), visit.gettext("Choose what it is for.")),
        ("reason", not visit.typed("reason"), visit.gettext("Write why this can't wait for their consent.")),
        (
            "scopes",
            any(not visit.typed(f"only.{code}") for code in _sensitive(visit)),
            visit.gettext("Of the sensitive parts, choose single details: never the whole part."),
        ),
        ("expires", expires is None or expires <= visit.now, visit.gettext("Write a day in the future.")),
        ("review", review is None or review <= visit.now, visit.gettext("Write a day in the future.")),
    ):
        if is_missing:
            faults[name] = sentence
    return faults


def _sensitive(visit: Visit) -> list[str]:
    return [code for code in visit.chosen("scopes", SCOPES) if SCOPES[code].level >= NAMED_FROM_LEVEL]


def _form(visit: Visit, case_id: str, sheet: Sheet) -> Page:
    language = visit.speech.language.code
    return Page(
        "exception_new.html",
        {
            "case": cases.case_head(visit.work, case_id),
            "sheet": sheet,
            "kinds": visit.speech.choices("exception_kind"),
            "recipients": {peer.node_text: peer.name(language) for peer in peers.every(visit.work)},
            "scope_names": {code: visit.speech.scope(code) for code in SCOPES},
            "hours": visit.node.settings.exception_approval_hours,
        },
    )


@pages.get("/exceptions/{exception_id}", "consent.read")
def show_exception(visit: Visit, exception_id: str) -> Answer:
    """Show a disclosure without consent: its ground, its people, its end."""
    kept = exceptions.get_exception(visit.work, exception_id)
    names = {**organisations(visit), **colleagues(visit, [kept.author, kept.decided_by])}
    return Page(
        "exception.html",
        {
            "kept": kept,
            "state": kept.state_at(visit.now),
            "terms": kept.terms,
            "case": cases.case_head(visit.work, kept.case_id),
            "names": names,
            "is_own": kept.author == visit.actor.id,
            "sheet": Sheet(),
        },
    )


@pages.post("/exceptions/{exception_id}/approve", "consent.approve-exception")
def approve(visit: Visit, exception_id: str) -> Answer:
    """Approve what somebody else wrote down."""
    return _decided(visit, exceptions.approve_exception, exception_id)


@pages.post("/exceptions/{exception_id}/refuse", "consent.approve-exception")
def refuse(visit: Visit, exception_id: str) -> Answer:
    """Refuse what somebody else wrote down."""
    return _decided(visit, exceptions.refuse_exception, exception_id)


def _decided(visit: Visit, use_case: Callable[[Work, str], KeptException], exception_id: str) -> Redirect:
    use_case(visit.work, exception_id)
    visit.work.after_commit.append(visit.node.sender.wake)
    return Redirect(f"/exceptions/{exception_id}?done=decided")


@pages.post("/exceptions/{exception_id}/review", "consent.record-exception")
def review(visit: Visit, exception_id: str) -> Answer:
    """Record that somebody looked again, and when to look next."""
    day = read_day(visit, "review")
    if day is None:
        raise InvalidError("This is no day for the next look; nothing was recorded.")
    exceptions.review_exception(visit.work, exception_id, day)
    return Redirect(f"/exceptions/{exception_id}?done=saved")


@pages.post("/exceptions/{exception_id}/told", "consent.record-exception")
def note_told(visit: Visit, exception_id: str) -> Answer:
    """Record that the person was told."""
    exceptions.note_told(visit.work, exception_id)
    return Redirect(f"/exceptions/{exception_id}?done=saved")
