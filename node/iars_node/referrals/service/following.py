"""What follows by itself: disclosure after acceptance, erasure after an early end, expiry by the clock."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from iars_node.audit.service import record
from iars_node.referrals import store
from iars_node.referrals.model import EXPIRE_JOB, OUT, Arrived, Step, is_to_be_erased
from iars_node.referrals.service import answering, sending, steps
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from iars_node.jobs.model import Job
    from iars_node.work import Work

ACCEPTANCES = frozenset({"referral.accept/1", "handover.accept/1"})


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


def expire(work: Work, job: Job) -> None:
    """Expire a referral that nobody answered in time: both sides do, each by its own clock."""
    current = store.find(work.connection, job.subject)
    if current is None or current.state != "requested":
        return
    if work.now < current.respond_by:
        return
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
