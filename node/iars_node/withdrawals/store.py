"""Every query about withdrawals, endings, reports and the clock that they wait for."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from iars_node.consent import ended
from iars_node.exchange.model import OUT
from iars_node.exchange.tables import message as message_table
from iars_node.prepared import insert_many
from iars_node.withdrawals.model import HELD, PAUSED, ClockMark, Ending, Notice, Report, Retention
from iars_node.withdrawals.tables import clock_mark, ending, erasure_report, retention, withdrawal_notice
from iars_protocol.messages.consent import read_outcome

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection

    from iars_node.work import Work


_LISTS = ("grants", "scopes", "purposes")


def add_notices(connection: Connection, new: Sequence[Notice]) -> None:
    """Write withdrawals for the first time."""
    rows = [{entry.name: getattr(each, entry.name) for entry in fields(Notice)} for each in new]
    insert_many(
        connection, withdrawal_notice, [row | {name: list(row[name]) for name in _LISTS} for row in rows]
    )


def _notice(row: Row[Any]) -> Notice:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented name for a row as a mapping
    lists = {name: tuple(values[name]) for name in _LISTS}
    return Notice(**{**values, **lists, "peer": bytes(row.peer), "message": bytes(row.message)})


def _notices(
    connection: Connection, *conditions: ColumnElement[bool], limit: int | None = None
) -> list[Notice]:
    query = (
        select(withdrawal_notice)
        .where(*conditions)
        .order_by(withdrawal_notice.c.asked_at, withdrawal_notice.c.id)
        .limit(limit)
    )
    return [_notice(row) for row in connection.execute(query)]


def find_notice(connection: Connection, withdrawal_id: str) -> Notice | None:
    """Return a withdrawal by its id."""
    found = _notices(connection, withdrawal_notice.c.id == withdrawal_id)
    return found[0] if found else None


def notice_of_message(connection: Connection, message: bytes) -> Notice | None:
    """Return the withdrawal that a message of ours carried."""
    found = _notices(connection, withdrawal_notice.c.message == message)
    return found[0] if found else None


def notices_of_consent(connection: Connection, versions: Sequence[str]) -> list[Notice]:
    """Return the withdrawals of a consent, by the ids of its versions, the first asked first."""
    return _notices(connection, withdrawal_notice.c.consent_id.in_(versions))


def notices_of_case(connection: Connection, case_id: str) -> list[Notice]:
    """Return a case's withdrawals, the first asked first."""
    return _notices(connection, withdrawal_notice.c.case_id == case_id)


def silent_notices(connection: Connection, now: datetime, most: int) -> list[Notice]:
    """Return the withdrawals whose deadline is over, unanswered, and not escalated yet."""
    column = withdrawal_notice.c
    return _notices(
        connection,
        column.deadline_at <= now,
        column.answered_at.is_(None),
        column.overdue_at.is_(None),
        limit=most,
    )


def unsent_notices(connection: Connection, most: int) -> list[Notice]:
    """Return the withdrawals that could not be queued yet."""
    column = withdrawal_notice.c
    return _notices(connection, column.message == b"", column.answered_at.is_(None), limit=most)


def change_notice(connection: Connection, withdrawal_id: str, **values: Any) -> None:  # noqa: ANN401 - columns of the table
    """Change columns of a withdrawal."""
    connection.execute(
        update(withdrawal_notice).where(withdrawal_notice.c.id == withdrawal_id).values(**values)
    )


def add_report(connection: Connection, new: Report) -> None:
    """Keep what a recipient stated."""
    row = {entry.name: getattr(new, entry.name) for entry in fields(Report)}
    row["outcomes"] = [each.to_plain() for each in new.outcomes]
    connection.execute(insert(erasure_report), row)


def _reports(connection: Connection, *conditions: ColumnElement[bool]) -> list[Report]:
    query = select(erasure_report).where(*conditions).order_by(erasure_report.c.received_at)
    return [_report(row) for row in connection.execute(query)]


def _report(row: Row[Any]) -> Report:
    return Report(
        bytes(row.message),
        bytes(row.peer),
        row.grant_id,
        row.cause,
        row.withdrawal_id,
        row.referral_id,
        row.case_id,
        tuple(read_outcome(entry) for entry in row.outcomes),
        bytes(row.leaf),
        row.received_at,
    )


def reports_of_grant(connection: Connection, grant_id: str) -> list[Report]:
    """Return what was stated about a grant, the first received first."""
    return _reports(connection, erasure_report.c.grant_id == grant_id)


def reports_on(connection: Connection, withdrawal_id: str) -> list[Report]:
    """Return what was stated in answer to a withdrawal, the first received first."""
    return _reports(connection, erasure_report.c.withdrawal_id == withdrawal_id)


def reports_of_case(connection: Connection, case_id: str) -> list[Report]:
    """Return every statement about a case, the first received first."""
    return _reports(connection, erasure_report.c.case_id == case_id)


def find_report(connection: Connection, message: bytes) -> Report | None:
    """Return a statement by the id of the message that made it."""
    found = _reports(connection, erasure_report.c.message == message)
    return found[0] if found else None


def add_ending(connection: Connection, new: Ending) -> None:
    """Write an ending for the first time."""
    row = {entry.name: getattr(new, entry.name) for entry in fields(Ending)}
    connection.execute(insert(ending), row | {"parts": ended.to_json(new.parts)})


