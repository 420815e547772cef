"""The table of retention rules."""

from __future__ import annotations

from sqlalchemy import Column, Integer, String, Table

from iars_node.db import Instant, metadata

retention_rule = Table(
    "retention_rule",
    metadata,
    Column("scope", String(32), primary_key=True),
    Column("closure_reason", String(30), primary_key=True),
    Column("days", Integer, nullable=False),
    Column("set_at", Instant, nullable=False),
    Column("set_by", String(64), nullable=False),
)
