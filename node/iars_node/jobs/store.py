"""Every query about jobs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from sqlalchemy import TextClause, bindparam, case, delete, func, or_, select, text, update

from iars_node.db import new_id
from iars_node.jobs.model import Job
from iars_node.jobs.tables import is_open, is_parked, job
from iars_node.prepared import Prepared, inserting, listed, listing

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy import Connection, Executable, Update

# Leases are measured by the database's own clock, where it has one: a worker whose clock runs
# ahead would otherwise take jobs from workers that are still alive.
_DATABASE_NOW: TextClause = text("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")


def _put(dialect: str) -> Executable:
    added = inserting(job, *_NEW, dialect=dialect)
    # A changed job is a new intention: earlier failures don't count against it, and a worker that
    # has just claimed the old one finds its lease stale.
    changes = {
        "lease_fence": job.c.lease_fence + 1,
        "lease_owner": None,
        "lease_until": None,
        "due_at": added.excluded.due_at,
        "payload": added.excluded.payload,
        "attempts": 0,
        "last_error": None,
    }
    kept = added.on_conflict_do_update(
        index_elements=[job.c.kind, job.c.subject], index_where=is_open, set_=changes
    )
    return kept.returning(job.c.id)


_NEW = ("id", "kind", "subject", "payload", "due_at", "attempts", "lease_fence")
_PUT = Prepared(_put)


def put(
    connection: Connection, *, kind: str, subject: str, due_at: datetime, payload: Mapping[str, str | int]
) -> str:
    """Add a job, or set the time and payload of the open one of its kind and subject; return its id."""
    new = {
        "id": new_id(),
        "kind": kind,
        "subject": subject,
        "payload": dict(payload),
        "due_at": due_at,
        "attempts": 0,
        "lease_fence": 0,
    }
    row = _PUT.first(connection, new)
    if row is None:
        raise LookupError("a job was neither added nor changed")
    return str(row.id)


def close_open(connection: Connection, kind: str, subject: str, at: datetime) -> bool:
    """Close the open job of a kind and subject; say whether there was one.

    Not deleted: on PostgreSQL that would wait for whoever runs it, who may wait for what we hold.
    """
    condition = (job.c.kind == kind) & (job.c.subject == subject) & is_open
    closed = {"done_at": at, "lease_owner": None, "lease_until": None}
    return connection.execute(update(job).where(condition).values(closed)).rowcount == 1


def claim(
    connection: Connection, now: datetime, owner: str, lease: timedelta, kinds: Collection[str]
) -> Job | None:
    """Lease the job that is due longest to an owner; its fence tells this lease from every other."""
    moment = _lease_clock(connection, now)
    wanted = sorted(kinds)
    given = {"now": now, "moment": moment, "new_owner": owner, "until": moment + lease}
    row = _claiming(len(wanted)).first(connection, given | listing(job.c.kind, wanted))
    return None if row is None else Job(**row._asdict())


@lru_cache(maxsize=16)
def _claiming(kinds: int) -> Prepared:
    # Every worker asks several times a second, and most of the time for nothing.
    free = or_(job.c.lease_until.is_(None), job.c.lease_until <= bindparam("moment"))
    due = (
        select(job.c.id)
        .where(is_open, job.c.due_at <= bindparam("now"), free, job.c.kind.in_(listed(job.c.kind, kinds)))
        .order_by(job.c.due_at, job.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return Prepared(
        update(job)
        .where(job.c.id == due.scalar_subquery())
        .values(
            lease_owner=bindparam("new_owner"),
            lease_fence=job.c.lease_fence + 1,
            lease_until=bindparam("until"),
            # Counted at the start: a job that kills its process has been tried too.
            attempts=job.c.attempts + 1,
        )
        .returning(*job.c)
    )


_HOLD = Prepared(
    select(job.c.id)
    .where(job.c.id == bindparam("wanted"), job.c.lease_fence == bindparam("at_fence"), is_open)
    .with_for_update(read=True, key_share=True)
)


def hold(connection: Connection, claimed: Job) -> bool:
    """Let nobody claim a job before the commit, whatever its lease says; say whether the lease still stood.

    Whoever changes or cancels the job does not wait for this.
    """
    held = {"wanted": claimed.id, "at_fence": claimed.lease_fence}
    return _HOLD.first(connection, held) is not None


_COMPLETE = Prepared(
    update(job)
    .where(job.c.id == bindparam("wanted"), job.c.lease_fence == bindparam("at_fence"), is_open)
    .values(done_at=bindparam("at"), lease_owner=None, lease_until=None, last_error=None)
)


def complete(connection: Connection, claimed: Job, at: datetime) -> bool:
    """Mark a job as done; say whether its lease still stood."""
    held = {"wanted": claimed.id, "at_fence": claimed.lease_fence, "at": at}
    return _COMPLETE.run(connection, held) == 1


def postpone(connection: Connection, claimed: Job, until: datetime, error: str, attempts: int) -> bool:
    """Give a job back to be tried later, with so many attempts counted; say whether its lease still stood."""
    values = {
        "due_at": until,
        "attempts": attempts,
        "lease_owner": None,
        "lease_until": None,
        "last_error": error,
    }
    return connection.execute(_under_lease(claimed).values(values)).rowcount == 1


def renew(connection: Connection, claimed: Job, now: datetime, lease: timedelta) -> bool:
    """Hold a job for longer; say whether its lease still stood."""
    values = {"lease_until": _lease_clock(connection, now) + lease}
    return connection.execute(_under_lease(claimed).values(values)).rowcount == 1


def park(connection: Connection, claimed: Job, at: datetime, error: str) -> bool:
    """Set a job aside as failed; say whether its lease still stood."""
    values = {"failed_at": at, "lease_owner": None, "lease_until": None, "last_error": error}
    return connection.execute(_under_lease(claimed).values(values)).rowcount == 1


def _under_lease(claimed: Job) -> Update:
    return update(job).where(job.c.id == claimed.id, job.c.lease_fence == claimed.lease_fence, is_open)


def next_due(connection: Connection, kinds: Collection[str]) -> datetime | None:
    """Return when the next open job can be claimed: when it is due and no lease holds it."""
    claimable = case((job.c.lease_until > job.c.due_at, job.c.lease_until), else_=job.c.due_at)
    query = select(func.min(claimable)).where(is_open, job.c.kind.in_(sorted(kinds)))
    due: datetime | None = connection.execute(query).scalar_one()
    return due


def job_by_id(connection: Connection, job_id: str) -> Job | None:
    """Find a job by its id."""
    row = connection.execute(select(job).where(job.c.id == job_id)).mappings().one_or_none()
    return None if row is None else Job(**row)


def open_job(connection: Connection, kind: str, subject: str) -> Job | None:
    """Find the open job of a kind and subject."""
    query = select(job).where(job.c.kind == kind, job.c.subject == subject, is_open)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else Job(**row)


def parked(connection: Connection, limit: int = 100) -> list[Job]:
    """Return the jobs that were set aside, the newest first."""
    query = select(job).where(is_parked).order_by(job.c.failed_at.desc()).limit(limit)
    return [Job(**row) for row in connection.execute(query).mappings()]


def remove_parked(connection: Connection, job_id: str) -> bool:
    """Delete a parked job; say whether there was one."""
    return connection.execute(delete(job).where(job.c.id == job_id, is_parked)).rowcount == 1


def remove_done_before(connection: Connection, moment: datetime) -> int:
    """Delete the jobs that were done before a moment; return how many."""
    return connection.execute(delete(job).where(job.c.done_at < moment)).rowcount


def _lease_clock(connection: Connection, now: datetime) -> datetime:
    if connection.dialect.name == "sqlite":
        return now
    microseconds: int = connection.execute(_DATABASE_NOW).scalar_one()
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=microseconds)
