"""The tables of consents and grants. Codes and dates stand readable; the person's words are sealed."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
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

from iars_node.db import ID, SEQUENCE, Instant, metadata

consent = Table(
    "consent",
    metadata,
    Column("id", ID, primary_key=True),
    Column("case_id", ID, ForeignKey("case_file.id"), nullable=False),
    Column("state", String(12), nullable=False),
    Column("version", Integer, nullable=False),
    Column("replaces", ID, nullable=False),
    Column("terms", JSON, nullable=False),
    Column("key_id", LargeBinary(16), nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("given_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("ended_at", Instant),
    # What was withdrawn of it so far, while the rest stands.
    Column("ended", JSON(none_as_null=True)),
    Column("recorded_by", String(64), nullable=False),
    Index("ix_consent_case", "case_id", "given_at"),
    Index("ix_consent_expires", "state", "expires_at"),
    Index("ix_consent_replaces", "replaces"),
)

# What became of each consent: append-only.
consent_history = Table(
    "consent_history",
    metadata,
    Column("sequence", SEQUENCE, primary_key=True, autoincrement=True),
    Column("consent_id", ID, ForeignKey("consent.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("step", String(12), nullable=False),
    Column("by", String(12), nullable=False),
    Column("state_after", String(12), nullable=False),
    Column("actor", String(64), nullable=False),
    Index("ix_consent_history_consent", "consent_id", "sequence"),
)

# Disclosures that rest on no consent: on which ground, who wrote it down, who approved it, until when.
consent_exception = Table(
    "consent_exception",
    metadata,
    Column("id", ID, primary_key=True),
    Column("case_id", ID, ForeignKey("case_file.id"), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("state", String(10), nullable=False),
    Column("is_emergency", Boolean, nullable=False),
    Column("terms", JSON, nullable=False),
    Column("author", String(64), nullable=False),
    Column("decided_by", String(64), nullable=False),
    Column("key_id", LargeBinary(16), nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("decide_by", Instant, nullable=False),
    Column("decided_at", Instant),
    Column("review_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("tell_after", Instant),
    Column("told_at", Instant),
    Index("ix_consent_exception_case", "case_id", "recorded_at"),
    Index("ix_consent_exception_recorded", "recorded_at"),
)

# What controllers told about exceptions under which this node received something; also before it arrived.
exception_outcome = Table(
    "exception_outcome",
    metadata,
    Column("peer", LargeBinary(32), primary_key=True),
    Column("grant_id", ID, primary_key=True),
    Column("outcome", String(10), nullable=False),
    Column("approver", String(200), nullable=False),
    Column("told_at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
)

# Grants both ways: what this node asserted about its persons, and what others asserted to it.
consent_grant = Table(
    "consent_grant",
    metadata,
    Column("id", ID, primary_key=True),
    Column("direction", String(3), nullable=False),
    Column("peer", LargeBinary(32), nullable=False),
    Column("hash", LargeBinary(32), nullable=False, unique=True),
    Column("signed", Text, nullable=False),
    Column("subject", ID, nullable=False),
    Column("consent_id", ID, nullable=False),
    Column("case_id", ID, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("ended", JSON(none_as_null=True)),
    # The onward permission that it stands under, or empty: by it a withdrawal is passed down the chain.
    Column("onward", ID, nullable=False, server_default=""),
    Index("ix_consent_grant_subject", "peer", "subject"),
    Index("ix_consent_grant_consent", "consent_id", "peer"),
    Index("ix_consent_grant_case", "case_id"),
    Index("ix_consent_grant_expires", "direction", "expires_at"),
    Index("ix_consent_grant_onward", "onward"),
    Index(
        "ix_consent_grant_running",
        "direction",
        "expires_at",
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
)

# Ids that were withdrawn before anything under them came: the offer that arrives later is refused. They count
# for the node that signed the withdrawal only, so that nobody can end in advance what is another's to end.
withdrawn_id = Table(
    "withdrawn_id",
    metadata,
    Column("kind", String(6), primary_key=True),
    Column("id", ID, primary_key=True),
    Column("issuer", LargeBinary(32), primary_key=True),
    Column("ended", JSON, nullable=False),
    Column("recorded_at", Instant, nullable=False),
)

# Permissions to pass a person on: given to a holder, received to be used, or shown by a holder with an offer.
onward_permission = Table(
    "onward_permission",
    metadata,
    Column("id", ID, primary_key=True),
    Column("grant_id", ID, primary_key=True),
    Column("way", String(3), nullable=False),
    Column("peer", LargeBinary(32), nullable=False),
    Column("consent_id", ID, nullable=False),
    Column("signed", Text, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Index("ix_onward_permission_grant", "grant_id"),
)

# What holders told of their use of a permission, and what this node told as a holder. An empty recipient: the
# person wants it kept from the origin.
onward_passing = Table(
    "onward_passing",
    metadata,
    Column("direction", String(3), primary_key=True),
    Column("peer", LargeBinary(32), primary_key=True),
    Column("passing", ID, primary_key=True),
    Column("onward_id", ID, nullable=False),
    Column("recipient", LargeBinary(32), nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("told_at", Instant, nullable=False),
    Column("outcome", String(12), nullable=False),
    Column("outcome_at", Instant),
    Index("ix_onward_passing_onward", "onward_id"),
)
