"""Clocks that jump, lie or stood still: nothing is destroyed because of one, and nothing stays for ever."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.federation.endings import (
    ADMINISTRATOR,
    CASE_WORKER,
    GRACE,
    HOLD,
    HOUR,
    alarms_at,
    asked,
    endings_at,
    pass_time,
    record_of,
    refer_and_accept,
    shown,
    withdraw,
)
from tests.federation.neighbours import SHARED, settle
from tests.federation.speaking import say

from iars_node.cases import service as cases
from iars_node.clock import SetClock
from iars_node.db import new_id
from iars_node.errors import ForbiddenError
from iars_node.withdrawals import service as withdrawals
from iars_node.withdrawals.service import clock as clocks
from iars_node.work import SYSTEM
from iars_protocol.messages.consent import ErasureReport

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.federation.neighbours import Neighbour


@pytest.mark.parametrize("jump", [timedelta(hours=-2), timedelta(days=40)])
async def test_a_clock_that_jumps_destroys_nothing_until_an_administrator_confirms_it(
    pair: tuple[Neighbour, Neighbour], clock: SetClock, jump: timedelta
) -> None:
    shelter, mission = pair
    _sent, given = await refer_and_accept(shelter, mission)
    withdraw(shelter, given)
    await settle(shelter, mission)
    pass_time(clock, HOUR, shelter, mission)
    clock.moment += jump
    mission.run_jobs()
    assert "clock.skewed" in alarms_at(mission)
    pass_time(clock, HOLD + 3 * HOUR, mission)
    assert all(held.scopes for held in endings_at(mission) if held.ending.cause == "withdrawal")
    assert "erasure.paused" in alarms_at(mission)
    with mission.node.works.write(CASE_WORKER) as work, pytest.raises(ForbiddenError):
        withdrawals.confirm_clock(work)
    with mission.node.works.write(ADMINISTRATOR) as work:
        assert withdrawals.doubted_clock(work) is not None
        withdrawals.confirm_clock(work)
        assert withdrawals.doubted_clock(work) is None
    pass_time(clock, HOUR, mission)
    assert not [held for held in endings_at(mission) if held.scopes]


async def test_what_only_a_wrong_clock_had_ended_runs_again(
    pair: tuple[Neighbour, Neighbour], clock: SetClock
) -> None:
    shelter, mission = pair
    sent, _given = await refer_and_accept(shelter, mission)
    mission.run_jobs()
    right = clock.moment
    clock.moment += timedelta(days=45)
    mission.run_jobs()
    assert shown(mission, sent.id) == set()
    assert [held.ending.cause for held in endings_at(mission)] == ["expiry"]
    clock.moment = right
    with mission.node.works.write(ADMINISTRATOR) as work:
        assert withdrawals.confirm_clock(work) == 1
    assert endings_at(mission) == []
    assert shown(mission, sent.id) == set(SHARED)
    assert record_of(mission, sent.id)["identity"]["given_name"] == "Ana"
    with mission.node.works.write(SYSTEM) as work:
        assert cases.search_cases(work, "Munteanu", country="RU").found


async def test_a_hold_that_a_wrong_clock_began_lasts_no_longer_than_any_other(
    pair: tuple[Neighbour, Neighbour], clock: SetClock
) -> None:
    shelter, mission = pair
    given = shelter.give_consent(shelter.open_case(), mission, expires=clock.moment + 3 * HOUR)
    await refer_and_accept(shelter, mission, given)
    mission.run_jobs()
    right = clock.moment + 4 * HOUR
    clock.moment = right + timedelta(days=40)
    mission.run_jobs()
    clock.moment = right
    with mission.node.works.write(ADMINISTRATOR) as work:
        assert withdrawals.confirm_clock(work) == 0
    (held,) = endings_at(mission)
    assert (held.ending.locked_at, held.ending.destroy_after) == (right, right + GRACE)
    clock.moment += GRACE
    with mission.node.works.write(ADMINISTRATOR) as work:
        withdrawals.confirm_clock(work)
    mission.run_jobs()
    assert not [each for each in endings_at(mission) if each.scopes]


async def test_what_a_wrong_clock_put_off_is_destroyed_when_the_right_one_says(
    pair: tuple[Neighbour, Neighbour], clock: SetClock
) -> None:
    shelter, mission = pair
    _sent, given = await refer_and_accept(shelter, mission)
    mission.run_jobs()
    withdraw(shelter, given)
    await settle(shelter, mission)
    right = clock.moment
    clock.moment = right + timedelta(days=40)
    mission.run_jobs()
    clock.moment = right + HOLD
    with mission.node.works.write(ADMINISTRATOR) as work:
        withdrawals.confirm_clock(work)
    mission.run_jobs()
    assert not [each for each in endings_at(mission) if each.scopes]


async def test_a_clock_that_a_peers_receipt_contradicts_is_not_believed(
    pair: tuple[Neighbour, Neighbour], clock: SetClock
) -> None:
    shelter, mission = pair
    _sent, given = await refer_and_accept(shelter, mission)
    mission.run_jobs()
    right = clock.moment
    # The shelter answers by another time: one of the two is wrong, and nobody knows yet which.
    shelter.node.works.clock = SetClock(right + timedelta(hours=2))
    say(mission, shelter, ErasureReport(cause="expiry", grant=new_id(), leaf=bytes(32)))
    await settle(mission, shelter)
    mission.run_jobs()
    with mission.node.works.read(SYSTEM) as work:
        doubted = withdrawals.doubted_clock(work)
    assert doubted is not None
    assert doubted.cause == clocks.CONTRADICTED
    shelter.node.works.clock = clock
    with mission.node.works.write(ADMINISTRATOR) as work:
        withdrawals.confirm_clock(work)
    mission.run_jobs()
    with mission.node.works.read(SYSTEM) as work:
        assert withdrawals.doubted_clock(work) is None
    assert given.state == "given"


async def test_a_clock_that_a_peer_refuses_is_not_believed(
    pair: tuple[Neighbour, Neighbour], clock: SetClock
) -> None:
    shelter, mission = pair
    await refer_and_accept(shelter, mission)
    mission.run_jobs()
    right = clock.moment
    # The mission's clock creeps ahead, too slowly for a jump; the shelter's stays right.
    shelter.node.works.clock = SetClock(right)
    pass_time(clock, timedelta(hours=2), mission)
    say(mission, shelter, ErasureReport(cause="expiry", grant=new_id(), leaf=bytes(32)))
    await settle(mission, shelter)
    mission.run_jobs()
    with mission.node.works.read(SYSTEM) as work:
        doubted = withdrawals.doubted_clock(work)
    assert doubted is not None
    assert doubted.cause == clocks.CONTRADICTED


async def test_a_machine_that_was_off_is_believed_when_two_peers_confirm_the_time_and_not_by_one(
    neighbours: Callable[..., list[Neighbour]], clock: SetClock
) -> None:
    shelter, mission, clinic = neighbours("shelter", "mission", "clinic")
    _sent, given = await refer_and_accept(shelter, mission)
    withdraw(shelter, given)
    await settle(shelter, mission)
    pass_time(clock, HOUR, mission)
    clock.moment += HOLD
    mission.run_jobs()
    assert "clock.skewed" in alarms_at(mission)
    for _ in range(3):
        say(mission, shelter, ErasureReport(cause="expiry", grant=new_id(), leaf=bytes(32)))
    await settle(mission, shelter)
    mission.run_jobs()
    assert "clock.skewed" in alarms_at(mission)
    say(mission, clinic, ErasureReport(cause="expiry", grant=new_id(), leaf=bytes(32)))
    await settle(mission, clinic)
    mission.run_jobs()
    assert "clock.skewed" not in alarms_at(mission)
    pass_time(clock, HOUR, mission)
    await settle(shelter, mission)
    assert asked(shelter, given)[0].notice.outcome == "erased"
