"""Referrals: the lists of those sent and received, and one with its path, its thread and its proofs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iars_node.cases import service as cases
from iars_node.consent import service as consents
from iars_node.consent.approvals import basis_shown
from iars_node.referrals import service as referrals
from iars_node.referrals.service.showing import note_shown
from iars_node.vault.identity import identity_of
from iars_node.web.languages import N_
from iars_node.web.pages import Pages
from iars_node.web.path import path_of
from iars_node.web.people import colleagues, organisations
from iars_node.web.routes.steps import possible_steps
from iars_node.web.visit import Page, Stream
from iars_protocol.referral import CLOSED, IN_CARE

if TYPE_CHECKING:
    from iars_node.web.visit import Answer, Visit

pages = Pages()


@dataclass(frozen=True, slots=True)
class Show:
    """One of the plain choices above the list."""

    label: str
    direction: str
    states: tuple[str, ...]


SHOWS = {
    "to-answer": Show(N_("To answer"), "in", ("requested",)),
    "received": Show(N_("Received"), "in", ()),
    "sent": Show(N_("Sent"), "out", ()),
    "under-way": Show(N_("Under way"), "", IN_CARE),
    "ended": Show(N_("Ended"), "", CLOSED),
}


@pages.get("/referrals", "referral.read", writes=True)
def show_referrals(visit: Visit) -> Answer:
    """List referrals by their newest change."""
    chosen = visit.asked("show", SHOWS) or "received"
    show = SHOWS[chosen]
    found = referrals.list_referrals(
        visit.work, direction=show.direction, states=show.states, cursor=visit.query.get("from", ""), limit=25
    )
    return Page(
        "referrals.html",
        {
            "found": found.referrals,
            "more": found.cursor,
            "shows": SHOWS,
            "chosen": chosen,
            "names": organisations(visit),
        },
    )


@pages.get("/referrals/{referral_id}", "referral.read", writes=True)
def show_referral(visit: Visit, referral_id: str) -> Answer:
    """Show a referral: where it stands, what is seen of the person, what was said, what proves it."""
    current = referrals.get(visit.work, referral_id)
    received = referrals.received_content(visit.work, referral_id) if current.direction == "in" else {}
    entries = referrals.timeline(visit.work, referral_id)
    note_shown(visit.work, current, entries)
    names = {**organisations(visit), **colleagues(visit, (entry.step.actor for entry in entries))}
    is_locked = referrals.is_locked(visit.work, current)
    case = cases.case_head(visit.work, current.case_id) if current.case_id else None
    basis = basis_shown(visit.work, consents.kept_grant(visit.work, current.grant_id))
    if basis is not None:
        names |= colleagues(visit, [basis.basis.author, basis.approver])
    return Page(
        "referral.html",
        {
            "referral": current,
            "peer_name": names.get(current.peer.hex(), current.peer.hex()[:8]),
            "own_name": names.get(_own_text(visit), ""),
            "received": received,
            "is_locked": is_locked,
            "entries": entries,
            "path": path_of(current, entries, is_locked=is_locked),
            "names": names,
            "case": case if visit.may("case.read") else None,
            "steps": possible_steps(visit, current, is_locked=is_locked),
            "basis": basis,
            "outlived": referrals.outlived(visit.work, current),
            "problem": visit.speech.refusal(current.problem) if current.problem else "",
        },
    )


@pages.get("/changes", "referral.read", is_unasked=True)
def tell_changes(_visit: Visit) -> Answer:
    """Tell an open list that something changed, without saying what."""
    return Stream()


def _own_text(visit: Visit) -> str:
    return identity_of(visit.work.vault).node_text
