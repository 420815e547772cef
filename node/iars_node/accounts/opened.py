"""Whoever opens very many cases is told of, and then stopped: a stolen session, or an insider who copies all.

Counted are records that somebody opens and did not open in the day before. What a person has open already
costs nothing and is never refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node.accounts import opened_store
from iars_node.audit import alarms
from iars_node.errors import TooManyCasesError

if TYPE_CHECKING:
    from iars_node.work import OpeningLimits, Work

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
_WORDS = {HOUR: "an hour", DAY: "a day"}
TOLD, STOPPED = "account.opens-many", "account.stopped-opening"


@dataclass(frozen=True, slots=True)
class _Window:
    """So many records within so long: from how many an administrator is told, at how many it stops."""

    length: timedelta
    opened: int
    told: int
    most: int


def note_opened(work: Work, record_id: str) -> None:
    """Count that the actor opens a case, or what stands in a referral; refuse it if there were too many."""
    actor = work.actor
    if not work.limits.are_set or actor.kind not in ("account", "token"):
        return
    before = opened_store.opened_at(work.connection, actor.id, record_id)
    if before is not None and before > work.now - DAY:
        return
    hour, day = opened_store.count_since(work.connection, actor.id, work.now - HOUR, work.now - DAY)
    windows = _windows(work.limits, hour, day)
    for window in windows:
        if window.most and window.opened >= window.most:
            raise _stopped(work, window)
    opened_store.keep(work.connection, actor.id, record_id, work.now)
    for window in windows:
        _tell(work, window)


def forget_opened(work: Work) -> None:
    """Forget what counts no longer."""
    opened_store.forget_before(work.connection, work.now - DAY)


def _windows(limits: OpeningLimits, hour: int, day: int) -> tuple[_Window, _Window]:
    return (
        _Window(HOUR, hour, limits.told_an_hour, limits.most_an_hour),
        _Window(DAY, day, limits.told_a_day, limits.most_a_day),
    )


def _tell(work: Work, window: _Window) -> None:
    opened = window.opened + 1
    if window.told and opened >= window.told:
        _raise_alarm(work, TOLD, window, opened)
    # In the transaction that opens the last one: the next is refused, and what is refused writes nothing.
    if window.most and opened >= window.most:
        _raise_alarm(work, STOPPED, window, opened)


def _raise_alarm(work: Work, kind: str, window: _Window, opened: int) -> None:
    # Whoever was told and took note is not told again with each further case.
    if alarms.was_raised(work.connection, kind, work.actor.id, work.now - window.length):
        return
    hours = window.length // HOUR
    alarms.raise_alarm(work, kind, work.actor.id, {"actor": work.actor.kind, "cases": opened, "hours": hours})


def _stopped(work: Work, window: _Window) -> TooManyCasesError:
    first = opened_store.nth_newest(work.connection, work.actor.id, window.most) or work.now
    wait = max(timedelta(seconds=1), first + window.length - work.now)
    return TooManyCasesError(
        f"This account has opened {window.opened} other cases within {_WORDS[window.length]}, as many as it "
        "may. What was opened already can be opened again; wait before the next, or ask an administrator.",
        -(-wait // timedelta(seconds=1)),
    )
