"""The log of disclosures: who learned which scopes, when and under what, as the audit log tells of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node import audit
from iars_node.accounts.access import require
from iars_node.audit.model import AuditFilter
from iars_node.audit.reading import all_pages
from iars_node.consent import store as consent_store
from iars_node.referrals import store as referral_store
from iars_node.referrals.model import DISCLOSING
from iars_node.rights.model import Disclosure
from iars_protocol.vocabulary import SCOPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from iars_node.audit.model import Event
    from iars_node.consent.model import KeptGrant
    from iars_node.referrals.model import Referral
    from iars_node.work import Work


_ORDER = list(SCOPES)


def disclosure_log(
    work: Work, since: datetime | None = None, until: datetime | None = None
) -> list[Disclosure]:
    """Return every disclosure of a time, the oldest first: cases, organisations and codes, no content."""
    require(work.actor, "processing.read")
    found = list(_disclosures(work, AuditFilter(action="referral.", since=since, until=until)))
    audit.record(work, "processing.read", detail={"disclosures": len(found)})
    return _in_order(found)


def disclosures_of_case(work: Work, case_id: str) -> list[Disclosure]:
    """Return a case's disclosures, the oldest first."""
    found = _disclosures(work, AuditFilter(action="referral.", case_id=case_id))
    return _in_order(found)


def _in_order(found: Iterable[Disclosure]) -> list[Disclosure]:
    # The log is read from its end; what happened at one moment stays in the order in which it was recorded.
    oldest_first = list(found)
    oldest_first.reverse()
    return sorted(oldest_first, key=lambda each: each.at)


def _disclosures(work: Work, filters: AuditFilter) -> Iterator[Disclosure]:
    referrals: dict[str, Referral | None] = {}
    grants: dict[str, KeptGrant | None] = {}
    for recorded in all_pages(work.connection, filters):
        event = recorded.event
        if event.action not in DISCLOSING or not event.scopes:
            continue
        if event.referral_id not in referrals:
            referrals[event.referral_id] = referral_store.find(work.connection, event.referral_id)
        referral = referrals[event.referral_id]
        grant_id = event.subject or (referral.grant_id if referral else "")
        if grant_id not in grants:
            grants[grant_id] = consent_store.find_grant(work.connection, grant_id)
        yield _disclosure(event, referral, grants[grant_id])


def _disclosure(event: Event, referral: Referral | None, kept: KeptGrant | None) -> Disclosure:
    return Disclosure(
        at=event.at,
        action=event.action,
        case_id=event.case_id,
        referral_id=event.referral_id,
        node=event.peer_id,
        service=referral.service if referral else str(event.detail.get("service", "")),
        purpose=event.purpose,
        scopes=tuple(sorted(event.scopes, key=_ORDER.index)),
        grant_id=kept.id if kept else event.subject,
        basis=kept.grant.basis.kind if kept else "",
        consent_id=kept.consent_id if kept else "",
        actor=event.actor_id,
    )
