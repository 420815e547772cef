"""Every query of the audit log."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, or_, select, union, union_all

from iars_node.audit.actions import meant_by
from iars_node.audit.model import AuditFilter, Event, EventPage, RecordedEvent
from iars_node.audit.tables import audit_event
from iars_node.prepared import insert_many

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from sqlalchemy import ColumnElement, CompoundSelect, Connection, Row, Select

MAX_PAGE = 500


def insert_events(connection: Connection, recorded: Sequence[tuple[Event, bytes, bytes]]) -> None:
    """Append events with their salts and leaves, in order, in one statement."""
    insert_many(connection, audit_event, [_row(event, salt, leaf) for event, salt, leaf in recorded])


def page(
    connection: Connection, filters: AuditFilter, cursor: int | None = None, limit: int = 50
) -> EventPage:
    """Return one page of events, the newest first, older than the cursor."""
    limit = max(1, min(limit, MAX_PAGE))
    conditions = _conditions(filters)
    if cursor is not None:
        conditions += _older_than(filters, cursor)
    query = _query(filters, conditions, limit + 1)
    events = [_event(row) for row in connection.execute(query)]
    more = len(events) > limit
    events = events[:limit]
    return EventPage(events, events[-1].seq if more else None)


def of_case(
    connection: Connection, case_id: str, actions: Collection[str], limit: int
) -> list[RecordedEvent]:
    """Return the newest events of some kinds about a case."""
    table = audit_event.c
    query = (
        select(audit_event)
        .where(table.case_id == case_id, table.action.in_(actions))
        .order_by(table.seq.desc())
        .limit(limit)
    )
    return [_event(row) for row in connection.execute(query)]


def after(connection: Connection, seq: int, limit: int = MAX_PAGE) -> list[RecordedEvent]:
    """Return the events after a place in the log, the oldest first."""
    query = select(audit_event).where(audit_event.c.seq > seq).order_by(audit_event.c.seq).limit(limit)
    return [_event(row) for row in connection.execute(query)]


def every(connection: Connection) -> Iterator[RecordedEvent]:
    """Read the whole log, the oldest first, a batch at a time."""
    seq = 0
    while batch := after(connection, seq):
        yield from batch
        seq = batch[-1].seq


def _conditions(filters: AuditFilter) -> list[ColumnElement[bool]]:
    table = audit_event.c
    wanted = (
        (table.case_id, filters.case_id),
        (table.referral_id, filters.referral_id),
        (table.actor_id, filters.actor_id),
        (table.peer_id, filters.peer_id),
    )
    conditions = [column == value for column, value in wanted if value]
    if filters.person_ids:
        conditions.append(table.seq.in_(_about_person(filters)))
    if filters.since is not None:
        conditions.append(table.at >= filters.since)
    if filters.until is not None:
        conditions.append(table.at < filters.until)
    return conditions


def _about_person(filters: AuditFilter) -> CompoundSelect[Any]:
    """Return the numbers of a person's events; each half has its index, which an `or` would not use."""
    table = audit_event.c
    own = and_(table.action.in_(meant_by("person.")), table.subject.in_(filters.person_ids))
    return union(select(table.seq).where(table.case_id.in_(filters.case_ids)), select(table.seq).where(own))


def _is_window(filters: AuditFilter) -> bool:
    """Say whether time alone narrows: such a page is read in the order of time, straight from its index.

    In the order of numbers, everything younger than a window of the past would be passed over row by row.
    """
    others = replace(filters, since=None, until=None)
    return others == AuditFilter() and (filters.since is not None or filters.until is not None)


def _older_than(filters: AuditFilter, cursor: int) -> list[ColumnElement[bool]]:
    table = audit_event.c
    if not _is_window(filters):
        return [table.seq < cursor]
    at = select(table.at).where(table.seq == cursor).scalar_subquery()
    return [table.at <= at, or_(table.at < at, table.seq < cursor)]


def _query(filters: AuditFilter, conditions: list[ColumnElement[bool]], limit: int) -> Select[Any]:
    table = audit_event.c
    order = (table.at.desc(), table.seq.desc()) if _is_window(filters) else (table.seq.desc(),)
    ordered = select(audit_event).order_by(*order).limit(limit)
    if not filters.action:
        return ordered.where(*conditions)
    actions = meant_by(filters.action)
    is_narrow = (
        filters.case_id or filters.referral_id or filters.actor_id or filters.peer_id or filters.person_ids
    )
    if is_narrow or not actions:
        return ordered.where(table.action.in_(actions), *conditions)
    # A prefix over a long log: the newest few of each action come straight from its index, while
    # one condition over all of them would sort every event that matches.
    newest = [
        select(table.seq)
        .where(table.action == action, *conditions)
        .order_by(table.seq.desc())
        .limit(limit)
        .subquery()
        for action in actions
    ]
    found = union_all(*(select(part.c.seq) for part in newest)).subquery()
    return ordered.where(table.seq.in_(select(found.c.seq)))


def _row(event: Event, salt: bytes, leaf: bytes) -> dict[str, object]:
    return {
        "id": event.id,
        "at": event.at,
        "actor_kind": event.actor_kind,
        "actor_id": event.actor_id,
        "action": event.action,
        "purpose": event.purpose,
        "case_id": event.case_id or None,
        "referral_id": event.referral_id or None,
        "peer_id": event.peer_id or None,
        "subject": event.subject,
        "scopes": " ".join(event.scopes),
        "detail": json.dumps(dict(event.detail)) if event.detail else "{}",
        "salt": salt,
        "leaf": leaf,
    }


def _event(row: Row[Any]) -> RecordedEvent:
    event = Event(
        id=row.id,
        at=row.at,
        actor_kind=row.actor_kind,
        actor_id=row.actor_id,
        action=row.action,
        purpose=row.purpose,
        case_id=row.case_id or "",
        referral_id=row.referral_id or "",
        peer_id=row.peer_id or "",
        subject=row.subject,
        scopes=tuple(row.scopes.split()),
        detail=json.loads(row.detail),
    )
    return RecordedEvent(row.seq, event, row.salt, row.leaf)


def event_of(row: Row[Any]) -> RecordedEvent:
    """Return the event that a row of the log holds."""
    return _event(row)
