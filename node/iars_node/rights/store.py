"""Every query about corrections, and about what a case holds without opening it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from iars_node.rights.model import TO_TELL, Correction, Told
from iars_node.rights.tables import correction, correction_told

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection


def add(connection: Connection, new: Correction, told: Sequence[Told]) -> None:
    """Write a correction and what became of it at each recipient."""
    connection.execute(insert(correction).values(_values(new)))
    add_told(connection, told)


def add_told(connection: Connection, told: Sequence[Told]) -> None:
    """Write what became of a correction at some recipients."""
    if told:
        connection.execute(insert(correction_told), [_values(each) for each in told])


def _values(new: Correction | Told) -> dict[str, Any]:
    values = {name: getattr(new, name) for name in type(new).__dataclass_fields__}
    return values | {"fields": list(new.fields)}


def corrections_of(connection: Connection, case_id: str) -> list[Correction]:
    """Return a case's corrections, the newest first."""
    rows = connection.execute(
        select(correction).where(correction.c.case_id == case_id).order_by(correction.c.at.desc())
    )
    return [Correction(row.id, row.case_id, tuple(row.fields), row.at, row.by) for row in rows]


def find_correction(connection: Connection, correction_id: str) -> Correction | None:
    """Return a correction by its id."""
    row = connection.execute(select(correction).where(correction.c.id == correction_id)).first()
    return None if row is None else Correction(row.id, row.case_id, tuple(row.fields), row.at, row.by)


def told_of(connection: Connection, case_id: str) -> list[Told]:
    """Return what became of a case's corrections at each recipient, the newest first."""
    return _told(connection, correction_told.c.case_id == case_id)


def find_told(connection: Connection, told_id: str) -> Told | None:
    """Return what became of a correction at one recipient."""
    found = _told(connection, correction_told.c.id == told_id)
    return found[0] if found else None


def still_to_tell(connection: Connection, limit: int) -> list[Told]:
    """Return those who still have to be told by other means, the longest waiting first."""
    column = correction_told.c
    wanted = select(correction_told).where(column.outcome == TO_TELL, column.done_at.is_(None))
    rows = connection.execute(wanted.order_by(column.at, column.id).limit(limit))
    return [_one(row) for row in rows]


def mark_told(connection: Connection, told_id: str, at: datetime, by: str) -> None:
    """Write that somebody has told a recipient."""
    statement = update(correction_told).where(correction_told.c.id == told_id)
    connection.execute(statement.values(done_at=at, done_by=by))


def _told(connection: Connection, *conditions: ColumnElement[bool]) -> list[Told]:
    ordered = select(correction_told).where(*conditions)
    rows = connection.execute(ordered.order_by(correction_told.c.at.desc(), correction_told.c.id))
    return [_one(row) for row in rows]


def _one(row: Any) -> Told:  # noqa: ANN401 - a row of the table
    values = row._asdict()
    return Told(**{**values, "fields": tuple(values["fields"])})
