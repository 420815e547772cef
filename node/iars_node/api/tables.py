"""The table of requests made under an idempotency key. Keys and contents stand here as blind words."""

from __future__ import annotations

from sqlalchemy import Column, LargeBinary, String, Table

from iars_node.db import ID, Instant, metadata

api_request = Table(
    "api_request",
    metadata,
    Column("token_id", ID, primary_key=True),
    Column("key", LargeBinary(16), primary_key=True),
    Column("operation", String(64), nullable=False),
    Column("content", LargeBinary(16), nullable=False),
    # The id of what the request made or changed.
    Column("result", String(64), nullable=False),
    Column("at", Instant, nullable=False, index=True),
)
