"""Alarms: what an administrator must look at. One stays open, and counts, until it is acknowledged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, exists, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from iars_node.audit.model import check_codes
from iars_node.audit.service import record
from iars_node.audit.tables import alarm
from iars_node.db import new_id
from iars_node.errors import NotFoundError
from iars_node.prepared import Prepared

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import Connection

    from iars_node.work import Work

_OPEN = Prepared(
    select(alarm).where(alarm.c.acknowledged_at.is_(None)).order_by(alarm.c.last_at.desc(), alarm.c.id)
)

ALARMS = frozenset(
    {
        "exchange.parked",
        "exchange.tampered",
        "exchange.conflicting",
        "exchange.gap",
        "exchange.unauthenticated",
        "exchange.refused",
        "exchange.peer-unreachable",
        "exchange.flood",
        "peer.fork",
        "peer.restored",
        "peer.key-revoked",
        "peer.listing-expired",
        "case.opened-unassigned",
        "clock.skewed",
        "consent.exception-lapsed",
        "consent.outcome-untold",
        "consent.overtaken",
        "job.parked",
        "backup.failed",
        "backup.overdue",
        "vault.key-expiring",
        "vault.pool-low",
        "erasure.overdue",
        "erasure.paused",
        "erasure.failed",
        "referral.emergency-unopened",
        "account.under-attack",
        "account.passkey-copied",
        "account.opens-many",
        "account.stopped-opening",
        "notification.refused",
        "attachment.refused",
        "audit.cut",
        "audit.damaged",
        "audit.forked",
        "audit.rolled-back",
        "audit.gap",
        "audit.restarted",
        "audit.witness-missing",
        "attachment.quota",
        "disk.full",
    }
)


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that went wrong and may need a person: what, about which record, how often."""

    id: str
    at: datetime
    last_at: datetime
    times: int
    kind: str
    subject: str
    detail: Mapping[str, str | int]
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None


def raise_alarm(
    work: Work, kind: str, subject: str = "", detail: Mapping[str, str | int] | None = None
) -> str:
    """Raise an alarm, or count it up while one of its kind and subject is open; return its id."""
    if kind not in ALARMS:
        raise ValueError(f"unknown alarm: {kind}")
    codes = dict(detail or {})
    check_codes(subject, *codes.values())
    dialect = sqlite if work.is_sqlite else postgresql
    statement = dialect.insert(alarm).values(
        id=new_id(), at=work.now, last_at=work.now, times=1, kind=kind, subject=subject, detail=codes
    )
    counted = statement.on_conflict_do_update(
        index_elements=[alarm.c.kind, alarm.c.subject],
        index_where=alarm.c.acknowledged_at.is_(None),
        set_={"times": alarm.c.times + 1, "last_at": work.now, "detail": statement.excluded.detail},
    ).returning(alarm.c.id, alarm.c.times)
    raised = work.connection.execute(counted).one()
    if raised.times == 1:
        record(work, "alarm.raised", subject=raised.id, detail={"kind": kind, "about": subject})
    return str(raised.id)


def raise_alarm_once(work: Work, kind: str, detail: Mapping[str, str | int] | None = None) -> None:
    """Raise an alarm about this node unless one of its kind is open: for what is seen every few seconds."""
    is_open = and_(alarm.c.kind == kind, alarm.c.subject == "", alarm.c.acknowledged_at.is_(None))
    if work.connection.execute(select(alarm.c.id).where(is_open)).first() is None:
        raise_alarm(work, kind, "", detail)


def was_raised(connection: Connection, kind: str, subject: str, since: datetime) -> bool:
    """Say whether an alarm of a kind and subject was raised or counted up after a moment, noted or not."""
    wanted = (alarm.c.kind == kind) & (alarm.c.subject == subject) & (alarm.c.last_at > since)
    return connection.execute(select(exists().where(wanted))).scalar_one()


def acknowledge(work: Work, alarm_id: str) -> None:
    """Close an open alarm in the name of who acts; a new occurrence opens a new one."""
    is_open = and_(alarm.c.id == alarm_id, alarm.c.acknowledged_at.is_(None))
    closed = work.connection.execute(
        update(alarm).where(is_open).values(acknowledged_at=work.now, acknowledged_by=work.actor.id)
    )
    if closed.rowcount == 0:
        raise NotFoundError("There is no open alarm of this id.")
    record(work, "alarm.acknowledged", subject=alarm_id)


def open_alarms(connection: Connection) -> list[Alarm]:
    """Return the alarms nobody has acknowledged, the newest first."""
    return [Alarm(**row._asdict()) for row in _OPEN.all(connection, {})]


def is_one_raised(connection: Connection, since: datetime) -> bool:
    """Say whether an alarm was raised after a moment that nobody has acknowledged."""
    wanted = alarm.c.acknowledged_at.is_(None) & (alarm.c.at > since)
    return connection.execute(select(exists().where(wanted))).scalar_one()


def page(connection: Connection, before: Alarm | None = None, limit: int = 50) -> list[Alarm]:
    """Return alarms, open and acknowledged, the newest first, older than the one given."""
    query = select(alarm).order_by(alarm.c.at.desc(), alarm.c.id.desc()).limit(limit)
    if before is not None:
        same = and_(alarm.c.at == before.at, alarm.c.id < before.id)
        query = query.where(or_(alarm.c.at < before.at, same))
    return [Alarm(**row) for row in connection.execute(query).mappings()]
