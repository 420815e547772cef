"""The table of attachments. Their bytes lie in files; their names and keys are sealed here."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, String, Table

from iars_node.db import ID, Instant, metadata

attachment = Table(
    "attachment",
    metadata,
    Column("id", ID, primary_key=True),
    Column("case_id", ID, ForeignKey("case_file.id"), nullable=False),
    Column("scope", String(32), nullable=False),
    Column("source", String(64), nullable=False),
    Column("key_id", LargeBinary(16), nullable=False, index=True),
    # {name, media_type, key, length} in deterministic CBOR, sealed with the key of scope and source.
    Column("sealed", LargeBinary, nullable=False),
    Column("file", String(32), nullable=False, unique=True),
    # Size and hash of the sealed file: they tell the padded bucket, never the length.
    Column("size", BigInteger, nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("state", String(10), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("created_by", String(64), nullable=False),
    Index("ix_attachment_case", "case_id", "created_at"),
    # How a peer's upload finds what that peer announced.
    Index("ix_attachment_announced", "created_by", "digest"),
)
