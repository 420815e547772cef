"""Withdrawing: one action without a reason, and what each organisation answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node.cases import service as cases
from iars_node.consent import service as consents
from iars_node.web.pages import Pages
from iars_node.web.people import organisations
from iars_node.web.visit import Page, Redirect, Sheet
from iars_node.withdrawals import service as withdrawals
from iars_node.withdrawals.model import Part
from iars_protocol.vocabulary import PURPOSES, SCOPES

if TYPE_CHECKING:
    from iars_node.web.visit import Answer, Visit

pages = Pages()


@pages.get("/consents/{consent_id}/withdraw", "consent.withdraw")
def show_withdrawing(visit: Visit, consent_id: str) -> Answer:
    """Say what a withdrawal does, and offer the whole of it as one action."""
    return _form(visit, consent_id, Sheet())


def _form(visit: Visit, consent_id: str, sheet: Sheet) -> Page:
    found = withdrawals.consent_to_withdraw(visit.work, consent_id)
    names = organisations(visit)
    return Page(
        "withdraw.html",
        {
            "sheet": sheet,
            "given": found.consent,
            "case": cases.case_head(visit.work, found.consent.case_id),
            "told": [names.get(peer.hex(), peer.hex()[:8]) for peer in found.recipients],
            "scopes": {scope.code: visit.speech.scope(scope.code) for scope in found.consent.terms.scopes},
            "recipients": {peer.hex(): names.get(peer.hex(), peer.hex()[:8]) for peer in found.recipients},
            "purposes": {
                code: visit.speech.label("purpose", code)
                for code in PURPOSES
                if code in found.consent.terms.purposes
            },
        },
    )


@pages.post("/consents/{consent_id}/withdraw", "consent.withdraw")
def withdraw(visit: Visit, consent_id: str) -> Answer:
    """Withdraw the consent, or what of it was chosen."""

    def again(sheet: Sheet) -> Page:
        return _form(visit, consent_id, sheet)

    part = Part()
    if visit.typed("part"):
        found = withdrawals.consent_to_withdraw(visit.work, consent_id)
        known = {peer.hex(): None for peer in found.recipients}
        part = Part(
            visit.chosen("scopes", SCOPES),
            visit.chosen("purposes", PURPOSES),
            visit.chosen("recipients", known),
        )
        if part.is_whole:
            nothing = visit.gettext("Choose what is withdrawn, or withdraw everything.")
            raise visit.unfinished(again, {"scopes": nothing})
    with visit.keeping(again):
        withdrawals.withdraw(visit.work, [consent_id], part)
    if not visit.may("consent.read"):
        return Redirect("/?done=withdrawn")
    return Redirect(f"/consents/{consent_id}/answers?done=withdrawn")


@pages.get("/consents/{consent_id}/answers", "consent.read")
def show_answers(visit: Visit, consent_id: str) -> Answer:
    """Show whom the end of a consent was told, and what each has stated; made to be printed."""
    given = consents.get(visit.work, consent_id)
    return Page(
        "withdrawal_answers.html",
        {
            "given": given,
            "case": cases.case_head(visit.work, given.case_id),
            "asked": withdrawals.asked_of_consent(visit.work, consent_id),
            "names": organisations(visit),
        },
    )
