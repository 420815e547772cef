"""Open referrals that end before the person's renewed consent does.

A grant is signed for one time and travels with the offer alone, so a renewal can't prolong it. Until its end
the referral goes on; who wants to go on longer refers once more, under the same pseudonym.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node.accounts.access import may, require
from iars_node.consent import store as consent_store
from iars_node.consent.model import PERMITTING
from iars_node.consent.versions import versions_of
from iars_node.db import EPOCH
from iars_node.referrals import store

if TYPE_CHECKING:
    from datetime import datetime

    from iars_node.referrals.model import Referral
    from iars_node.work import Work


@dataclass(frozen=True, slots=True)
class Outlived:
    """An open referral, when what was signed for it ends, and until when the person has agreed since."""

    referral: Referral
    ends_at: datetime
    agreed_until: datetime
    consent_id: str


def outlived_under(work: Work, consent_id: str) -> list[Outlived]:
    """Return the open referrals under a consent's versions that end before its newest one, the soonest first.

    None for who reads no referrals.
    """
    if not may(work.actor, "referral.read"):
        return []
    chain = versions_of(work.connection, consent_id)
    found = [
        each
        for version in chain
        for kept in consent_store.grants_of_consent(work.connection, version)
        if kept.direction == "out"
        for current in store.open_of_grant(work.connection, kept.id)
        if (each := _outlived(work, current, chain)) is not None
    ]
    return sorted(found, key=lambda each: (each.ends_at, each.referral.id))


def outlived(work: Work, current: Referral) -> Outlived | None:
    """Return when an open referral ends although the person has agreed for longer since, or None."""
    require(work.actor, "referral.read")
    if current.direction != "out" or not current.is_open or not current.consent_id:
        return None
    return _outlived(work, current, versions_of(work.connection, current.consent_id))


def _outlived(work: Work, current: Referral, chain: tuple[str, ...]) -> Outlived | None:
    kept = consent_store.find_grant(work.connection, current.grant_id)
    newest = consent_store.find(work.connection, work.vault, chain[0])
    if kept is None or newest is None or newest.state_at(work.now) not in PERMITTING:
        return None
    ends_at = EPOCH + timedelta(seconds=kept.grant.expires)
    # The same day may have been agreed to again: a second is no difference that anybody made.
    if newest.terms.expires < ends_at + timedelta(seconds=1):
        return None
    return Outlived(current, ends_at, newest.terms.expires, newest.id)


def ending_soon(work: Work, until: datetime, limit: int) -> list[Outlived]:
    """Return the open referrals that end before a moment although the person has agreed for longer."""
    require(work.actor, "referral.read")
    found = (
        outlived(work, current) for current in store.ending_between(work.connection, work.now, until, limit)
    )
    return [each for each in found if each is not None]
