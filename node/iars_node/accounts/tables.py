"""The tables of accounts, sites and teams, of sessions and tokens, and of what a person signs in by."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
)

from iars_node.db import ID, Instant, metadata

site = Table(
    "site",
    metadata,
    Column("id", ID, primary_key=True),
    Column("name", Text, nullable=False),
    Column("closed_at", Instant),
)

team = Table(
    "team",
    metadata,
    Column("id", ID, primary_key=True),
    Column("site_id", ForeignKey("site.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("closed_at", Instant),
)

account = Table(
    "account",
    metadata,
    Column("id", ID, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("display_name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("roles", JSON, nullable=False),
    Column("language", String(3), nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("disabled_at", Instant),
)

team_member = Table(
    "team_member",
    metadata,
    Column("team_id", ForeignKey("team.id"), primary_key=True),
    Column("account_id", ForeignKey("account.id"), primary_key=True),
)
Index("ix_team_member_account_id", team_member.c.account_id)

session = Table(
    "session",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("account_id", ForeignKey("account.id"), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("last_seen_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("csrf_secret", LargeBinary, nullable=False),
    Column("browser", String(60), nullable=False, server_default=""),
    Column("locked_at", Instant),
    # When its person last proved to be there, by a password or a passkey.
    Column("proved_at", Instant),
)
Index("ix_session_account_id", session.c.account_id)
Index("ix_session_expires_at", session.c.expires_at)

token = Table(
    "token",
    metadata,
    Column("id", ID, primary_key=True),
    Column("secret_hash", String(64), nullable=False, unique=True),
    Column("label", Text, nullable=False),
    Column("actions", JSON, nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("created_by", String(128), nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    Column("last_used_at", Instant),
)

# The key is a hash: people type passwords into the field for the name.
sign_in_failure = Table(
    "sign_in_failure",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_at", Instant, nullable=False),
)

# A sign-in that is half done is no session: nothing that reads sessions can take it for one.
sign_in_step = Table(
    "sign_in_step",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("account_id", ForeignKey("account.id"), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("expires_at", Instant, nullable=False),
)
Index("ix_sign_in_step_account_id", sign_in_step.c.account_id)

# Codes are kept as keyed digests: whoever copies the database can't try any against them.
entry_code = Table(
    "entry_code",
    metadata,
    Column("account_id", ForeignKey("account.id"), primary_key=True),
    Column("digest", LargeBinary(16), nullable=False),
    Column("made_by", String(128), nullable=False),
    Column("expires_at", Instant, nullable=False),
)

authenticator = Table(
    "authenticator",
    metadata,
    Column("account_id", ForeignKey("account.id"), primary_key=True),
    Column("sealed", LargeBinary),
    # What an app was shown and has not proved yet: until then the one before counts.
    Column("waiting", LargeBinary),
    Column("confirmed_at", Instant),
    Column("last_step", BigInteger, nullable=False),
)

recovery_code = Table(
    "recovery_code",
    metadata,
    Column("account_id", ForeignKey("account.id"), primary_key=True),
    Column("digest", LargeBinary(16), primary_key=True),
)

passkey = Table(
    "passkey",
    metadata,
    Column("id", ID, primary_key=True),
    Column("account_id", ForeignKey("account.id"), nullable=False),
    Column("credential_id", LargeBinary, nullable=False, unique=True),
    Column("public_key", LargeBinary, nullable=False),
    Column("sign_count", BigInteger, nullable=False),
    Column("is_backup_eligible", Boolean, nullable=False),
    Column("is_backed_up", Boolean, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("last_used_at", Instant),
)
Index("ix_passkey_account_id", passkey.c.account_id)

# Only challenges that were answered: what was merely asked for costs no row.
used_challenge = Table(
    "used_challenge",
    metadata,
    Column("challenge", LargeBinary(48), primary_key=True),
    Column("expires_at", Instant, nullable=False),
)

known_browser = Table(
    "known_browser",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("account_id", ForeignKey("account.id"), primary_key=True),
    Column("last_at", Instant, nullable=False),
)
Index("ix_known_browser_account_id", known_browser.c.account_id)

kept_form = Table(
    "kept_form",
    metadata,
    Column("id", ID, primary_key=True),
    Column("account_id", ForeignKey("account.id"), nullable=False),
    Column("path", Text, nullable=False),
    Column("key_id", LargeBinary(16), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("kept_at", Instant, nullable=False),
)
Index("ix_kept_form_account_id", kept_form.c.account_id, kept_form.c.kept_at)

# Which records somebody opened within a day, by ids: whoever opens very many is told of and stopped.
opened_record = Table(
    "opened_record",
    metadata,
    Column("actor_id", String(128), primary_key=True),
    Column("record_id", String(64), primary_key=True),
    Column("opened_at", Instant, nullable=False),
)
Index("ix_opened_record_opened_at", opened_record.c.actor_id, opened_record.c.opened_at)

# What is counted of refused access until it is told of in the audit log; the key is a hash of who and where.
refused_access = Table(
    "refused_access",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("began_at", Instant, nullable=False),
    Column("times", Integer, nullable=False),
    Column("actor_kind", String(10), nullable=False),
    Column("actor_id", String(128), nullable=False),
    Column("route", String(200), nullable=False),
    Column("action", String(64), nullable=False),
    Column("reason", String(64), nullable=False),
    Column("subject", String(64), nullable=False),
    Column("case_id", String(64), nullable=False),
    Column("referral_id", String(64), nullable=False),
)
