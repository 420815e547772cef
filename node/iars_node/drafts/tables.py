"""The table of drafts: everything that somebody typed is sealed, each draft under a key of its own."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, LargeBinary, String, Table

from iars_node.db import ID, Instant, metadata

draft = Table(
    "draft",
    metadata,
    Column("id", ID, primary_key=True),
    Column("account_id", ID, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("version", Integer, nullable=False),
    Column("key_id", LargeBinary(16), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    # A spreadsheet that waits to be imported.
    Column("file_sealed", LargeBinary, nullable=True),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("outcome", String(200), nullable=False),
    Index("ix_draft_account", "account_id", "kind", "updated_at"),
    Index("ix_draft_updated", "updated_at"),
)

# How far a long job on a draft is: numbers alone, and a row only while it runs.
draft_progress = Table(
    "draft_progress",
    metadata,
    Column("draft_id", ID, primary_key=True),
    Column("phase", String(16), nullable=False),
    Column("done", Integer, nullable=False),
    Column("total", Integer, nullable=False),
)
