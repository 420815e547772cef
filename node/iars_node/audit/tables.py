"""The audit log's tables. The log is append-only: the database itself refuses to change or delete."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    Identity,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    event,
)

from iars_node.db import ID, SEQUENCE, Instant, metadata

# Ids that an event does not have are NULL, so that the partial indexes stay small and every
# insert touches only the indexes it needs.
audit_event = Table(
    "audit_event",
    metadata,
    Column("seq", SEQUENCE, Identity(), primary_key=True),
    Column("id", ID, nullable=False),
    Column("at", Instant, nullable=False),
    Column("actor_kind", String(16), nullable=False),
    Column("actor_id", String(128), nullable=False),
    Column("action", String(64), nullable=False),
    Column("purpose", String(200), nullable=False),
    Column("case_id", ID),
    Column("referral_id", String(64)),
    Column("peer_id", String(128)),
    Column("subject", String(200), nullable=False),
    Column("scopes", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("leaf", LargeBinary, nullable=False),
)
Index("ix_audit_event_action", audit_event.c.action, audit_event.c.seq)
Index("ix_audit_event_actor", audit_event.c.actor_id, audit_event.c.seq)
Index("ix_audit_event_at", audit_event.c.at)
for _name in ("case_id", "referral_id", "peer_id"):
    _column = audit_event.c[_name]
    Index(
        f"ix_audit_event_{_name}",
        _column,
        audit_event.c.seq,
        sqlite_where=_column.is_not(None),
        postgresql_where=_column.is_not(None),
    )

alarm = Table(
    "alarm",
    metadata,
    Column("id", ID, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("times", Integer, nullable=False),
    Column("kind", String(64), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("detail", JSON, nullable=False),
    Column("acknowledged_at", Instant),
    Column("acknowledged_by", String(128)),
)
Index(
    "uq_alarm_open",
    alarm.c.kind,
    alarm.c.subject,
    unique=True,
    sqlite_where=alarm.c.acknowledged_at.is_(None),
    postgresql_where=alarm.c.acknowledged_at.is_(None),
)
Index("ix_alarm_at", alarm.c.at, alarm.c.id)

# A log is one tree under one origin; after a restore a new one is opened. `reached` is the highest number up
# to which events were taken into it.
audit_log = Table(
    "audit_log",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("origin", String(128), nullable=False, unique=True),
    Column("opened_at", Instant, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("reached", BigInteger, nullable=False),
    # The event that opened it, which stands first: 0 in the first log of a node.
    Column("opening", BigInteger, nullable=False),
    Column("closed_at", Instant),
    # After a restore: when the next log may be opened though a witness has not answered.
    Column("wait_until", Instant),
    # The newest checkpoint of a closed log that anybody has shown since.
    Column("newest_note", LargeBinary),
)

# The tree's complete subtrees, 256 hashes in one tile: row 0 holds leaves, each row above the roots of whole
# tiles below. `numbers` are those of the events in row 0, 8 bytes each.
audit_tile = Table(
    "audit_tile",
    metadata,
    Column("log", Integer, primary_key=True, autoincrement=False),
    Column("row", Integer, primary_key=True, autoincrement=False),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary, nullable=False),
    Column("numbers", LargeBinary, nullable=False),
)

# Numbers of events that were passed over: on PostgreSQL a transaction may commit after a later one.
audit_skipped = Table(
    "audit_skipped",
    metadata,
    Column("first", BigInteger, primary_key=True, autoincrement=False),
    Column("last", BigInteger, nullable=False),
    Column("noted_at", Instant, nullable=False),
    # No transaction that began before has this number of PostgreSQL's or a higher one.
    Column("horizon", BigInteger, nullable=False),
)

audit_checkpoint = Table(
    "audit_checkpoint",
    metadata,
    Column("log", Integer, primary_key=True, autoincrement=False),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("note", LargeBinary, nullable=False),
    Column("signed_at", Instant, nullable=False),
    Column("shown_at", Instant),
)

audit_cosignature = Table(
    "audit_cosignature",
    metadata,
    Column("log", Integer, primary_key=True, autoincrement=False),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("witness", LargeBinary(32), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("signature", LargeBinary(72), nullable=False),
)

APPEND_ONLY_SQLITE = tuple(
    f"CREATE TRIGGER audit_event_no_{verb.lower()} BEFORE {verb} ON audit_event "
    "BEGIN SELECT RAISE(ABORT, 'audit events are append-only'); END"
    for verb in ("UPDATE", "DELETE")
)
APPEND_ONLY_POSTGRESQL = (
    """CREATE OR REPLACE FUNCTION audit_event_refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'audit events are append-only'; END $$""",
    """CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_event
    FOR EACH STATEMENT EXECUTE FUNCTION audit_event_refuse()""",
)


def append_only_statements(dialect: str) -> tuple[str, ...]:
    """Return the statements that make the log append-only: for `create_all` and for the migration."""
    return APPEND_ONLY_SQLITE if dialect == "sqlite" else APPEND_ONLY_POSTGRESQL


@event.listens_for(audit_event, "after_create")
def _refuse_changes(_table: Table, connection: Connection, **_options: object) -> None:
    for statement in append_only_statements(connection.dialect.name):
        connection.exec_driver_sql(statement)
