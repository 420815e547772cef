"""The table of durable jobs."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, Integer, String, Table, and_

from iars_node.db import ID, Instant, metadata

job = Table(
    "job",
    metadata,
    Column("id", ID, primary_key=True),
    Column("kind", String(64), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("payload", JSON, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("lease_owner", String(128)),
    Column("lease_fence", Integer, nullable=False),
    Column("lease_until", Instant),
    Column("done_at", Instant),
    Column("failed_at", Instant),
    Column("last_error", String(64)),
)

is_open = and_(job.c.done_at.is_(None), job.c.failed_at.is_(None))

Index("uq_job_open", job.c.kind, job.c.subject, unique=True, sqlite_where=is_open, postgresql_where=is_open)
Index("ix_job_due", job.c.due_at, sqlite_where=is_open, postgresql_where=is_open)
is_parked = job.c.failed_at.is_not(None)
Index("ix_job_failed", job.c.failed_at, sqlite_where=is_parked, postgresql_where=is_parked)
Index(
    "ix_job_done",
    job.c.done_at,
    sqlite_where=job.c.done_at.is_not(None),
    postgresql_where=job.c.done_at.is_not(None),
)
