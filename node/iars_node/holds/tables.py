"""The table of legal holds: codes and dates stand readable, the reason is sealed."""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, Index, LargeBinary, String, Table

from iars_node.db import ID, Instant, metadata

legal_hold = Table(
    "legal_hold",
    metadata,
    Column("id", ID, primary_key=True),
    Column("case_id", ID, ForeignKey("case_file.id"), nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("ground", String(32), nullable=False),
    Column("key_id", LargeBinary(16), nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("set_by", String(64), nullable=False),
    Column("set_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("lifted_at", Instant),
    Column("lifted_by", String(64)),
    Index("ix_legal_hold_case", "case_id", "ends_at"),
    Index("ix_legal_hold_standing", "ends_at"),
)
