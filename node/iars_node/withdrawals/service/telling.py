"""What became of a person who was passed on goes up the chain, however long the origin can't be told.

A recipient's statement is kept here when it comes. If its origin is blocked, or awaited after a restore, the
outcome waits: it is tried again until it can be told, and people see that it was not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node import audit
from iars_node.audit.alarms import acknowledge, open_alarms, raise_alarm
from iars_node.consent import onward_use
from iars_node.consent import store as consent_store
from iars_node.jobs.service import schedule
from iars_node.peers import store as peer_store
from iars_node.withdrawals import store
from iars_node.withdrawals.service.asking import who_can_be_told
from iars_node.withdrawals.service.shares import Shares

if TYPE_CHECKING:
    from datetime import datetime

    from iars_node.consent.model import KeptGrant
    from iars_node.consent.onward_model import Passing
    from iars_node.jobs.model import Job
    from iars_node.work import Work

OUTCOME_JOB = "onward.outcome"
TRY_AGAIN = timedelta(minutes=10)
PATIENCE = timedelta(days=1)
"""How long an origin that is only silent may keep an outcome waiting before people are told."""

UNTOLD = "consent.outcome-untold"


def tell(work: Work, kept: KeptGrant, *, is_alarmed: bool = False) -> None:
    """Tell the origin the newest outcome of a grant under its permission, now or as soon as possible."""
    waiting = untold(work, kept)
    if waiting is None:
        return
    told = waiting.told
    origin = who_can_be_told(work, [told.peer]).get(told.peer)
    if origin is not None:
        onward_use.tell_outcome(work, origin, told, waiting.outcome)
        _close_alarm(work, kept.id)
        return
    if not is_alarmed and (_is_shut(work, told.peer) or work.now >= waiting.stated_at + PATIENCE):
        _alarm(work, kept, told)
        is_alarmed = True
    schedule(work, OUTCOME_JOB, work.now + TRY_AGAIN, kept.id, {"alarmed": int(is_alarmed)})


def tell_again(work: Work, job: Job) -> None:
    """Try again to tell an origin what it could not be told."""
    kept = consent_store.find_grant(work.connection, job.subject)
    if kept is not None:
        tell(work, kept, is_alarmed=bool(job.payload.get("alarmed")))


@dataclass(frozen=True, slots=True)
class Untold:
    """What an origin was told of a grant, and what became of it since that it was not told."""

    told: Passing
    outcome: str
    stated_at: datetime


def untold(work: Work, kept: KeptGrant, shares: Shares | None = None) -> Untold | None:
    """Return what an origin was not told yet of a grant, or None. It hears one word for all of it.

    While anything of it is still held the origin hears nothing: one referral's end is not the end of all.
    """
    if not kept.grant.onward:
        return None
    reports = store.reports_of_grant(work.connection, kept.id)
    told = onward_use.told_of(work, kept) if reports else None
    if told is None:
        return None
    outcome = (shares or Shares(work, kept.case_id)).outcome(kept)
    return None if outcome in ("", told.outcome) else Untold(told, outcome, reports[-1].received_at)


def _is_shut(work: Work, origin: bytes) -> bool:
    """Say whether nothing is exchanged with an origin until a person here decides otherwise."""
    peer = peer_store.find(work.connection, origin)
    return peer is None or not peer.is_exchanged_with


def _alarm(work: Work, kept: KeptGrant, told: Passing) -> None:
    audit.record(
        work,
        "consent.onward-untold",
        subject=told.onward_id,
        case_id=kept.case_id,
        peer_id=told.peer.hex(),
    )
    raise_alarm(work, UNTOLD, kept.id, {"peer": told.peer.hex(), "case": kept.case_id})


def _close_alarm(work: Work, grant_id: str) -> None:
    for alarm in open_alarms(work.connection):
        if (alarm.kind, alarm.subject) == (UNTOLD, grant_id):
            acknowledge(work, alarm.id)
