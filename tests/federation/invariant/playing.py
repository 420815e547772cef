"""Plays histories and looks at what is left: everything that opens has to be covered."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing import forkserver
from pathlib import Path
from typing import TYPE_CHECKING

from tests.federation.invariant import passing, steps
from tests.federation.invariant.history import History, Nothing
from tests.federation.invariant.judging import every_judge, sharing_uncovered, uncovered_at_once
from tests.federation.invariant.nodes import (
    Nodes,
    quick_folder,
    template,
)
from tests.federation.invariant.steps import answer, refer
from tests.measuring import unmeasured

from iars_admin.demo.draw import Draw
from iars_node.errors import NodeError
from iars_protocol.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from multiprocessing.context import BaseContext

FEWEST, MOST = 8, 22
LOOKS = 5
"""How often of a hundred, after a step, somebody looks at what the pages show."""

DELIVERIES = 60
"""How often of a hundred, after a step, the lines carry what waits: else messages cross, and overtake."""

TRIES = 10
STEPS = {**steps.STEPS, **passing.STEPS}
BY_NAME = {step.__name__: step for step in STEPS}
WEIGHTS = {step.__name__: often for step, often in STEPS.items()}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one history ended: what was uncovered, and how much there was to look at."""

    seed: int
    uncovered: tuple[str, ...]
    told: tuple[str, ...]
    received: int
    erased: int

    def __str__(self) -> str:
        """Return the history as a short script, with what it came to."""
        steps = "\n".join(f"  {number:2} {line}" for number, line in enumerate(self.told, 1))
        faults = "\n".join(f"  ! {line}" for line in self.uncovered)
        return f"history {self.seed}:\n{steps}\n{faults}"


def play(ready: Path, seed: int) -> Outcome:
    """Play the history of a seed on copies of four ready nodes."""
    try:
        with Nodes(ready) as nodes:
            return asyncio.run(_play(History(seed, Draw(f"history {seed}"), nodes)))
    except Exception as error:
        error.add_note(f"This broke history {seed}.")
        raise


async def _play(history: History) -> Outcome:
    nodes, uncovered = history.nodes, list[str]()
    await _begin(history)
    for number in range(1, history.dice.number(FEWEST, MOST) + 1):
        history.told.append(_step(history))
        if history.dice.chance(DELIVERIES):
            await nodes.deliver()
            history.told[-1] += " ."
        if history.dice.chance(LOOKS):
            uncovered += [f"after step {number}, {fault}" for fault in uncovered_at_once(nodes)]
    # Much of what is shared runs out while everything comes to rest.
    uncovered += [f"at the end, {fault}" for fault in sharing_uncovered(nodes)]
    await nodes.settle()
    received = 0
    for judge in every_judge(nodes):
        uncovered += judge.everything_uncovered()
        received += judge.count_received()
    erased = sum(len(side.node.vault.ledger()) for side in nodes.sides.values())
    return Outcome(history.seed, tuple(dict.fromkeys(uncovered)), tuple(history.told), received, erased)


async def _begin(history: History) -> None:
    """Begin with something that was received, for the rest to happen to."""
    passing_on = (passing.permit, passing.pass_on, answer) if history.dice.chance(60) else ()
    for step in (refer, refer, answer, answer, *passing_on):
        with suppress(Nothing):
            history.told.append(_take(history, step))
        await history.nodes.deliver()


def _step(history: History) -> str:
    for _ in range(TRIES):
        with suppress(Nothing):
            return _take(history, BY_NAME[history.dice.weighted(WEIGHTS)])
    return "nothing happens"


def _take(history: History, step: Callable[[History], str]) -> str:
    try:
        return step(history)
    except (NodeError, ProtocolError) as error:
        return f"{step.__name__}: refused, {getattr(error, 'reason', '') or error.code}"


@cache
def _context() -> BaseContext:
    """Start the process that all the others are forked from: it has read the program, and measures nothing.

    To note which lines run would cost half as much again, and tells nothing that other tests don't.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with unmeasured():
        forkserver.ensure_running()
    return context


def _look_for_garbage_rarely() -> None:
    # The program that was read is none, and a history leaves little that its end does not free.
    gc.freeze()
    gc.set_threshold(10_000)


def play_all(ready: Path, seeds: Iterable[int], processes: int) -> Iterator[Outcome]:
    """Play many histories, in so many processes of their own."""
    pool = ProcessPoolExecutor(processes, mp_context=_context(), initializer=_look_for_garbage_rarely)
    try:
        yield from pool.map(partial(play, ready), seeds, chunksize=5)
    finally:
        # Whoever has seen enough does not wait for the rest.
        pool.shutdown(cancel_futures=True)


def main() -> None:
    """Play the histories of the seeds given, and tell each."""
    with tempfile.TemporaryDirectory(dir=quick_folder()) as folder:
        ready = template(Path(folder) / "nodes")
        for seed in sys.argv[1:]:
            sys.stdout.write(f"{play(ready, int(seed))}\n")


if __name__ == "__main__":
    main()
