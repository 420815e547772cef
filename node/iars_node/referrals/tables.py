"""The tables of referrals. Codes, peers and times stand readable; content is sealed under its scope."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Table,
)

from iars_node.db import ID, SEQUENCE, Instant, metadata

referral = Table(
    "referral",
    metadata,
    Column("id", ID, primary_key=True),
    Column("reference", String(20), nullable=False),
    Column("direction", String(3), nullable=False),
    Column("peer", LargeBinary(32), nullable=False),
    Column("case_id", ID, nullable=False),
    Column("consent_id", ID, nullable=False),
    Column("grant_id", ID, nullable=False),
    Column("subject", ID, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("service", String(40), nullable=False),
    Column("priority", String(10), nullable=False),
    Column("state", String(16), nullable=False),
    Column("respond_by", Instant, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("answered_at", Instant),
    Column("closed_at", Instant),
    Column("reason", String(40), nullable=False),
    Column("problem", String(64), nullable=False),
    Column("author", String(64), nullable=False),
    Column("is_disclosed", Boolean, nullable=False),
    Column("together", JSON, nullable=False),
    Index("ix_referral_list", "direction", "state", "updated_at"),
    Index("ix_referral_due", "state", "respond_by"),
    Index("ix_referral_case", "case_id"),
    Index("ix_referral_subject", "peer", "subject"),
    Index("ix_referral_grant", "grant_id"),
    Index("ix_referral_reference", "reference"),
)

referral_step = Table(
    "referral_step",
    metadata,
    Column("sequence", SEQUENCE, primary_key=True, autoincrement=True),
    Column("referral_id", ID, ForeignKey("referral.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("type", String(64), nullable=False),
    Column("side", String(8), nullable=False),
    Column("actor", String(64), nullable=False),
    Column("message", String(64), nullable=False),
    Column("seen", String(64), nullable=False),
    Column("state_after", String(16), nullable=False),
    Column("reason", String(40), nullable=False),
    Column("is_refused", Boolean, nullable=False),
    Index("ix_referral_step_referral", "referral_id", "sequence"),
    Index("ix_referral_step_message", "message"),
)

# What leaves on acceptance, cut when the offer was sent: what the preview showed is what leaves.
referral_snapshot = Table(
    "referral_snapshot",
    metadata,
    Column("referral_id", ID, ForeignKey("referral.id"), primary_key=True),
    Column("scope", String(40), primary_key=True),
    Column("key_ids", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)
