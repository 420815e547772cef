"""The vault's table in the main database: which key id seals what. No key is ever in it."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, LargeBinary, String, Table, UniqueConstraint

from iars_node.db import ID, metadata

content_key = Table(
    "content_key",
    metadata,
    Column("key_id", LargeBinary(16), primary_key=True),
    Column("owner_kind", String(16), nullable=False),
    Column("owner_id", ID, nullable=False),
    Column("scope", String(32), nullable=False),
    Column("source", String(64), nullable=False),
    UniqueConstraint("owner_kind", "owner_id", "scope", "source"),
    CheckConstraint("owner_kind IN ('case', 'referral', 'attachment')", name="owner_kind"),
)
