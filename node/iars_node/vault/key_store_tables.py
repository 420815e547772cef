"""The tables of the key store. They live apart from the main database and never in its migrations."""

from __future__ import annotations

from sqlalchemy import Column, Integer, LargeBinary, MetaData, String, Table

from iars_node.db import Instant

SCHEMA = 1

metadata = MetaData()

header = Table(
    "vault_header",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("schema", Integer, nullable=False),
    Column("store_id", LargeBinary(16), nullable=False),
    Column("salt", LargeBinary(16), nullable=False),
    Column("passes", Integer, nullable=False),
    Column("memory_kib", Integer, nullable=False),
    Column("wrapped_master", LargeBinary, nullable=False),
)

content_keys = Table(
    "vault_content_key",
    metadata,
    Column("key_id", LargeBinary(16), primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
)

erasures = Table(
    "vault_erasure",
    metadata,
    Column("key_id", LargeBinary(16), primary_key=True),
    Column("erased_at", Instant, nullable=False),
)

private_keys = Table(
    "vault_private_key",
    metadata,
    Column("key_id", LargeBinary, primary_key=True),
    Column("role", String(32), nullable=False),
    Column("position", Integer, nullable=False),
    Column("not_after", Instant),
    Column("sealed_seed", LargeBinary, nullable=False),
)

destroyed_private_keys = Table(
    "vault_destroyed_private_key",
    metadata,
    Column("key_id", LargeBinary, primary_key=True),
)

documents = Table(
    "vault_document",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)
