"""Several hands on one referral, and on one stream, at the same moment."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import select
from tests.federation.neighbours import settle
from tests.federation.processes import ROOT

from iars_node.errors import ConflictError
from iars_node.exchange.model import OUT
from iars_node.exchange.tables import message as message_table
from iars_node.exchange.tables import stream as stream_table
from iars_node.referrals import service as referrals
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.federation.neighbours import Neighbour

    from iars_node.clock import SetClock
    from iars_node.referrals.model import Referral
    from iars_node.referrals.service.reading import Entry

    Pair = tuple[Neighbour, Neighbour]

ROUNDS = 6
PROCESSES = 2
OFFERS = 15


def at_once(*acts: Callable[[], Referral]) -> list[Referral | ConflictError]:
    """Do several things at the same moment; return what each got."""
    gate = threading.Barrier(len(acts))

    def run(act: Callable[[], Referral]) -> Referral | ConflictError:
        gate.wait(20)
        try:
            return act()
        except ConflictError as error:
            return error

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


async def offered(shelter: Neighbour, mission: Neighbour) -> list[str]:
    case = shelter.open_case()
    given = shelter.give_consent(case, mission)
    sent = [shelter.refer(case, given, mission).id for _ in range(ROUNDS)]
    await settle(shelter, mission)
    return sent


async def check(shelter: Neighbour, mission: Neighbour, referral_id: str) -> None:
    await settle(shelter, mission)
    ours, theirs = shelter.history(referral_id), mission.history(referral_id)
    assert referrals.differences(ours, theirs) == []


async def test_of_two_answers_at_the_same_moment_one_wins(pair: Pair) -> None:
    shelter, mission = pair
    for each in await offered(shelter, mission):
        results = at_once(
            partial(mission.act, referrals.accept, each),
            partial(mission.act, referrals.reject, each, "no-capacity"),
        )
        won = [found for found in results if not isinstance(found, ConflictError)]
        assert len(won) == 1
        assert mission.referral(each).state == won[0].state
        await check(shelter, mission, each)


async def test_two_workers_who_accept_the_same_referral_open_one_case(pair: Pair) -> None:
    shelter, mission = pair
    for each in await offered(shelter, mission):
        act = [partial(mission.act, referrals.accept, each)] * 3
        results = at_once(*act)
        assert sum(isinstance(found, ConflictError) for found in results) == 2
        await check(shelter, mission, each)


async def test_whoever_accepts_after_a_cancellation_hears_of_the_conflict(pair: Pair) -> None:
    shelter, mission = pair
    for each in await offered(shelter, mission):
        accepted, cancelled = at_once(
            partial(mission.act, referrals.accept, each),
            partial(mission.act, referrals.cancel, each, "person-declined"),
        )
        assert not isinstance(cancelled, ConflictError)
        assert mission.referral(each).state == "cancelled"
        # Accepted first, it was cancelled from there; cancelled first, there was nothing left to accept.
        steps = [entry.step.type for entry in timeline(mission, each)]
        assert ("referral.accept/1" in steps) == (not isinstance(accepted, ConflictError))
        await check(shelter, mission, each)


def timeline(side: Neighbour, referral_id: str) -> list[Entry]:
    with side.node.works.read(SYSTEM) as work:
        return referrals.timeline(work, referral_id)


async def test_both_sides_end_it_at_the_same_moment(pair: Pair) -> None:
    shelter, mission = pair
    for each in await offered(shelter, mission):
        at_once(
            partial(shelter.act, referrals.cancel, each, "person-declined"),
            partial(mission.act, referrals.reject, each, "no-capacity"),
        )
        await check(shelter, mission, each)
        assert shelter.referral(each).state == mission.referral(each).state == "rejected"


def test_two_processes_never_give_out_one_number_twice(pair: Pair, clock: SetClock) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    given = shelter.give_consent(case, mission)
    settings = shelter.node.settings
    words = [str(settings.folder), settings.database_url, clock.moment.isoformat()]
    words += [mission.id.hex(), case.id, given.id, str(OFFERS)]
    places = os.pathsep.join(str(ROOT / part) for part in ("protocol", "node", "admin", "."))
    command = [sys.executable, "-m", "tests.federation.signing_process", *words]
    started = [
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": places},
            text=True,
        )
        for _ in range(PROCESSES)
    ]
    try:
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in started:
            process.communicate("go\n", timeout=120)
    finally:
        for process in started:
            process.kill()
            process.wait()
    assert [process.returncode for process in started] == [0] * PROCESSES
    with shelter.node.database.read() as connection:
        streams = connection.execute(select(stream_table.c.number).where(stream_table.c.direction == OUT))
        assert list(streams.scalars()) == [PROCESSES * OFFERS]
        numbers = connection.execute(
            select(message_table.c.number)
            .where(message_table.c.direction == OUT)
            .order_by(message_table.c.number)
        )
        assert list(numbers.scalars()) == list(range(1, PROCESSES * OFFERS + 1))
