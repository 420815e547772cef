"""The table of peers. Listings and key histories are public; nothing here is a person's."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, LargeBinary, String, Table

from iars_node.db import Instant, metadata

peer = Table(
    "peer",
    metadata,
    Column("node_id", LargeBinary(32), primary_key=True),
    Column("trust", String(12), nullable=False),
    # The signed listing with its key history, exactly as it came.
    Column("presented", LargeBinary, nullable=False),
    Column("added_at", Instant, nullable=False),
    Column("verified_at", Instant),
    Column("verified_by", String(64), nullable=False, default=""),
    Column("forked_at", Instant),
)

# Which peer a hop key belongs to: how an incoming request finds its sender.
hop_key = Table(
    "peer_hop_key",
    metadata,
    Column("key_id", LargeBinary(32), primary_key=True),
    Column("node_id", LargeBinary(32), ForeignKey("peer.node_id"), nullable=False),
)
