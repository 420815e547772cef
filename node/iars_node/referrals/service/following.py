"""What follows by itself: disclosure after acceptance, erasure after an early end, expiry by the clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node.audit.service import record
from iars_node.exchange.restoring import RESTORING
from iars_node.jobs.service import schedule
from iars_node.peers import store as peer_store
from iars_node.referrals import store
from iars_node.referrals.model import EXPIRE_JOB, OUT, Arrived, Step, is_to_be_erased
from iars_node.referrals.service import answering, sending, steps
from iars_node.work import SYSTEM
from iars_protocol.referral import ACCEPTANCES

if TYPE_CHECKING:
    from iars_node.exchange.model import Resynced
    from iars_node.jobs.model import Job
    from iars_node.referrals.model import Referral
    from iars_node.work import Work

EXPIRE_EVERY = timedelta(seconds=20)
EXPIRED_AT_ONCE = 500


def follow_arrival(work: Work, arrived: Arrived) -> None:
    """Disclose what waited for acceptance; erase what was never accepted and has ended."""
    current = arrived.referral
    if (
        current.direction == OUT
        and arrived.step in ACCEPTANCES
        and not current.is_disclosed
        and current.is_open
    ):
        # The node itself discloses: the peer whose message arrived has no rights here.
        sending.disclose_if_permitted(replace(work, actor=SYSTEM), current)
    if is_to_be_erased(current):
        answering.erase_received(work, current)


def follow_resync(work: Work, resynced: Resynced) -> None:
    """After a restore, disclose what could not be disclosed while the peer's answer was awaited."""
    store.forget_problem(work.connection, resynced.peer, RESTORING)
    for waiting in store.undisclosed(work.connection, resynced.peer):
        sending.disclose_if_permitted(replace(work, actor=SYSTEM), waiting)


def expire(work: Work, _job: Job) -> None:
    """Expire what nobody answered in time, and look again soon: both sides do, each by its own clock."""
    late = store.unanswered(work.connection, work.now, EXPIRED_AT_ONCE)
    for peer in sorted({steps.get(work, referral_id).peer for referral_id in late}):
        peer_store.lock(work.connection, peer)
    for referral_id in late:
        current = steps.get(work, referral_id)
        # An answer may have come while we waited for the lock.
        if current.state == "requested":
            _expire(work, current)
    schedule(work, EXPIRE_JOB, work.now + EXPIRE_EVERY)


def _expire(work: Work, current: Referral) -> None:
    step = Step(
        at=work.now,
        type=EXPIRE_JOB,
        side=current.side,
        actor=SYSTEM.id,
        message="",
        seen="",
        state_after="expired",
        reason="",
        is_refused=False,
    )
    store.add_step(work.connection, current.id, step)
    moved = steps.move(work, current, "expired", EXPIRE_JOB, "")
    record(work, "referral.expired", referral_id=current.id, peer_id=current.peer.hex())
    if is_to_be_erased(moved):
        answering.erase_received(work, moved)
