"""What becomes of a consent: answered, renewed, narrowed, found not to count; and its papers."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from babel import Locale

from iars_node.cases import service as cases
from iars_node.consent import changing, export
from iars_node.consent import service as consents
from iars_node.consent.changing import INVALIDATION_REASONS
from iars_node.consent.model import Withheld, joined
from iars_node.consent.paper import print_receipt
from iars_node.consent.receipt import number_of
from iars_node.web.languages import N_
from iars_node.web.pages import Pages
from iars_node.web.people import organisations
from iars_node.web.receipts import make_receipt
from iars_node.web.routes.consents import (
    NAMED,
    Doing,
    form_page,
    read_day,
    typed_from,
    typed_terms,
    usual_end,
)
from iars_node.web.visit import Document, Page, Redirect, Sheet, UnfinishedError
from iars_node.withdrawals import service as withdrawals
from iars_protocol.vocabulary import SCOPES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iars_node.consent.model import Consent, Recipient, Terms
    from iars_node.web.visit import Answer, Visit

pages = Pages()


def _answering(given: Consent) -> Doing:
    path = f"/consents/{given.id}"
    return Doing(f"{path}/answer", N_("Record what the person answered"), path, with_refusal=True)


def _renewing(given: Consent) -> Doing:
    path = f"/consents/{given.id}"
    return Doing(f"{path}/renew", N_("Ask again and renew"), path)


@pages.get("/consents/{consent_id}/answer", "consent.record", writes=True)
def show_answer(visit: Visit, consent_id: str) -> Answer:
    """Show what was asked, to be changed to what the person agreed to."""
    given = consents.get(visit.work, consent_id)
    return _filled(visit, given, _answering(given))


@pages.post("/consents/{consent_id}/answer", "consent.record")
def answer(visit: Visit, consent_id: str) -> Answer:
    """Record what the person answered to what they were asked."""
    given = consents.get(visit.work, consent_id)

    def again(sheet: Sheet) -> Page:
        return form_page(visit, given.case_id, _language(visit, given), sheet, _answering(given))

    if visit.typed("answer") == "refused":
        with visit.keeping(again, named=NAMED):
            changing.refuse_requested(visit.work, consent_id)
    else:
        terms = typed_terms(visit, _language(visit, given), again)
        with visit.keeping(again, named=NAMED):
            changing.give_requested(visit.work, consent_id, terms)
    return Redirect(f"/consents/{consent_id}?done=recorded")


@pages.get("/consents/{consent_id}/renew", "consent.record", writes=True)
def show_renewal(visit: Visit, consent_id: str) -> Answer:
    """Show what was agreed to, to be agreed to again."""
    given = consents.get(visit.work, consent_id)
    return _filled(visit, given, _renewing(given), expires=[usual_end(visit)])


@pages.post("/consents/{consent_id}/renew", "consent.record")
def renew(visit: Visit, consent_id: str) -> Answer:
    """Record that the person agreed again."""
    given = consents.get(visit.work, consent_id)

    def again(sheet: Sheet) -> Page:
        return form_page(visit, given.case_id, _language(visit, given), sheet, _renewing(given))

    terms = typed_terms(visit, _language(visit, given), again)
    with visit.keeping(again, named=NAMED):
        newer = changing.renew_consent(visit.work, consent_id, terms)
    return Redirect(f"/consents/{newer.id}?done=recorded")


def _language(visit: Visit, given: Consent) -> str:
    typed = visit.typed("language")
    return typed if typed in visit.speech.tongues else given.terms.notice_language


def _filled(visit: Visit, given: Consent, doing: Doing, **changes: list[str]) -> Page:
    code = visit.asked("language", visit.speech.tongues) or given.terms.notice_language
    typed = {**typed_from(visit, given.terms), **changes}
    return form_page(visit, given.case_id, code, Sheet(typed), doing)


@pages.get("/consents/{consent_id}/narrow", "consent.withdraw", writes=True)
def show_narrowing(visit: Visit, consent_id: str) -> Answer:
    """Show what was agreed to, each with a mark that can be taken away."""
    given = changing.to_take_back(visit.work, consent_id)
    return _narrowing(visit, given, Sheet(typed_from(visit, given.terms)))


@pages.post("/consents/{consent_id}/narrow", "consent.withdraw")
def narrow(visit: Visit, consent_id: str) -> Answer:
    """Record that the person takes out what is no longer marked."""
    given = changing.to_take_back(visit.work, consent_id)
    with visit.keeping(lambda sheet: _narrowing(visit, given, sheet)):
        terms = _lessened(visit, given.terms)
        going = _going_whole(visit, consent_id, terms)
        if going and visit.typed("seen") != _mark(going):
            # A detail that takes its whole part along is what nobody expects who has not been told.
            raise UnfinishedError(_narrowing(visit, given, Sheet(visit.form), going))
        newer = changing.narrow_consent(visit.work, consent_id, terms)
    return _after(visit, newer.id, "narrowed")


def _going_whole(visit: Visit, consent_id: str, terms: Terms) -> list[tuple[str, tuple[str, ...]]]:
    """Return from whom which parts are taken back whole, because a detail of them that goes was sent."""
    names = organisations(visit)
    return [
        (names.get(each.peer.hex(), each.peer.hex()[:8]), each.for_details)
        for each in withdrawals.foresee_narrowing(visit.work, consent_id, terms)
        if each.for_details
    ]


def _mark(going: list[tuple[str, tuple[str, ...]]]) -> str:
    return ";".join(f"{name}:{','.join(codes)}" for name, codes in going)


def _after(visit: Visit, consent_id: str, done: str) -> Redirect:
    # Who may take something out need not be one who reads consents.
    path = f"/consents/{consent_id}" if visit.may("consent.read") else "/"
    return Redirect(f"{path}?done={done}")


def _narrowing(
    visit: Visit, given: Consent, sheet: Sheet, going: Sequence[tuple[str, tuple[str, ...]]] = ()
) -> Page:
    terms = given.terms
    return Page(
        "consent_narrow.html",
        {
            "given": given,
            "case": cases.case_head(visit.work, given.case_id),
            "sheet": sheet,
            "going": going,
            "mark": _mark(list(going)),
            "recipients": _kept_recipients(visit, terms),
            "purposes": {code: visit.speech.label("purpose", code) for code in terms.purposes},
            "scopes": {scope.code: visit.speech.scope(scope.code) for scope in terms.scopes},
            "feedback": {code: visit.speech.scope(code) for code in terms.feedback},
        },
    )


def _kept_recipients(visit: Visit, terms: Terms) -> Mapping[str, str]:
    names = organisations(visit)
    return {_party(item): visit.speech.recipient(item, names) for item in terms.recipients}


def _party(item: Recipient) -> str:
    return f"node:{item.node}" if item.node else f"type:{item.organisation_type}"


def _lessened(visit: Visit, older: Terms) -> Terms:
    kept = set(visit.form.get("recipients", ()))
    marked = set(visit.form.get("scopes", ()))
    day = read_day(visit, "expires")
    more = tuple(
        Withheld(code, fields)
        for code in marked & SCOPES.keys()
        if (fields := visit.chosen(f"withheld.{code}", SCOPES[code].fields))
    )
    return replace(
        older,
        recipients=tuple(item for item in older.recipients if _party(item) in kept),
        purposes=visit.chosen("purposes", dict.fromkeys(older.purposes)),
        scopes=tuple(scope for scope in older.scopes if scope.code in marked),
        feedback=visit.chosen("feedback", dict.fromkeys(older.feedback)),
        withheld=joined((*older.withheld, *more)),
        # The form knows days only: the same day is the same moment.
        expires=older.expires if day is None or day >= older.expires else day,
        is_onward_allowed=older.is_onward_allowed and bool(visit.typed("is_onward_allowed")),
    )


@pages.get("/consents/{consent_id}/invalidate", "consent.withdraw", writes=True)
def show_invalidation(visit: Visit, consent_id: str) -> Answer:
    """Ask why a consent does not count."""
    return _invalidation(visit, changing.to_take_back(visit.work, consent_id), Sheet())


@pages.post("/consents/{consent_id}/invalidate", "consent.withdraw")
def invalidate(visit: Visit, consent_id: str) -> Answer:
    """Record that a consent does not count."""
    given = changing.to_take_back(visit.work, consent_id)
    with visit.keeping(lambda sheet: _invalidation(visit, given, sheet)):
        changing.invalidate_consent(visit.work, consent_id, visit.typed("reason"))
    return _after(visit, consent_id, "saved")


def _invalidation(visit: Visit, given: Consent, sheet: Sheet) -> Page:
    reasons = {code: visit.gettext(words) for code, words in INVALIDATION_REASONS.items()}
    head = cases.case_head(visit.work, given.case_id)
    return Page("consent_invalidate.html", {"given": given, "case": head, "sheet": sheet, "reasons": reasons})


@pages.get("/consents/{consent_id}/paper", "consent.read", writes=True)
def show_paper(visit: Visit, consent_id: str) -> Answer:
    """Show the paper that the person can take along, to be printed."""
    given = consents.get(visit.work, consent_id)
    made = make_receipt(visit.work, given, _zone(visit), discreet=_is_discreet(visit))
    return Page(
        "consent_paper.html",
        {"receipt": made, "direction": Locale.parse(made.language).text_direction},
    )


@pages.get("/consents/{consent_id}/paper.pdf", "consent.read", writes=True)
def print_paper(visit: Visit, consent_id: str) -> Answer:
    """Give the paper as a PDF."""
    given = consents.get(visit.work, consent_id)
    made = make_receipt(visit.work, given, _zone(visit), discreet=_is_discreet(visit))
    return Document(print_receipt(made), "application/pdf", f"{made.number}.pdf")


@pages.get("/consents/{consent_id}/record.json", "consent.read", writes=True)
def export_record(visit: Visit, consent_id: str) -> Answer:
    """Give the record as JSON."""
    record = export.export_record(visit.work, consent_id)
    content = json.dumps(record, indent=2, ensure_ascii=False).encode()
    return Document(content, "application/json", f"{number_of(consent_id)}.json")


def _is_discreet(visit: Visit) -> bool:
    return visit.query.get("discreet", "") == "1"


def _zone(visit: Visit) -> ZoneInfo:
    return ZoneInfo(visit.node.settings.zone)
