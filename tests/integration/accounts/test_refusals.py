"""Refused access in the audit log: told once a minute for each account and way, with a count of the rest."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node.accounts.access import require
from iars_node.accounts.jobs import FORGET_JOB, forget_job
from iars_node.accounts.refusals import (
    REFUSALS_JOB,
    WINDOW,
    note_refusal,
    refusal_of,
    refusals_job,
    route_code,
)
from iars_node.accounts.tables import refused_access
from iars_node.audit import store
from iars_node.audit.model import AuditFilter
from iars_node.db import new_id
from iars_node.errors import ForbiddenError, NotAssignedError
from iars_node.jobs.model import Job, Worker
from iars_node.jobs.service import run_due
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from iars_node.accounts.model import Account
    from iars_node.audit.model import Event
    from iars_node.clock import SetClock
    from iars_node.work import Actor, Works

CASE = new_id()
WAY = route_code("POST", "/cases/{case_id}/holds/{hold_id}")


def refuse(works: Works, actor: Actor, *, way: str = WAY, case_id: str = CASE, hold_id: str = "") -> None:
    try:
        require(actor, "hold.manage")
    except ForbiddenError as error:
        refused = refusal_of(error, way, "", {"case_id": case_id, "hold_id": hold_id})
        note_refusal(works, actor, refused)


def told(works: Works) -> list[Event]:
    with works.read(SYSTEM) as work:
        found = store.page(work.connection, AuditFilter(action="access.")).events
    return [one.event for one in reversed(found)]


def run(works: Works) -> int:
    return run_due(works, Worker("test", {REFUSALS_JOB: refusals_job}))


def test_a_refusal_names_account_action_way_and_record(works: Works, case_worker: Account) -> None:
    hold_id = new_id()
    refuse(works, case_worker.actor, hold_id=hold_id)
    (event,) = told(works)
    assert (event.action, event.actor_kind, event.actor_id) == (
        "access.refused",
        "account",
        case_worker.id,
    )
    assert (event.subject, event.case_id) == (hold_id, CASE)
    assert dict(event.detail) == {
        "action": "hold.manage",
        "reason": "forbidden",
        "route": "POST:/cases/*/holds/*",
        "times": 1,
    }


def test_a_loop_leaves_one_event_a_minute_that_counts_the_others(
    works: Works, case_worker: Account, clock: SetClock
) -> None:
    asked = 0
    for _minute in range(5):
        for _ in range(60):
            refuse(works, case_worker.actor)
            asked += 1
            clock.moment += timedelta(seconds=1)
            run(works)
    clock.moment += WINDOW
    run(works)
    events = told(works)
    assert len(events) <= 6
    assert sum(int(event.detail["times"]) for event in events) == asked
    for earlier, later in itertools.pairwise(events):
        assert later.at - earlier.at >= WINDOW
    assert {event.actor_id for event in events} == {case_worker.id}


def test_what_was_counted_is_told_when_the_minute_is_over_though_nobody_asks_again(
    works: Works, case_worker: Account, clock: SetClock
) -> None:
    other = new_id()
    refuse(works, case_worker.actor)
    refuse(works, case_worker.actor, case_id=other)
    assert run(works) == 0
    clock.moment += WINDOW
    assert run(works) == 1
    first, second = told(works)
    # The last of those that are told of together is named.
    assert (first.case_id, second.case_id) == (CASE, other)
    assert (second.actor_kind, second.actor_id, second.detail["times"]) == ("account", case_worker.id, 1)
    # A minute begins with what was told: a loop does not get two events out of one.
    refuse(works, case_worker.actor)
    assert len(told(works)) == 2


def test_another_account_and_another_way_are_told_by_themselves(
    works: Works, case_worker: Account, administrator: Account
) -> None:
    for actor in (case_worker.actor, administrator.actor):
        for way in (WAY, route_code("GET", "/cases/{case_id}")):
            refuse(works, actor, way=way)
            refuse(works, actor, way=way)
    assert len(told(works)) == 4


def test_of_what_was_typed_only_ids_are_kept(works: Works, case_worker: Account) -> None:
    refuse(works, case_worker.actor, case_id="Ana Munteanu", hold_id="../..")
    (event,) = told(works)
    assert (event.subject, event.case_id) == ("", "")


def test_whose_case_it_is_not_is_told_with_the_case(works: Works, case_worker: Account) -> None:
    error = NotAssignedError("The case is not assigned to you.", CASE)
    note_refusal(works, case_worker.actor, refusal_of(error, "iars:case:show", "case.read", {}))
    (event,) = told(works)
    assert (event.case_id, event.subject, event.detail["reason"]) == (CASE, CASE, "not-assigned")
    assert event.detail["action"] == "case.read"


def test_a_job_that_comes_twice_tells_nothing_twice(
    works: Works, case_worker: Account, clock: SetClock
) -> None:
    for _ in range(3):
        refuse(works, case_worker.actor)
    clock.moment += WINDOW
    run(works)
    with works.write(SYSTEM) as work:
        key = work.connection.execute(refused_access.select()).one().key
        for subject in (key, "0" * 64):
            refusals_job(work, Job(new_id(), REFUSALS_JOB, subject, {}, work.now))
    assert [event.detail["times"] for event in told(works)] == [1, 2]


def test_minutes_that_were_told_of_are_forgotten(works: Works, case_worker: Account, clock: SetClock) -> None:
    refuse(works, case_worker.actor)
    clock.moment += timedelta(hours=2)
    with works.write(SYSTEM) as work:
        forget_job(work, Job(new_id(), FORGET_JOB, "", {}, work.now))
        assert work.connection.execute(refused_access.select()).all() == []
