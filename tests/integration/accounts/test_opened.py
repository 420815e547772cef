"""Whoever opens very many cases: told of once, stopped at the limit, never kept from what is open already."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from iars_node.accounts.jobs import FORGET_JOB, forget_job
from iars_node.accounts.opened import DAY, HOUR, STOPPED, TOLD, note_opened
from iars_node.accounts.tables import opened_record
from iars_node.audit import alarms
from iars_node.db import new_id
from iars_node.errors import TooManyCasesError
from iars_node.jobs.model import Worker
from iars_node.jobs.service import run_due, schedule
from iars_node.work import SYSTEM, Actor, OpeningLimits

if TYPE_CHECKING:
    from iars_node.accounts.model import Account
    from iars_node.clock import SetClock
    from iars_node.work import Works

LIMITS = OpeningLimits(told_an_hour=3, most_an_hour=5, told_a_day=7, most_a_day=9)
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def limited(works: Works) -> None:
    works.limits = LIMITS


def open_case(works: Works, actor: Actor, case_id: str = "") -> str:
    chosen = case_id or new_id()
    with works.write(actor) as work:
        note_opened(work, chosen)
    return chosen


def open_many(works: Works, actor: Actor, count: int) -> list[str]:
    return [open_case(works, actor) for _ in range(count)]


def raised(works: Works) -> dict[str, int]:
    with works.read(SYSTEM) as work:
        return {one.kind: one.times for one in alarms.open_alarms(work.connection)}


def rows(works: Works) -> int:
    with works.read(SYSTEM) as work:
        return work.connection.execute(select(func.count()).select_from(opened_record)).scalar_one()


def test_an_alarm_names_the_account_and_how_many_and_nothing_else(works: Works, case_worker: Account) -> None:
    open_many(works, case_worker.actor, 2)
    assert raised(works) == {}
    open_case(works, case_worker.actor)
    with works.read(SYSTEM) as work:
        (alarm,) = alarms.open_alarms(work.connection)
    assert (alarm.kind, alarm.subject) == (TOLD, case_worker.id)
    assert alarm.detail == {"actor": "account", "cases": 3, "hours": 1}


def test_it_is_told_once_and_not_with_each_case_nor_again_once_somebody_took_note(
    works: Works, case_worker: Account, administrator: Account
) -> None:
    open_many(works, case_worker.actor, 3)
    with works.write(administrator.actor) as work:
        (alarm,) = alarms.open_alarms(work.connection)
        alarms.acknowledge(work, alarm.id)
    open_case(works, case_worker.actor)
    assert raised(works) == {}


def test_it_is_told_again_when_an_hour_has_passed_and_it_goes_on(
    works: Works, case_worker: Account, clock: SetClock
) -> None:
    open_many(works, case_worker.actor, 3)
    clock.moment += HOUR + MINUTE
    open_many(works, case_worker.actor, 2)
    assert raised(works) == {TOLD: 1}
    open_case(works, case_worker.actor)
    assert raised(works) == {TOLD: 2}


def test_one_too_many_is_refused_until_the_first_is_an_hour_old(
    works: Works, case_worker: Account, clock: SetClock
) -> None:
    open_case(works, case_worker.actor)
    clock.moment += 10 * MINUTE
    open_many(works, case_worker.actor, 4)
    assert raised(works)[STOPPED] == 1
    with pytest.raises(TooManyCasesError) as refused:
        open_case(works, case_worker.actor)
    assert refused.value.status == 429
    assert refused.value.seconds == 50 * 60
    clock.moment += timedelta(seconds=refused.value.seconds)
    open_case(works, case_worker.actor)
    with pytest.raises(TooManyCasesError):
        open_case(works, case_worker.actor)


def test_what_was_refused_is_not_counted(works: Works, case_worker: Account) -> None:
    open_many(works, case_worker.actor, 5)
    for _ in range(3):
        with pytest.raises(TooManyCasesError):
            open_case(works, case_worker.actor)
    assert rows(works) == 5


def test_what_is_open_already_stays_open_and_counts_once(
    works: Works, case_worker: Account, clock: SetClock
) -> None:
    known = open_many(works, case_worker.actor, 5)
    for case_id in known * 4:
        open_case(works, case_worker.actor, case_id)
    clock.moment += DAY - MINUTE
    for case_id in known:
        open_case(works, case_worker.actor, case_id)
    assert rows(works) == 5
    assert raised(works) == {TOLD: 1, STOPPED: 1}


def test_slow_copying_meets_the_limit_of_the_day(works: Works, case_worker: Account, clock: SetClock) -> None:
    for _ in range(9):
        open_case(works, case_worker.actor)
        clock.moment += HOUR
    assert raised(works) == {TOLD: 1, STOPPED: 1}
    with pytest.raises(TooManyCasesError) as refused:
        open_case(works, case_worker.actor)
    assert timedelta(seconds=refused.value.seconds) == DAY - 9 * HOUR
    clock.moment += DAY - 9 * HOUR
    open_case(works, case_worker.actor)


def test_every_account_and_token_has_a_count_of_its_own(
    works: Works, case_worker: Account, administrator: Account
) -> None:
    open_many(works, case_worker.actor, 5)
    open_many(works, Actor("token", new_id()), 5)
    open_many(works, administrator.actor, 2)
    with works.read(SYSTEM) as work:
        told = [one.detail["actor"] for one in alarms.open_alarms(work.connection) if one.kind == STOPPED]
    assert sorted(map(str, told)) == ["account", "token"]


def test_the_node_itself_and_others_nodes_are_not_counted(works: Works) -> None:
    for actor in (SYSTEM, Actor("peer", "0" * 64)):
        open_many(works, actor, 10)
    assert (rows(works), raised(works)) == (0, {})


def test_no_limit_counts_nothing(works: Works, case_worker: Account) -> None:
    works.limits = OpeningLimits()
    open_many(works, case_worker.actor, 10)
    assert rows(works) == 0


def test_a_limit_for_telling_alone_stops_nobody(works: Works, case_worker: Account) -> None:
    works.limits = OpeningLimits(told_an_hour=2)
    open_many(works, case_worker.actor, 20)
    assert raised(works) == {TOLD: 1}


def test_openings_are_forgotten_after_a_day(works: Works, case_worker: Account, clock: SetClock) -> None:
    open_many(works, case_worker.actor, 2)
    clock.moment += 12 * HOUR
    open_case(works, case_worker.actor)
    clock.moment += 12 * HOUR + MINUTE
    with works.write(SYSTEM) as work:
        schedule(work, FORGET_JOB, work.now)
    run_due(works, Worker("test", {FORGET_JOB: forget_job}))
    assert rows(works) == 1
