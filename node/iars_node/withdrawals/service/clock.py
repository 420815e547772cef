"""Whether the clock may be believed: before a time destroys anything, it is held against what is known.

A wrong clock would end consents that still run, and destroy what belongs to them. So destruction pauses when
the clock has jumped against the latest moment that was stored, or when peers' receipts contradict it; a
person looks at the clock and confirms it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node.accounts.access import require
from iars_node.audit.alarms import acknowledge, open_alarms, raise_alarm
from iars_node.audit.service import record
from iars_node.jobs.service import schedule
from iars_node.vault.identity import seconds
from iars_node.withdrawals import store
from iars_node.withdrawals.model import CLOCK_JOB, ClockMark
from iars_protocol.envelope import read_header
from iars_protocol.receipt import read_signed_receipt

if TYPE_CHECKING:
    from iars_node.jobs.model import Job
    from iars_node.work import Work

LONGEST_JUMP = timedelta(hours=1)
LOOK_EVERY = timedelta(minutes=1)
RECEIPTS = 50

SKEWED = "clock.skewed"

JUMPED = "jump"
CONTRADICTED = "receipts"


def is_trusted(work: Work) -> bool:
    """Hold the clock against what is known, note what is found, and say whether it may be believed."""
    mark = store.read_mark(work.connection)
    if mark is None:
        mark = ClockMark(work.now, store.newest_sequence(work.connection), None, "")
        store.write_mark(work, mark)
        return True
    if mark.paused_at is not None:
        return False
    cause = _doubt(work, mark)
    if cause:
        store.write_mark(work, replace(mark, paused_at=work.now, cause=cause))
        record(work, "clock.skewed", detail={"code": cause})
        raise_alarm(work, SKEWED, "", {"code": cause})
        return False
    if work.now > mark.high_water:
        store.write_mark(work, replace(mark, high_water=work.now))
    return True


def _doubt(work: Work, mark: ClockMark) -> str:
    if abs(work.now - mark.high_water) > LONGEST_JUMP:
        return JUMPED
    if any(alarm.kind == SKEWED for alarm in open_alarms(work.connection)):
        # A peer has answered that our messages come from another time than its own.
        return CONTRADICTED
    most = seconds(work.now + LONGEST_JUMP) - seconds(work.now)
    for header, receipt in store.newest_receipts(work.connection, mark.sequence, RECEIPTS):
        given = read_signed_receipt(receipt).receipt.at
        # An old receipt may be handed out again, but none is older than the message that it answers.
        if given > seconds(work.now) + most or given + most < read_header(header).created:
            return CONTRADICTED
    return ""


def confirm_clock(work: Work) -> None:
    """Take the clock as it is now: somebody has looked at it, and what waits is destroyed when it is due."""
    require(work.actor, "node.manage")
    mark = ClockMark(work.now, store.newest_sequence(work.connection), None, "")
    store.write_mark(work, mark)
    for alarm in open_alarms(work.connection):
        if alarm.kind == SKEWED:
            acknowledge(work, alarm.id)
    record(work, "clock.corrected")


def doubted(work: Work) -> ClockMark | None:
    """Return since when and why the clock is doubted, or None while it is believed."""
    mark = store.read_mark(work.connection)
    return None if mark is None or mark.paused_at is None else mark


def watch_clock(work: Work, _job: Job) -> None:
    """Look at the clock, and again soon: the stored moment must never be far behind."""
    is_trusted(work)
    schedule(work, CLOCK_JOB, work.now + LOOK_EVERY)
