"""Durable jobs on real databases."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.integration.jobs.conftest import LEASE, effects, leave_effect

from iars_node import jobs
from iars_node.audit import alarms
from iars_node.audit import store as audit_store
from iars_node.audit.model import AuditFilter
from iars_node.errors import ConflictError, LockedError, NotFoundError
from iars_node.jobs import Retries, Worker, service, store
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from iars_node.clock import SetClock
    from iars_node.jobs import Handler, Job
    from iars_node.work import Work, Works

MINUTE = timedelta(minutes=1)


def _worker(handler: Handler = leave_effect, name: str = "w1", most: int = 8) -> Worker:
    return Worker(name, {"remind": handler}, LEASE, Retries(most=most))


def _schedule(works: Works, subject: str, after: timedelta = timedelta(0)) -> str:
    with works.write(SYSTEM) as work:
        return jobs.schedule(work, "remind", work.now + after, subject, {"grant": "g1"})


def _open_job(works: Works, subject: str) -> Job | None:
    with works.read(SYSTEM) as work:
        return store.open_job(work.connection, "remind", subject)


def test_a_job_runs_when_it_is_due_and_once(works: Works, clock: SetClock) -> None:
    _schedule(works, "s1", MINUTE)
    assert jobs.run_due(works, _worker()) == 0
    clock.moment += MINUTE
    assert jobs.run_due(works, _worker()) == 1
    assert jobs.run_due(works, _worker()) == 0
    assert effects(works) == ["s1"]


def test_jobs_run_in_the_order_they_are_due(works: Works, clock: SetClock) -> None:
    order: list[str] = []
    for subject, minutes in (("late", 3), ("early", 1), ("middle", 2)):
        _schedule(works, subject, minutes * MINUTE)
    clock.moment += 5 * MINUTE
    assert jobs.run_due(works, _worker(lambda _work, job: order.append(job.subject)), limit=2) == 2
    assert order == ["early", "middle"]
    with works.read(SYSTEM) as work:
        assert store.next_due(work.connection, ["remind"]) == clock.moment - 2 * MINUTE
        assert store.next_due(work.connection, ["other"]) is None


def test_scheduling_again_moves_the_open_job(works: Works, clock: SetClock) -> None:
    first = _schedule(works, "s1", MINUTE)
    assert _schedule(works, "s1", 3 * MINUTE) == first
    clock.moment += 2 * MINUTE
    assert jobs.run_due(works, _worker()) == 0
    clock.moment += MINUTE
    assert jobs.run_due(works, _worker()) == 1
    assert _schedule(works, "s1") != first


def test_a_cancelled_job_does_not_run(works: Works) -> None:
    _schedule(works, "s1")
    _schedule(works, "s2")
    with works.write(SYSTEM) as work:
        assert jobs.cancel(work, "remind", "s1")
        assert not jobs.cancel(work, "remind", "s1")
    jobs.run_due(works, _worker())
    assert effects(works) == ["s2"]


def _fail_after_scheduling(works: Works) -> None:
    with works.write(SYSTEM) as work:
        jobs.schedule(work, "remind", work.now, "s1")
        raise ConflictError("Someone else was first.")


def test_a_job_is_rolled_back_with_what_scheduled_it(works: Works) -> None:
    with pytest.raises(ConflictError):
        _fail_after_scheduling(works)
    assert _open_job(works, "s1") is None


def test_a_worker_leaves_what_it_can_t_do(works: Works) -> None:
    _schedule(works, "s1")
    assert jobs.run_due(works, Worker("w1", {"other": leave_effect})) == 0
    assert _open_job(works, "s1") is not None


def test_a_handler_schedules_its_own_next_run(works: Works, clock: SetClock) -> None:
    def daily(work: Work, job: Job) -> None:
        leave_effect(work, job)
        jobs.schedule(work, job.kind, work.now + timedelta(days=1), job.subject)

    _schedule(works, "s1")
    for _ in range(3):
        assert jobs.run_due(works, _worker(daily)) == 1
        clock.moment += timedelta(days=1)
    assert effects(works) == ["s1", "s1", "s1"]


def test_a_handler_takes_its_own_next_run_back(works: Works) -> None:
    def change_its_mind(work: Work, job: Job) -> None:
        assert not jobs.cancel(work, job.kind, job.subject)
        jobs.schedule(work, job.kind, work.now, job.subject)
        assert jobs.cancel(work, job.kind, job.subject)
        leave_effect(work, job)

    _schedule(works, "s1")
    assert jobs.run_due(works, _worker(change_its_mind)) == 1
    assert effects(works) == ["s1"]


def test_a_failing_job_leaves_nothing_and_is_tried_later(works: Works, clock: SetClock) -> None:
    def fail(work: Work, job: Job) -> None:
        leave_effect(work, job)
        raise ConflictError("The record has moved on.")

    _schedule(works, "s1")
    assert jobs.run_due(works, _worker(fail)) == 1
    waiting = _open_job(works, "s1")
    assert waiting is not None
    assert (waiting.attempts, waiting.last_error) == (1, "conflict")
    assert waiting.due_at == clock.moment + Retries().first
    assert effects(works) == []
    clock.moment = waiting.due_at
    assert jobs.run_due(works, _worker()) == 1
    assert effects(works) == ["s1"]


def test_one_failing_job_does_not_stop_the_others(works: Works) -> None:
    def fail_first(work: Work, job: Job) -> None:
        if job.subject == "s1":
            raise RuntimeError("unforeseen, and names Ana Hoxha")
        leave_effect(work, job)

    _schedule(works, "s1")
    _schedule(works, "s2")
    assert jobs.run_due(works, _worker(fail_first)) == 2
    assert effects(works) == ["s2"]
    failed = _open_job(works, "s1")
    assert failed is not None
    assert failed.last_error == "RuntimeError"


def test_a_job_that_fails_too_often_is_parked_with_an_alarm(works: Works, clock: SetClock) -> None:
    def fail(_work: Work, _job: Job) -> None:
        raise ConflictError("Never.")

    job_id = _schedule(works, "s1")
    for _ in range(3):
        assert jobs.run_due(works, _worker(fail, most=3)) == 1
        clock.moment += timedelta(hours=1)
    assert jobs.run_due(works, _worker(fail, most=3)) == 0
    with works.read(SYSTEM) as work:
        (raised,) = alarms.open_alarms(work.connection)
        (parked,) = store.parked(work.connection)
        (event,) = audit_store.page(work.connection, AuditFilter(action="job.")).events
    assert (raised.kind, raised.subject, event.event.subject, parked.id) == (
        "job.parked",
        job_id,
        job_id,
        job_id,
    )
    assert raised.detail == {"kind": "remind", "about": "s1", "error": "conflict", "attempts": 3}


def test_a_parked_job_can_be_retried(works: Works) -> None:
    def fail(_work: Work, _job: Job) -> None:
        raise ConflictError("Not yet.")

    job_id = _schedule(works, "s1")
    jobs.run_due(works, _worker(fail, most=1))
    with works.write(SYSTEM) as work:
        service.retry(work, job_id)
        with pytest.raises(NotFoundError):
            service.retry(work, job_id)
        with pytest.raises(NotFoundError):
            service.retry(work, "unknown")
    assert jobs.run_due(works, _worker()) == 1
    assert effects(works) == ["s1"]


def test_locked_keys_are_waited_for_however_long_it_takes(works: Works, clock: SetClock) -> None:
    def need_keys(_work: Work, _job: Job) -> None:
        raise LockedError("The keys are locked.")

    _schedule(works, "s1")
    for _ in range(20):
        assert jobs.run_due(works, _worker(need_keys, most=2)) == 1
        clock.moment += Retries().first
    assert jobs.run_due(works, _worker(most=2)) == 1
    assert effects(works) == ["s1"]


def test_done_jobs_are_forgotten_and_open_ones_stay(works: Works, clock: SetClock) -> None:
    _schedule(works, "s1")
    jobs.run_due(works, _worker())
    _schedule(works, "s2")
    clock.moment += timedelta(days=1)
    with works.write(SYSTEM) as work:
        assert service.forget_done(work, work.now) == 1
        assert service.forget_done(work, work.now) == 0
    assert _open_job(works, "s2") is not None


def _claim(works: Works, owner: str, lease: timedelta = LEASE) -> Job | None:
    with works.write(SYSTEM) as work:
        return store.claim(work.connection, work.now, owner, lease, ["remind"])


def test_a_leased_job_is_not_given_to_another_worker(works: Works) -> None:
    _schedule(works, "s1")
    claimed = _claim(works, "w1")
    assert claimed is not None
    assert (claimed.lease_owner, claimed.lease_fence, claimed.attempts) == ("w1", 1, 1)
    assert _claim(works, "w2") is None
    with works.read(SYSTEM) as work:
        due = store.next_due(work.connection, ["remind"])
    assert due == claimed.lease_until


def test_a_lease_is_measured_by_the_database_s_clock_where_it_has_one(works: Works, clock: SetClock) -> None:
    _schedule(works, "s1")
    assert _claim(works, "w1") is not None
    clock.moment += 2 * LEASE
    is_taken_over = _claim(works, "w2") is not None
    assert is_taken_over == works.database.is_sqlite


def test_a_lease_that_was_overtaken_completes_nothing(works: Works) -> None:
    _schedule(works, "s1")
    slow = _claim(works, "slow", timedelta(0))
    quick = _claim(works, "quick")
    assert slow is not None
    assert quick is not None
    assert quick.lease_fence == slow.lease_fence + 1
    with works.write(SYSTEM) as work:
        assert not store.complete(work.connection, slow, work.now)
        assert not store.postpone(work.connection, slow, work.now, "conflict", 1)
        assert not store.park(work.connection, slow, work.now, "conflict")
        assert store.complete(work.connection, quick, work.now)
        assert not store.complete(work.connection, quick, work.now)


def test_a_job_changed_after_it_was_claimed_runs_as_changed(works: Works, clock: SetClock) -> None:
    _schedule(works, "s1")
    claimed = _claim(works, "w1")
    _schedule(works, "s1", MINUTE)
    assert claimed is not None
    with works.write(SYSTEM) as work:
        assert not store.complete(work.connection, claimed, work.now)
    clock.moment += MINUTE
    assert jobs.run_due(works, _worker()) == 1


def test_a_job_that_kills_its_process_each_time_is_parked(works: Works) -> None:
    _schedule(works, "s1")
    for _ in range(3):
        assert _claim(works, "killed", timedelta(0)) is not None
    assert jobs.run_due(works, _worker(most=3)) == 1
    with works.read(SYSTEM) as work:
        (parked,) = store.parked(work.connection)
    assert parked.last_error == "killed"
    assert effects(works) == []