def _endings(connection: Connection, *conditions: ColumnElement[bool]) -> list[Ending]:
    query = select(ending).where(*conditions).order_by(ending.c.locked_at, ending.c.id)
    return [_ending(row) for row in connection.execute(query)]


def _ending(row: Row[Any]) -> Ending:
    values = dict(row._mapping)  # noqa: SLF001 - as above
    return Ending(**{**values, "peer": bytes(row.peer), "parts": ended.from_json(row.parts)})


def find_ending(connection: Connection, ending_id: str) -> Ending | None:
    """Return an ending by its id, or by the beginning of it that nobody else has."""
    found = _endings(connection, ending.c.id == ending_id)
    return found[0] if found else None


def ending_for(connection: Connection, grant_id: str, cause: str, withdrawal_id: str) -> Ending | None:
    """Return the ending of a grant by one cause."""
    found = _endings(
        connection,
        ending.c.grant_id == grant_id,
        ending.c.cause == cause,
        ending.c.withdrawal_id == withdrawal_id,
    )
    return found[0] if found else None


def open_endings(connection: Connection) -> list[Ending]:
    """Return what is locked and not destroyed yet, the first locked first."""
    return _endings(connection, ending.c.state.in_((HELD, PAUSED)))


def recent_endings(connection: Connection, limit: int) -> list[Ending]:
    """Return the newest endings, the newest first."""
    rows = connection.execute(select(ending).order_by(ending.c.locked_at.desc(), ending.c.id).limit(limit))
    return [_ending(row) for row in rows]


def endings_of_grants(connection: Connection, grant_ids: Sequence[str]) -> list[Ending]:
    """Return the endings of some grants, the first locked first."""
    return _endings(connection, ending.c.grant_id.in_(list(grant_ids)))


def change_ending(connection: Connection, ending_id: str, **values: Any) -> None:  # noqa: ANN401 - as above
    """Change columns of an ending."""
    connection.execute(update(ending).where(ending.c.id == ending_id).values(**values))


def remove_ending(connection: Connection, ending_id: str) -> None:
    """Forget an ending that only a wrong clock had brought about."""
    connection.execute(delete(retention).where(retention.c.ending_id == ending_id))
    connection.execute(delete(ending).where(ending.c.id == ending_id))


def withdrawals_since(connection: Connection, peer: bytes, since: datetime) -> int:
    """Count what a peer has withdrawn here since a moment."""
    wanted = (ending.c.peer == peer) & (ending.c.locked_at > since) & (ending.c.cause == "withdrawal")
    return connection.execute(select(func.count()).select_from(ending).where(wanted)).scalar_one()


def held_withdrawals(connection: Connection, peer: bytes, state: str) -> list[Ending]:
    """Return what a peer withdrew and is in one state."""
    return _endings(
        connection, ending.c.peer == peer, ending.c.cause == "withdrawal", ending.c.state == state
    )


def put_retention(connection: Connection, decided: Retention, *, is_sqlite: bool) -> None:
    """Write why a scope is kept, in place of an earlier decision."""
    row = {entry.name: getattr(decided, entry.name) for entry in fields(Retention)}
    statement = (sqlite if is_sqlite else postgresql).insert(retention).values(row)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["ending_id", "scope"],
            set_={name: row[name] for name in ("ground", "until", "decided_by", "decided_at")},
        )
    )


def retentions(connection: Connection, ending_id: str) -> list[Retention]:
    """Return what is kept of an ending."""
    rows = connection.execute(
        select(retention).where(retention.c.ending_id == ending_id).order_by(retention.c.scope)
    )
    return [Retention(**row) for row in rows.mappings()]


def retentions_of_grant(connection: Connection, grant_id: str, now: datetime) -> list[Retention]:
    """Return what is still kept of a grant, whichever of its endings it was decided at."""
    rows = connection.execute(
        select(retention)
        .join(ending, ending.c.id == retention.c.ending_id)
        .where(ending.c.grant_id == grant_id, retention.c.until > now)
        .order_by(retention.c.scope, retention.c.until)
    )
    return [Retention(**row) for row in rows.mappings()]


def read_mark(connection: Connection) -> ClockMark | None:
    """Return what the clock is held against; nobody else changes it before the commit."""
    row = connection.execute(select(clock_mark).with_for_update()).first()
    return None if row is None else ClockMark(row.high_water, row.sequence, row.paused_at, row.cause)


def write_mark(work: Work, mark: ClockMark) -> None:
    """Store what the clock is held against."""
    row = {entry.name: getattr(mark, entry.name) for entry in fields(ClockMark)}
    statement = (sqlite if work.is_sqlite else postgresql).insert(clock_mark).values(id=1, **row)
    work.connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=row))


def newest_sequence(connection: Connection) -> int:
    """Return the place of the newest message of all."""
    return connection.execute(select(func.max(message_table.c.sequence))).scalar() or 0


def newest_receipts(connection: Connection, above: int, most: int) -> list[tuple[bytes, bytes, bytes]]:
    """Return (recipient, header, receipt) of our newest receipted messages."""
    column = message_table.c
    rows = connection.execute(
        select(column.peer, column.header, column.receipt)
        .where(column.sequence > above, column.direction == OUT, column.receipt.is_not(None))
        .order_by(column.sequence.desc())
        .limit(most)
    )
    return [(bytes(row.peer), bytes(row.header), bytes(row.receipt)) for row in rows]
