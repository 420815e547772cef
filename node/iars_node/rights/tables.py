"""The tables of corrections: which fields, for whom, what became of it. No value stands here."""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, Index, String, Table, text

from iars_node.db import ID, Instant, metadata

correction = Table(
    "correction",
    metadata,
    Column("id", ID, primary_key=True),
    Column("case_id", ID, ForeignKey("case_file.id"), nullable=False),
    Column("fields", JSON, nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", String(64), nullable=False),
    Index("ix_correction_case", "case_id", "at"),
)

correction_told = Table(
    "correction_told",
    metadata,
    Column("id", ID, primary_key=True),
    Column("correction_id", ID, ForeignKey("correction.id"), nullable=False),
    Column("case_id", ID, nullable=False),
    Column("node", String(64), nullable=False),
    Column("grant_id", ID, nullable=False),
    Column("referral_id", ID, nullable=False),
    Column("fields", JSON, nullable=False),
    Column("outcome", String(8), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("at", Instant, nullable=False),
    Column("done_at", Instant),
    Column("done_by", String(64)),
    Index("ix_correction_told_case", "case_id", "at"),
    Index(
        "ix_correction_told_open",
        "at",
        sqlite_where=text("outcome = 'to-tell' AND done_at IS NULL"),
        postgresql_where=text("outcome = 'to-tell' AND done_at IS NULL"),
    ),
)
