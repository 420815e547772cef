"""Jobs that last longer than a transaction, such as sending a large file: held by a lease that is renewed."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from iars_node.jobs import store
from iars_node.jobs.model import StaleLeaseError
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iars_node.jobs.model import Job, Worker
    from iars_node.work import Work, Works


def claim(works: Works, worker: Worker, kind: str) -> Job | None:
    """Lease the job of a kind that is due longest; nothing runs it but the caller."""
    with works.write(SYSTEM) as work:
        return store.claim(work.connection, work.now, worker.name, worker.lease, {kind})


def renew(work: Work, worker: Worker, job: Job) -> None:
    """Hold a job for longer, or learn that another worker has it."""
    if not store.renew(work.connection, job, work.now, worker.lease):
        raise StaleLeaseError("Another worker has taken this job over.")


@contextmanager
def completing(works: Works, job: Job) -> Iterator[Work]:
    """Mark a job as done in one transaction with what follows from it."""
    with works.write(SYSTEM) as work:
        if not store.complete(work.connection, job, work.now):
            raise StaleLeaseError("Another worker has taken this job over.")
        yield work


def release(works: Works, job: Job) -> None:
    """Give a job back untried, to whoever takes it next."""
    with works.write(SYSTEM) as work:
        store.postpone(work.connection, job, work.now, "stopped", job.attempts - 1)
