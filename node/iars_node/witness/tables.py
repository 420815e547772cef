"""The tables of witnesses: who is shown our log, whose logs we have seen, and what did not agree."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, String, Table

from iars_node.db import ID, Instant, metadata

witness = Table(
    "witness",
    metadata,
    Column("peer", LargeBinary(32), primary_key=True),
    Column("origin", String(128), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("cosigned_at", Instant),
    Column("asked", LargeBinary(32)),
    Column("asked_at", Instant),
    Column("asked_since", Instant),
    Column("asked_reached", BigInteger, nullable=False),
    Column("is_awaited", Boolean, nullable=False),
)

witnessed = Table(
    "witnessed",
    metadata,
    Column("peer", LargeBinary(32), primary_key=True),
    Column("origin", String(128), primary_key=True),
    # Which log of this peer it is, in the order in which they were seen here.
    Column("number", Integer, nullable=False),
    Column("note", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("cosigned_at", Instant, nullable=False),
)

# The messages about logs, which are forgotten when nobody can ask for them any more: what they said is kept
# apart, and there is one of them every quarter of an hour.
witness_message = Table(
    "witness_message",
    metadata,
    Column("id", LargeBinary(32), primary_key=True),
    Column("at", Instant, nullable=False),
)
Index("ix_witness_message_at", witness_message.c.at)

# Two notes that can't be of one log, or one that is older than it should be: kept for good.
witness_evidence = Table(
    "witness_evidence",
    metadata,
    Column("id", ID, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("peer", LargeBinary(32), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("held", LargeBinary, nullable=False),
    Column("offered", LargeBinary, nullable=False),
    # The message that brought it, whose header and signature are kept.
    Column("message", LargeBinary(32), nullable=False),
)
Index("ix_witness_evidence_peer", witness_evidence.c.peer, witness_evidence.c.at)
