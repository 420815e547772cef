"""Who holds what of a case; and permitting that somebody passes the person on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node.cases import service as cases
from iars_node.consent import onward
from iars_node.consent import service as consents
from iars_node.consent.onward_model import Ceilings
from iars_node.errors import ConflictError, RefusedError
from iars_node.peers import service as peers
from iars_node.web.pages import Pages
from iars_node.web.people import organisations
from iars_node.web.visit import Page, Redirect, Sheet
from iars_node.withdrawals import service as withdrawals
from iars_protocol.vocabulary import SCOPES

if TYPE_CHECKING:
    from iars_node.consent.model import Consent
    from iars_node.peers.model import Peer
    from iars_node.web.visit import Answer, Visit

pages = Pages()


@pages.get("/cases/{case_id}/sharing", "consent.read")
def show_sharing(visit: Visit, case_id: str) -> Answer:
    """Show every recipient and every part of the record that it got."""
    found = withdrawals.matrix_of_case(visit.work, case_id)
    return Page(
        "sharing.html",
        {
            "case": cases.case_head(visit.work, case_id),
            "rows": found.rows,
            "permissions": found.permissions,
            "handover": withdrawals.handed_over(visit.work, case_id),
            "names": organisations(visit),
        },
    )


@pages.get("/consents/{consent_id}/onward", "consent.record")
def show_permitting(visit: Visit, consent_id: str) -> Answer:
    """Ask who may pass the person on, and which parts of the record."""
    return _form(visit, consents.get(visit.work, consent_id), Sheet())


def _form(visit: Visit, given: Consent, sheet: Sheet) -> Page:
    holders = _holders(visit, given)
    scopes = {code for found in holders.values() for code in found}
    names = organisations(visit)
    return Page(
        "onward_permit.html",
        {
            "sheet": sheet,
            "given": given,
            "case": cases.case_head(visit.work, given.case_id),
            "holders": {node: names.get(node, node[:8]) for node in holders},
            "scopes": {code: visit.speech.scope(code) for code in SCOPES if code in scopes},
            "names": names,
        },
    )


def _holders(visit: Visit, given: Consent) -> dict[str, tuple[str, ...]]:
    """Return who has received something under a consent, and the parts that each could pass on."""
    found = {}
    for peer in peers.every(visit.work):
        scopes = _reach(visit, given, peer)
        if scopes:
            found[peer.node_text] = scopes
    return found


def _reach(visit: Visit, given: Consent, peer: Peer) -> tuple[str, ...]:
    if not given.terms.is_onward_allowed:
        return ()
    try:
        return onward.ceilings(visit.work, given.id, peer).scopes
    except (ConflictError, RefusedError):
        return ()


@pages.post("/consents/{consent_id}/onward", "consent.record")
def permit(visit: Visit, consent_id: str) -> Answer:
    """Permit it: the organisation is told."""
    given = consents.get(visit.work, consent_id)

    def again(sheet: Sheet) -> Page:
        return _form(visit, given, sheet)

    holders = _holders(visit, given)
    holder = next(iter(visit.chosen("holder", holders)), "")
    if not holder:
        raise visit.unfinished(again, {"holder": visit.gettext("Choose from the list.")})
    wanted = Ceilings(visit.chosen("scopes", SCOPES), (), (), ())
    with visit.keeping(again, named={"scopes": "scopes"}):
        onward.permit_onward(visit.work, given.id, peers.get(visit.work, bytes.fromhex(holder)), wanted)
    visit.work.after_commit.append(visit.node.sender.wake)
    return Redirect(f"/cases/{given.case_id}/sharing?done=permitted")
