"""The tables of the exchange. Headers hold ids and times; every part is sealed under its scope's keys."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
)

from iars_node.db import SEQUENCE, Instant, metadata

ID = LargeBinary(32)
SHORT_ID = LargeBinary(16)

message = Table(
    "message",
    metadata,
    # In which order this node came to have them: times can be equal, and clocks can step back.
    Column("sequence", SEQUENCE, primary_key=True, autoincrement=True),
    Column("id", ID, nullable=False, unique=True),
    Column("direction", String(3), nullable=False),
    Column("peer", ID, nullable=False),
    Column("thread", SHORT_ID, nullable=False),
    Column("type", String(64), nullable=False),
    Column("stream", SHORT_ID, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("header", LargeBinary, nullable=False),
    Column("signature", LargeBinary(64), nullable=False),
    Column("recorded_at", Instant, nullable=False),
    # The signed receipt: ours for what came in, the peer's for what went out.
    Column("receipt", LargeBinary),
    Column("outcome", String(8)),
    UniqueConstraint("direction", "peer", "stream", "number"),
    Index("ix_message_thread", "thread", "sequence"),
    Index("ix_message_peer", "peer", "sequence"),
)

message_part = Table(
    "message_part",
    metadata,
    Column("message", ID, ForeignKey("message.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    # The ids of the content keys, 16 bytes each, in the order of sealing.
    Column("key_ids", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

# What waits for its receipt, in the order of queueing; a final receipt removes the line.
outbox = Table(
    "outbox",
    metadata,
    Column("sequence", SEQUENCE, primary_key=True, autoincrement=True),
    Column("message", ID, ForeignKey("message.id"), nullable=False, unique=True),
    Column("peer", ID, nullable=False),
    Column("thread", SHORT_ID, nullable=False),
    Column("state", String(9), nullable=False),
    # What may not wait behind anything goes first: a peer that is locked until it hears one answer would
    # refuse everything that stands before it.
    Column("precedence", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("queued_at", Instant, nullable=False),
    Column("last_error", String(64), nullable=False),
    Index("ix_outbox_waiting", "peer", "state", "precedence", "sequence"),
    Index("ix_outbox_thread", "thread", "sequence"),
)

# How far each stream is known. Numbers of `out` streams are allotted here, under the row's lock.
stream = Table(
    "stream",
    metadata,
    Column("peer", ID, primary_key=True),
    Column("direction", String(3), primary_key=True),
    Column("id", SHORT_ID, primary_key=True),
    Column("number", BigInteger, nullable=False),
    # Every number up to this one is known; between it and `number` something is still missing.
    Column("settled", BigInteger, nullable=False),
    Column("head", ID, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant),
    # Of a peer's closed stream: what its author, restored, still remembered. Above it, what is not here has
    # no author any more.
    Column("remembered", BigInteger),
)

# The newest applied message of each author in a thread.
thread_head = Table(
    "thread_head",
    metadata,
    Column("thread", SHORT_ID, primary_key=True),
    Column("author", ID, primary_key=True),
    Column("message", ID, nullable=False),
)

# Who sends to a peer now, under a fenced lease, and when its address was last tried without success. One
# sender per peer keeps the order of every thread without a lock per message.
route = Table(
    "route",
    metadata,
    Column("peer", ID, primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("fence", Integer, nullable=False),
    Column("lease_until", Instant, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("retry_at", Instant, nullable=False),
    Column("failing_since", Instant),
    Column("last_error", String(64), nullable=False),
)

# After a restore: each peer that has still to say how far it knows our streams. Until then nothing but the
# question is signed for it.
resync = Table(
    "resync",
    metadata,
    Column("peer", ID, primary_key=True),
    Column("asked_at", Instant, nullable=False),
    Column("answered_at", Instant),
    # The account that decided to go on without an answer.
    Column("decided_by", String(64), nullable=False),
)
