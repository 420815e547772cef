"""Reading what was asked and what was answered, at the origin; what is locked and waits, at the recipient."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from iars_node.accounts.access import require
from iars_node.consent import endings, versions
from iars_node.consent import store as consent_store
from iars_node.errors import NotFoundError
from iars_node.referrals import store as referral_store
from iars_node.withdrawals import store
from iars_node.withdrawals.service import clock, holdings
from iars_node.withdrawals.service.proving import proofs_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iars_node.consent.model import Consent
    from iars_node.withdrawals.model import ClockMark, Ending, Notice, Report, Retention
    from iars_node.withdrawals.service.proving import Proved
    from iars_node.work import Work

NEWEST = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """One withdrawal towards one recipient, with all that the recipient has stated and proved since."""

    notice: Notice
    reports: tuple[Report, ...]
    proofs: Mapping[bytes, Proved]


@dataclass(frozen=True, slots=True)
class Held:
    """One ending here: what of it is still held, what is kept on a ground, whose case it is."""

    ending: Ending
    scopes: tuple[str, ...]
    kept: tuple[Retention, ...]
    case_id: str


@dataclass(frozen=True, slots=True)
class ToWithdraw:
    """A consent, and which organisations received something under it."""

    consent: Consent
    recipients: tuple[bytes, ...]


def consent_to_withdraw(work: Work, consent_id: str) -> ToWithdraw:
    """Return what somebody who may withdraw a consent has to see of it."""
    require(work.actor, "consent.withdraw")
    chain = versions.versions_of(work.connection, consent_id)
    found = consent_store.find(work.connection, work.vault, chain[0])
    if found is None:
        raise NotFoundError("There is no consent of this id.")
    issued = endings.issued_grants(work.connection, chain)
    # What the person said about it is for those who read consents.
    bare = replace(found, terms=replace(found.terms, reasons=""))
    return ToWithdraw(bare, tuple(dict.fromkeys(kept.peer for kept in issued)))


def asked_of_consent(work: Work, consent_id: str) -> list[Asked]:
    """Return whom a consent's end was told, and what each has answered."""
    require(work.actor, "consent.read")
    chain = versions.versions_of(work.connection, consent_id)
    return _asked(work, store.notices_of_consent(work.connection, chain))


def asked_of_case(work: Work, case_id: str) -> list[Asked]:
    """Return whom the end of a case's consents was told, and what each has answered."""
    require(work.actor, "consent.read")
    return _asked(work, store.notices_of_case(work.connection, case_id))


def find_asked(work: Work, withdrawal_id: str) -> Asked:
    """Return a withdrawal by its id, or raise NotFoundError."""
    require(work.actor, "consent.read")
    found = store.find_notice(work.connection, withdrawal_id)
    if found is None:
        raise NotFoundError("There is no withdrawal of this id.")
    return _asked(work, [found])[0]


def _asked(work: Work, notices: Sequence[Notice]) -> list[Asked]:
    reports = {each.id: tuple(store.reports_on(work.connection, each.id)) for each in notices}
    proved = proofs_of(work, [report for said in reports.values() for report in said])
    return [
        Asked(
            each,
            reports[each.id],
            {said.message: proved[said.message] for said in reports[each.id] if said.message in proved},
        )
        for each in notices
    ]


def reports_of_case(work: Work, case_id: str) -> list[Report]:
    """Return every statement about what was received of a case, also of referrals never accepted."""
    require(work.actor, "consent.read")
    return store.reports_of_case(work.connection, case_id)


def list_endings(work: Work) -> list[Held]:
    """Return what has ended here lately, the newest first."""
    require(work.actor, "consent.read")
    return [_held(work, each) for each in store.recent_endings(work.connection, NEWEST)]


def endings_of_case(work: Work, case_id: str) -> list[Held]:
    """Return what has ended of what a case received, or was told back, the first locked first."""
    require(work.actor, "consent.read")
    grants = {current.grant_id for current in referral_store.of_case(work.connection, case_id)}
    return [_held(work, each) for each in store.endings_of_grants(work.connection, sorted(grants))]


def find_ending(work: Work, ending_id: str) -> Held:
    """Return what has ended here by its id, or raise NotFoundError."""
    require(work.actor, "consent.read")
    found = store.find_ending(work.connection, ending_id)
    if found is None:
        raise NotFoundError("There is no such ending.")
    return _held(work, found)


def _held(work: Work, each: Ending) -> Held:
    kept = consent_store.find_grant(work.connection, each.grant_id)
    held = holdings.ended_holdings(work, each.grant_id, each.parts)
    return Held(
        each,
        tuple(sorted(holdings.scopes_of(held))),
        tuple(store.retentions(work.connection, each.id)),
        "" if kept is None else kept.case_id,
    )


def doubted_clock(work: Work) -> ClockMark | None:
    """Return since when and why the clock is doubted, or None while it is believed."""
    require(work.actor, "node.read")
    return clock.doubted(work)
