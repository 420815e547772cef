"""What waits to leave under grants that have ended, at the sender and at a receiver who writes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node.consent import store as consent_store
from iars_node.exchange import withholding
from iars_node.referrals import store
from iars_node.referrals.model import OUT
from iars_protocol.messages.referral import Offer
from iars_protocol.vocabulary import SCOPES, SERVICES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iars_node.consent.model import IssuedGrant, KeptGrant
    from iars_node.work import Work


def withhold_ended(work: Work, grants: Mapping[str, IssuedGrant | KeptGrant]) -> None:
    """Take out of what waits in these grants' referrals whatever has ended of them."""
    _withhold(work, grants, is_over=False)


def withhold_all(work: Work, grant_ids: list[str]) -> None:
    """Take every scope out of what waits under grants whose time is over, or that never held."""
    found = {grant_id: consent_store.find_grant(work.connection, grant_id) for grant_id in grant_ids}
    _withhold(work, {key: kept for key, kept in found.items() if kept is not None}, is_over=True)


def _withhold(work: Work, grants: Mapping[str, IssuedGrant | KeptGrant], *, is_over: bool) -> None:
    ended: dict[bytes, set[str]] = {}
    offers = set()
    for current in store.under_grants(work.connection, grants):
        kept, purpose = grants[current.grant_id], SERVICES[current.service].purpose
        gone = set(SCOPES) if is_over else {code for code in SCOPES if kept.has_ended(code, purpose)}
        if gone:
            ended[current.thread] = gone
        if current.direction == OUT and "services" in gone:
            offers.add((current.thread, Offer.type))
    withholding.withhold(work, ended, offers)
