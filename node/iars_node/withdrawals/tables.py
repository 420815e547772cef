"""The tables of withdrawals and erasures: ids, codes and dates; nothing here says anything of a person."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    text,
)

from iars_node.db import ID, Instant, metadata

HASH = LargeBinary(32)

# What this node asked of a recipient. The withdrawal stays as it was signed: anyone may carry it again.
withdrawal_notice = Table(
    "withdrawal_notice",
    metadata,
    Column("id", ID, primary_key=True),
    Column("consent_id", ID, nullable=False),
    Column("case_id", ID, nullable=False),
    Column("peer", HASH, nullable=False),
    Column("grants", JSON, nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("purposes", JSON, nullable=False),
    Column("by", String(6), nullable=False),
    Column("signed", Text, nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("deadline_at", Instant, nullable=False),
    # Empty until it could be queued: after a restore nothing is signed for a peer before it has answered.
    Column("message", LargeBinary, nullable=False),
    Column("answered_at", Instant),
    Column("overdue_at", Instant),
    Column("outcome", String(12), nullable=False),
    Index("ix_withdrawal_notice_consent", "consent_id", "asked_at"),
    Index("ix_withdrawal_notice_case", "case_id", "asked_at"),
    Index("ix_withdrawal_notice_message", "message"),
    Index(
        "ix_withdrawal_notice_silent",
        "deadline_at",
        sqlite_where=text("answered_at IS NULL AND overdue_at IS NULL"),
        postgresql_where=text("answered_at IS NULL AND overdue_at IS NULL"),
    ),
)

# What recipients stated. The message itself stands among the evidence, whole and signed.
erasure_report = Table(
    "erasure_report",
    metadata,
    Column("message", HASH, primary_key=True),
    Column("peer", HASH, nullable=False),
    Column("grant_id", ID, nullable=False),
    Column("cause", String(16), nullable=False),
    Column("withdrawal_id", ID, nullable=False),
    Column("referral_id", ID, nullable=False),
    Column("case_id", ID, nullable=False),
    Column("outcomes", JSON, nullable=False),
    Column("leaf", HASH, nullable=False),
    Column("received_at", Instant, nullable=False),
    Index("ix_erasure_report_withdrawal", "withdrawal_id"),
    Index("ix_erasure_report_case", "case_id", "received_at"),
)

# Proofs that a statement stands in its author's log, as they came: verified again whenever they are shown.
erasure_proof = Table(
    "erasure_proof",
    metadata,
    Column("report", HASH, ForeignKey("erasure_report.message"), primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("proof", LargeBinary, nullable=False),
    Column("note", LargeBinary, nullable=False),
    Column("received_at", Instant, nullable=False),
)

# What ended of the grants that this node received.
ending = Table(
    "ending",
    metadata,
    Column("id", ID, primary_key=True),
    Column("grant_id", ID, nullable=False),
    Column("peer", HASH, nullable=False),
    Column("cause", String(16), nullable=False),
    Column("withdrawal_id", ID, nullable=False),
    Column("by", String(6), nullable=False),
    Column("parts", JSON, nullable=False),
    Column("locked_at", Instant, nullable=False),
    Column("destroy_after", Instant, nullable=False),
    Column("state", String(6), nullable=False),
    Column("reported_at", Instant),
    Index("ix_ending_grant", "grant_id", "cause", "withdrawal_id", unique=True),
    Index("ix_ending_state", "state", "destroy_after"),
    Index("ix_ending_peer", "peer", "locked_at"),
)

retention = Table(
    "retention",
    metadata,
    Column("ending_id", ID, ForeignKey("ending.id"), primary_key=True),
    Column("scope", String(32), primary_key=True),
    Column("ground", String(32), nullable=False),
    Column("until", Instant, nullable=False),
    Column("decided_by", String(64), nullable=False),
    Column("decided_at", Instant, nullable=False),
)

# One row: what the clock is held against before a time destroys anything.
clock_mark = Table(
    "clock_mark",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("high_water", Instant, nullable=False),
    # Up to which message a person has confirmed the clock: receipts before it count no more.
    Column("sequence", BigInteger, nullable=False),
    Column("paused_at", Instant),
    Column("cause", String(16), nullable=False),
)

# Cases that another organisation took over from here: when what is not needed for routing is destroyed.
handover = Table(
    "handover",
    metadata,
    Column("referral_id", ID, primary_key=True),
    Column("case_id", ID, nullable=False),
    Column("peer", HASH, nullable=False),
    Column("accepted_at", Instant, nullable=False),
    Column("release_after", Instant, nullable=False),
    Column("released_at", Instant),
    Index("ix_handover_case", "case_id", "accepted_at"),
)

handover_kept = Table(
    "handover_kept",
    metadata,
    Column("case_id", ID, primary_key=True),
    Column("scope", String(32), primary_key=True),
    Column("ground", String(32), nullable=False),
    Column("until", Instant, nullable=False),
    Column("decided_by", String(64), nullable=False),
    Column("decided_at", Instant, nullable=False),
)
