"""It holds: referrals between two nodes whose line, processes and databases fail on purpose."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from tests.federation.faults import holding
from tests.federation.faults.play import Script, Worker
from tests.federation.faults.serving import Served
from tests.federation.faults.trouble import Trouble
from tests.federation.neighbours import introduce
from tests.federation.processes import wait_until

from iars_admin.demo.draw import Draw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Pair = tuple[Served, Served]

pytestmark = pytest.mark.fault

REFERRALS = int(os.environ.get("IARS_TESTS_REFERRALS", "100"))
SEED = os.environ.get("IARS_TESTS_SEED", "it holds")
WORKERS = 2
SECONDS_FOR_A_REFERRAL = 1.0
SETTLING_SECONDS = 120
# Few referrals are played slowly, so that every kind of trouble finds its moment.
PAUSE_MS = 200 if REFERRALS <= 200 else 40


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Pair]]:
    made: list[Served] = []

    def make(draw: Draw, urls: tuple[str, str] = ("", ""), replicas: int = 1) -> Pair:
        for name, url in zip(("shelter", "mission"), urls, strict=True):
            side = Served(tmp_path / name, name, draw.branch(name), database_url=url, replicas=replicas)
            made.append(side)
        introduce(*made)
        for side in made:
            side.start_all()
        return made[0], made[1]

    yield make
    for side in made:
        side.kill_all()
    for side in made:
        side.close()


def play(sides: Pair, draw: Draw, count: int, *, restores: bool) -> tuple[list[Worker], Trouble]:
    """Let workers refer and answer while trouble comes; then let everything settle."""
    script = Script(count, time.monotonic() + 60 + SECONDS_FOR_A_REFERRAL * count, PAUSE_MS)
    trouble = Trouble(sides, script, draw.branch("trouble"), restores=restores)
    workers = [
        Worker(side, other, draw.branch(f"{side.name} {number}"), script)
        for side, other in (sides, sides[::-1])
        for number in range(WORKERS)
    ]
    with ThreadPoolExecutor(len(workers) + 1) as pool:
        troubling = pool.submit(trouble.run)
        try:
            for working in [pool.submit(worker.run) for worker in workers]:
                working.result()
        finally:
            trouble.is_over = True
        troubling.result()
    for side in sides:
        side.mischief.is_honest = True
    wait_until(lambda: all(holding.is_quiet(side) for side in sides), SETTLING_SECONDS, pause=0.2)
    return workers, trouble


def check(sides: Pair, workers: list[Worker], trouble: Trouble, count: int) -> None:
    """Hold everything that must hold."""
    one, other = sides
    assert holding.check_same_histories(one, other) >= count / 2
    assert holding.check_texts(one, other) > count / 4
    for sender, receiver in (sides, sides[::-1]):
        own = [worker for worker in workers if worker.side is sender]
        holding.check_nothing_lost(sender, receiver, [done for worker in own for done in worker.done])
        holding.check_nothing_twice(sender, sum(worker.cases for worker in own))
        holding.check_order(sender)
        holding.check_log(sender)
        holding.check_parked_are_told(sender)
        holding.check_faults_are_seen(sender, receiver)
        if not sender.restored:
            assert holding.shown_in_audit(sender)["node.started"] > trouble.kills[sender.name]


def test_nothing_is_lost_or_done_twice_whatever_fails(serve: Callable[..., Pair]) -> None:
    draw = Draw(SEED)
    sides = serve(draw)
    workers, trouble = play(sides, draw, REFERRALS, restores=True)
    check(sides, workers, trouble, REFERRALS)
    restored = next(side for side in sides if side.restored)
    peer = next(side for side in sides if side is not restored)
    assert {"backup.restored", "exchange.resync-asked"} <= holding.shown_in_audit(restored).keys()
    assert "exchange.resync-answered" in holding.shown_in_audit(peer)


def test_two_processes_of_one_node_share_its_work_on_postgresql(
    new_postgresql_url: Callable[[], str], serve: Callable[..., Pair]
) -> None:
    draw = Draw(f"{SEED} on PostgreSQL")
    count = REFERRALS // 3
    sides = serve(draw, (new_postgresql_url(), new_postgresql_url()), replicas=2)
    workers, trouble = play(sides, draw, count, restores=False)
    check(sides, workers, trouble, count)
