"""Which records somebody opened within a day: queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, case, delete, func, select

from iars_node.accounts.tables import opened_record
from iars_node.prepared import Prepared, inserting

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection, Executable

_COLUMNS = opened_record.c
_AT = _COLUMNS.opened_at
_BY = _COLUMNS.actor_id == bindparam("actor_id")

_OPENED = Prepared(select(_AT).where(_BY, _COLUMNS.record_id == bindparam("record_id")))
_SINCE_HOUR, _SINCE_DAY = (bindparam(name, type_=_AT.type) < _AT for name in ("hour", "day"))
_IN_HOUR = func.coalesce(func.sum(case((_SINCE_HOUR, 1), else_=0)), 0)
_COUNTS = Prepared(select(_IN_HOUR.label("hour"), func.count().label("day")).where(_BY, _SINCE_DAY))


def _open(dialect: str) -> Executable:
    row = inserting(opened_record, dialect=dialect)
    keys = [_COLUMNS.actor_id, _COLUMNS.record_id]
    return row.on_conflict_do_update(index_elements=keys, set_={"opened_at": row.excluded.opened_at})


_OPEN = Prepared(_open)


def opened_at(connection: Connection, actor_id: str, record_id: str) -> datetime | None:
    """Return when somebody opened a record, if that is known still."""
    row = _OPENED.first(connection, {"actor_id": actor_id, "record_id": record_id})
    return None if row is None else row.opened_at


def count_since(connection: Connection, actor_id: str, hour: datetime, day: datetime) -> tuple[int, int]:
    """Return how many records somebody opened since each of two moments."""
    row = _COUNTS.first(connection, {"actor_id": actor_id, "hour": hour, "day": day})
    return (0, 0) if row is None else (int(row.hour), int(row.day))


def keep(connection: Connection, actor_id: str, record_id: str, now: datetime) -> None:
    """Keep that somebody opened a record now."""
    _OPEN.run(connection, {"actor_id": actor_id, "record_id": record_id, "opened_at": now})


def nth_newest(connection: Connection, actor_id: str, place: int) -> datetime | None:
    """Return when somebody opened the record at a place of those opened last; the first place is 1."""
    newest = select(_AT).where(_COLUMNS.actor_id == actor_id).order_by(_AT.desc())
    return connection.execute(newest.offset(place - 1).limit(1)).scalar_one_or_none()


def forget_before(connection: Connection, moment: datetime) -> None:
    """Delete what was opened before a moment."""
    connection.execute(delete(opened_record).where(_COLUMNS.opened_at < moment))
