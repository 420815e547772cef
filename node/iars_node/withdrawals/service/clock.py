"""Whether the clock may be believed: before a time destroys anything, it is held against what is known.

A wrong clock would end consents that still run, and destroy what belongs to them. So destruction pauses when
the clock has jumped against the latest moment that was stored, or when peers' receipts contradict it, until
an administrator confirms the clock or, after a jump, several peers' receipts do.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node.accounts.access import require
from iars_node.audit.alarms import acknowledge, open_alarms, raise_alarm
from iars_node.audit.service import record
from iars_node.vault.identity import seconds
from iars_node.withdrawals import store
from iars_node.withdrawals.model import ClockMark
from iars_protocol.envelope import read_header
from iars_protocol.receipt import read_signed_receipt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iars_node.work import Work

LONGEST_JUMP = timedelta(hours=1)
RECEIPTS = 50
FEWEST = 2
"""So many peers have to confirm a clock that has jumped."""

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
        return _is_released(work, mark)
    cause = _doubt(work, mark)
    if cause:
        paused = replace(
            mark, paused_at=work.now, cause=cause, sequence=store.newest_sequence(work.connection)
        )
        store.write_mark(work, paused)
        record(work, "clock.skewed", detail={"code": cause})
        raise_alarm(work, SKEWED, "", {"code": cause})
        return False
    if work.now > mark.high_water:
        store.write_mark(work, replace(mark, high_water=work.now))
    return True


def _doubt(work: Work, mark: ClockMark) -> str:
    if abs(work.now - mark.high_water) > LONGEST_JUMP:
        return JUMPED
    if any(alarm.kind == SKEWED and alarm.subject for alarm in open_alarms(work.connection)):
        # A peer has answered that our messages come from another time than its own.
        return CONTRADICTED
    return "" if all(agrees for _peer, agrees in _receipts(work, mark.sequence)) else CONTRADICTED


def _receipts(work: Work, above: int) -> Iterator[tuple[bytes, bool]]:
    """Yield who answered our newest messages, and whether the answer's time can be true by our clock."""
    longest = int(LONGEST_JUMP.total_seconds())
    for peer, header, receipt in store.newest_receipts(work.connection, above, RECEIPTS):
        given = read_signed_receipt(receipt).receipt.at
        # An old receipt may be handed out again, but none is older than the message that it answers.
        yield peer, read_header(header).created - longest <= given <= seconds(work.now) + longest


def _is_released(work: Work, mark: ClockMark) -> bool:
    """Believe a clock again that has jumped, when peers confirm the time: a machine that was off has jumped.

    One peer is not enough: it could be the one that wants something destroyed. What receipts contradict waits
    for an administrator.
    """
    if mark.cause != JUMPED:
        return False
    answers = list(_receipts(work, mark.sequence))
    if len({peer for peer, _agrees in answers}) < FEWEST or not all(agrees for _peer, agrees in answers):
        return False
    _believe(work, "peers")
    return True


def _believe(work: Work, by: str) -> None:
    mark = ClockMark(work.now, store.newest_sequence(work.connection), None, "")
    store.write_mark(work, mark)
    for alarm in open_alarms(work.connection):
        if alarm.kind == SKEWED:
            acknowledge(work, alarm.id)
    record(work, "clock.corrected", detail={"by": by})


def confirm_clock(work: Work) -> None:
    """Take the clock as it is now: somebody has looked at it, and what waits is destroyed when it is due."""
    require(work.actor, "node.manage")
    _believe(work, "administrator")


def doubted(work: Work) -> ClockMark | None:
    """Return since when and why the clock is doubted, or None while it is believed."""
    mark = store.read_mark(work.connection)
    return None if mark is None or mark.paused_at is None else mark
