"""How long an event waits for its place in the tree, and a tree for its signed head."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.integration.audit.growing import FalteringWorks, happen, leaves

from iars_node.audit import log_store, sequencing
from iars_node.settings import Settings
from iars_node.work import SYSTEM, Works

if TYPE_CHECKING:
    from datetime import datetime

    from iars_node.clock import SetClock

BOUND = timedelta(seconds=10)
SECOND = timedelta(seconds=1)
USUAL = Settings.model_fields["sequence_seconds"].default
SLOWEST = next(each.le for each in Settings.model_fields["sequence_seconds"].metadata if hasattr(each, "le"))
CHECKPOINTS = Settings.model_fields["checkpoint_seconds"].default


class Watch:
    """Stands in the place of the pauses between two turns: moves the clock, and lets something happen."""

    def __init__(self, log: Works, clock: SetClock, turns: int) -> None:
        self.log = log
        self.clock = clock
        self.turns = turns
        self.committed: list[tuple[bytes, datetime]] = []
        self.placed = 0
        self.signed = 0
        self.longest = timedelta(0)
        self.longest_unsigned = timedelta(0)

    async def pause(self, seconds: float) -> None:
        self._look()
        self.turns -= 1
        if not self.turns:
            raise asyncio.CancelledError
        for _ in range(int(seconds)):
            self.committed += [(leaf, self.clock.moment) for leaf in happen(self.log)]
            self.clock.moment += SECOND

    def _look(self) -> None:
        with self.log.read(SYSTEM) as work:
            newest = log_store.newest_log(work.connection)
            head = None if newest is None else log_store.newest_checkpoint(work.connection, newest.number)
        placed = 0 if newest is None else newest.size
        signed = 0 if head is None else head.size
        for _leaf, at in self.committed[self.placed : placed]:
            self.longest = max(self.longest, self.clock.moment - at)
        for _leaf, at in self.committed[self.signed : signed]:
            self.longest_unsigned = max(self.longest_unsigned, self.clock.moment - at)
        self.placed, self.signed = placed, signed


async def watched(log: Works, works: Works, clock: SetClock, seconds: int, turns: int) -> Watch:
    watch = Watch(log, clock, turns)
    with pytest.raises(asyncio.CancelledError):
        await sequencing.run(works, seconds=seconds, checkpoint_seconds=CHECKPOINTS, pause=watch.pause)
    assert [leaf for _number, leaf in leaves(log)] == [leaf for leaf, _at in watch.committed[: watch.placed]]
    return watch


@pytest.mark.parametrize("seconds", [USUAL, SLOWEST])
async def test_an_event_is_in_the_tree_within_ten_seconds_and_under_a_head_soon_after(
    log: Works, clock: SetClock, seconds: int
) -> None:
    watch = await watched(log, log, clock, seconds, turns=2 * CHECKPOINTS // seconds + 4)
    pause = timedelta(seconds=seconds)
    assert watch.placed > CHECKPOINTS
    assert watch.longest == pause <= BOUND
    assert watch.signed > 0
    assert watch.longest_unsigned <= timedelta(seconds=CHECKPOINTS) + pause


async def test_ten_seconds_hold_at_the_slowest_pace_also_where_every_second_turn_fails(
    log: Works, clock: SetClock
) -> None:
    faltering = FalteringWorks(log.database, log.vault, log.clock)
    faltering.away_at_every = 2
    watch = await watched(log, faltering, clock, SLOWEST, turns=9)
    assert watch.placed > 0
    assert watch.longest == timedelta(seconds=2 * SLOWEST) <= BOUND
