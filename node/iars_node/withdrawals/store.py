"""Every query about withdrawals, endings, reports and the clock that they wait for."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from iars_node.consent import ended
from iars_node.exchange.model import OUT
from iars_node.exchange.tables import message as message_table
from iars_node.prepared import Prepared, insert_many, inserting
from iars_node.withdrawals.model import HELD, PAUSED, ClockMark, Ending, Notice, Report, Retention
from iars_node.withdrawals.tables import clock_mark, ending, erasure_report, retention, withdrawal_notice
from iars_protocol.messages.consent import read_outcome

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, Executable

    from iars_node.work import Work


_LISTS = ("grants", "scopes", "purposes")

# What every node asks every few seconds, and finds empty most of the time.
_NOTICES = select(withdrawal_notice).order_by(withdrawal_notice.c.asked_at, withdrawal_notice.c.id)
_UNANSWERED = _NOTICES.where(withdrawal_notice.c.answered_at.is_(None)).limit(bindparam("most"))
_SILENT = Prepared(
    _UNANSWERED.where(
        withdrawal_notice.c.deadline_at <= bindparam("now"), withdrawal_notice.c.overdue_at.is_(None)
    )
)
_UNSENT = Prepared(_UNANSWERED.where(withdrawal_notice.c.message == b""))
_ENDINGS = select(ending).order_by(ending.c.locked_at, ending.c.id)
_OPEN_ENDINGS = Prepared(_ENDINGS.where(or_(ending.c.state == HELD, ending.c.state == PAUSED)))
_ENDING = Prepared(_ENDINGS.where(ending.c.id == bindparam("wanted")))
_MARK = Prepared(select(clock_mark).with_for_update())
_SEQUENCE = Prepared(select(func.max(message_table.c.sequence).label("newest")))
_RECEIPTS = Prepared(
    select(message_table.c.peer, message_table.c.header, message_table.c.receipt)
    .where(
        message_table.c.sequence > bindparam("above"),
        message_table.c.direction == OUT,
        message_table.c.receipt.is_not(None),
    )
    .order_by(message_table.c.sequence.desc())
    .limit(bindparam("most"))
)


def add_notices(connection: Connection, new: Sequence[Notice]) -> None:
    """Write withdrawals for the first time."""
    rows = [{entry.name: getattr(each, entry.name) for entry in fields(Notice)} for each in new]
    insert_many(
        connection, withdrawal_notice, [row | {name: list(row[name]) for name in _LISTS} for row in rows]
    )


def _notice(row: Row[Any]) -> Notice:
    values = row._asdict()
    lists = {name: tuple(values[name]) for name in _LISTS}
    return Notice(**{**values, **lists, "peer": bytes(row.peer), "message": bytes(row.message)})


def _notices(connection: Connection, *conditions: ColumnElement[bool]) -> list[Notice]:
    return [_notice(row) for row in connection.execute(_NOTICES.where(*conditions))]


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
    return [_notice(row) for row in _SILENT.all(connection, {"now": now, "most": most})]


def unsent_notices(connection: Connection, most: int) -> list[Notice]:
    """Return the withdrawals that could not be queued yet."""
    return [_notice(row) for row in _UNSENT.all(connection, {"most": most})]


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
    return [_ending(row) for row in connection.execute(_ENDINGS.where(*conditions))]


def _ending(row: Row[Any]) -> Ending:
    values = row._asdict()
    return Ending(**{**values, "peer": bytes(row.peer), "parts": ended.from_json(row.parts)})


def find_ending(connection: Connection, ending_id: str) -> Ending | None:
    """Return an ending by its id, or by the beginning of it that nobody else has."""
    row = _ENDING.first(connection, {"wanted": ending_id})
    return None if row is None else _ending(row)


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
    return [_ending(row) for row in _OPEN_ENDINGS.all(connection, {})]


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
    row = _MARK.first(connection, {})
    return None if row is None else ClockMark(row.high_water, row.sequence, row.paused_at, row.cause)


def write_mark(work: Work, mark: ClockMark) -> None:
    """Store what the clock is held against."""
    _SET_MARK.run(work.connection, {"id": 1, **{name: getattr(mark, name) for name in _MARKED}})


def _set_mark(dialect: str) -> Executable:
    fresh = inserting(clock_mark, "id", *_MARKED, dialect=dialect)
    return fresh.on_conflict_do_update(
        index_elements=["id"], set_={name: fresh.excluded[name] for name in _MARKED}
    )


_MARKED = tuple(entry.name for entry in fields(ClockMark))
_SET_MARK = Prepared(_set_mark)


def newest_sequence(connection: Connection) -> int:
    """Return the place of the newest message of all."""
    row = _SEQUENCE.first(connection, {})
    return 0 if row is None else row.newest or 0


def newest_receipts(connection: Connection, above: int, most: int) -> list[tuple[bytes, bytes, bytes]]:
    """Return (recipient, header, receipt) of our newest receipted messages."""
    rows = _RECEIPTS.all(connection, {"above": above, "most": most})
    return [(bytes(row.peer), bytes(row.header), bytes(row.receipt)) for row in rows]
