"""Scheduling jobs, and running those that are due."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from iars_node.audit import alarms, record
from iars_node.errors import LockedError, NodeError, NotFoundError
from iars_node.jobs import store
from iars_node.jobs.model import Job, StaleLeaseError, Worker, check_payload
from iars_node.work import SYSTEM, Running

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from iars_node.work import Work, Works

_log = structlog.get_logger()


def schedule(
    work: Work, kind: str, due_at: datetime, subject: str = "", payload: Mapping[str, str | int] | None = None
) -> str:
    """Schedule a job; an open one of the same kind and subject gets the new time and payload instead."""
    content = dict(payload or {})
    check_payload(subject, content)
    if work.running is not None and work.running.is_of(kind, subject):
        # Its next run begins when this one is done.
        work.running.next = (due_at, content)
        return work.running.id
    return store.put(work.connection, kind=kind, subject=subject, due_at=due_at, payload=content)


def cancel(work: Work, kind: str, subject: str = "") -> bool:
    """Cancel the open job of a kind and subject; say whether there was one."""
    if work.running is not None and work.running.is_of(kind, subject):
        is_wanted, work.running.next = work.running.next is not None, None
        return is_wanted
    return store.close_open(work.connection, kind, subject, work.now)


def run_due(works: Works, worker: Worker, *, limit: int = 100) -> int:
    """Run jobs that are due, one transaction each, until none is left; return how many were tried."""
    tried = 0
    while tried < limit and run_next(works, worker):
        tried += 1
    return tried


def run_next(works: Works, worker: Worker) -> bool:
    """Run the job that is due longest; say whether there was one."""
    with works.write(SYSTEM) as work:
        job = store.claim(work.connection, work.now, worker.name, worker.lease, worker.handlers.keys())
    if job is None:
        return False
    if job.attempts > worker.retries.most:
        give_back(works, worker, job, "killed")
        return True
    try:
        with works.write(SYSTEM) as work:
            _run(work, worker, job)
    except StaleLeaseError:
        _log.warning("job.taken-over", job=job.id, kind=job.kind)
    except LockedError as error:
        wait_for_keys(works, worker, job, error.code)
    except Exception as error:  # noqa: BLE001 - one job's fault must not stop the others
        give_back(works, worker, job, _code(error))
    return True


def retry(work: Work, job_id: str) -> str:
    """Schedule a parked job again, now."""
    parked = store.job_by_id(work.connection, job_id)
    if parked is None or not store.remove_parked(work.connection, job_id):
        raise NotFoundError("There is no parked job of this id.")
    record(work, "job.retried", subject=job_id, detail={"kind": parked.kind})
    return schedule(work, parked.kind, work.now, parked.subject, parked.payload)


def forget_done(work: Work, before: datetime) -> int:
    """Delete the jobs that were done before a moment; return how many."""
    return store.remove_done_before(work.connection, before)


def _run(work: Work, worker: Worker, job: Job) -> None:
    # Its row is changed last. Whoever takes a step locks the peer first and then sets or cancels jobs; a
    # handler that had its row before it asks for the peer would wait for them, and they for it.
    if not store.hold(work.connection, job):
        raise StaleLeaseError("Another worker has taken this job over.")
    work.running = Running(job.id, job.kind, job.subject)
    worker.handlers[job.kind](work, job)
    following, work.running = work.running.next, None
    if not store.complete(work.connection, job, work.now):
        raise StaleLeaseError("The job was changed or taken over while it ran.")
    if following is not None:
        due_at, payload = following
        schedule(work, job.kind, due_at, job.subject, payload)


def wait_for_keys(works: Works, worker: Worker, job: Job, error: str) -> None:
    """Give a job back for as long as the node is locked."""
    # Locked keys are nobody's failure: the job waits, however long, until they are unlocked.
    with works.write(SYSTEM) as work:
        store.postpone(work.connection, job, work.now + worker.retries.first, error, job.attempts - 1)


def put_off(works: Works, job: Job, wait: timedelta, error: str) -> None:
    """Give a failed job back to be tried after a time, however often it was tried before."""
    with works.write(SYSTEM) as work:
        store.postpone(work.connection, job, work.now + wait, error, job.attempts)


def give_back(works: Works, worker: Worker, job: Job, error: str) -> None:
    """Give a failed job back to be tried later; set it aside and alarm after the last try."""
    with works.write(SYSTEM) as work:
        if job.attempts < worker.retries.most:
            until = work.now + worker.retries.wait(job.attempts)
            store.postpone(work.connection, job, until, error, job.attempts)
        else:
            _park(work, job, error)
    _log.warning("job.failed", job=job.id, kind=job.kind, attempts=job.attempts, error=error)


def set_aside(works: Works, job: Job, error: str) -> None:
    """Set a job aside that no further try can mend, and alarm."""
    with works.write(SYSTEM) as work:
        _park(work, job, error)


def _park(work: Work, job: Job, error: str) -> None:
    if not store.park(work.connection, job, work.now, error):
        return
    detail: dict[str, str | int] = {
        "kind": job.kind,
        "about": job.subject,
        "error": error,
        "attempts": job.attempts,
    }
    record(work, "job.parked", subject=job.id, detail=detail)
    alarms.raise_alarm(work, "job.parked", job.id, detail)


def _code(error: Exception) -> str:
    # The class's name at most: an error's text could hold what must not be written down.
    return error.code if isinstance(error, NodeError) else type(error).__name__
