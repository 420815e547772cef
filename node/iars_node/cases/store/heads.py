"""Queries of case heads: what stands in the open about a case."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, exists, or_, select, update

from iars_node.cases.model import Case, Filters
from iars_node.cases.tables import case_file, search_word
from iars_node.prepared import Prepared, insert_many

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection

_HEAD = (
    case_file.c.id,
    case_file.c.person_id,
    case_file.c.reference,
    case_file.c.state,
    case_file.c.stage,
    case_file.c.closure_reason,
    case_file.c.opened_at,
    case_file.c.updated_at,
    case_file.c.site_id,
    case_file.c.team_id,
    case_file.c.assigned_to,
    case_file.c.version,
    case_file.c.training,
    case_file.c.closed_at,
)
_HEAD_NAMES = tuple(column.name for column in _HEAD)
_OF_ID = select(*_HEAD).where(case_file.c.id == bindparam("wanted"))
_ONE, _ONE_TO_CHANGE = Prepared(_OF_ID), Prepared(_OF_ID.with_for_update())
_TOUCH = Prepared(
    update(case_file)
    .where(case_file.c.id == bindparam("wanted"))
    .values(updated_at=bindparam("at"), version=case_file.c.version + 1)
)
_NUMBER_NAMES = ("external_number_blind", "external_number_key_id", "external_number_sealed")


def insert_cases(
    connection: Connection,
    cases: Iterable[Case],
    numbers: Mapping[str, tuple[bytes, bytes, bytes]] | None = None,
) -> None:
    """Add cases; `numbers` gives their own file numbers by case: blind index, key id, sealed text."""
    known = numbers or {}
    rows = [
        {name: getattr(case, name) for name in _HEAD_NAMES}
        | dict(zip(_NUMBER_NAMES, known.get(case.id, (None, None, None)), strict=True))
        for case in cases
    ]
    insert_many(connection, case_file, rows)


def find_case(connection: Connection, case_id: str, *, for_update: bool = False) -> Case | None:
    """Return one case's head; `for_update` keeps other writers of the case waiting."""
    row = (_ONE_TO_CHANGE if for_update else _ONE).first(connection, {"wanted": case_id})
    return None if row is None else _case(row)


def find_cases(connection: Connection, case_ids: Collection[str]) -> dict[str, Case]:
    """Return the heads of several cases, by id."""
    rows = connection.execute(select(*_HEAD).where(case_file.c.id.in_(case_ids)))
    return {row.id: _case(row) for row in rows}


def find_by_reference(connection: Connection, reference: str) -> str | None:
    """Return the id of the case with a reference."""
    return connection.execute(select(case_file.c.id).where(case_file.c.reference == reference)).scalar()


def taken_references(connection: Connection, references: Collection[str]) -> set[str]:
    """Return those of the references that are in use."""
    query = select(case_file.c.reference).where(case_file.c.reference.in_(references))
    return set(connection.execute(query).scalars())


def find_by_external_numbers(connection: Connection, blinds: Collection[bytes]) -> dict[bytes, str]:
    """Return case ids by the blind index of the organisation's own file number."""
    column = case_file.c.external_number_blind
    rows = connection.execute(select(column, case_file.c.id).where(column.in_(blinds)))
    return {bytes(blind): case_id for blind, case_id in rows}


def sealed_external_numbers(
    connection: Connection, case_ids: Sequence[str]
) -> list[tuple[str, bytes, bytes]]:
    """Return id, key id and sealed file number of those cases that have a number of their own."""
    columns = case_file.c.id, case_file.c.external_number_key_id, case_file.c.external_number_sealed
    is_wanted = case_file.c.id.in_(case_ids) & case_file.c.external_number_key_id.is_not(None)
    rows = connection.execute(select(*columns).where(is_wanted))
    return [(case_id, bytes(key_id), bytes(sealed)) for case_id, key_id, sealed in rows]


def set_external_number(connection: Connection, case_id: str, number: tuple[bytes, bytes, bytes]) -> None:
    """Set a case's own file number: blind index, key id, sealed text."""
    values = dict(zip(_NUMBER_NAMES, number, strict=True))
    connection.execute(update(case_file).where(case_file.c.id == case_id).values(values))


def change_case(connection: Connection, case: Case, expected_version: int) -> bool:
    """Write a changed head under its next version; False when someone else changed it first."""
    raised = replace(case, version=expected_version + 1)
    values = {
        name: getattr(raised, name) for name in _HEAD_NAMES if name not in ("id", "reference", "opened_at")
    }
    unchanged = and_(case_file.c.id == case.id, case_file.c.version == expected_version)
    return connection.execute(update(case_file).where(unchanged).values(values)).rowcount == 1


def touch_cases(connection: Connection, case_ids: Collection[str], at: datetime) -> None:
    """Note that something of the cases changed."""
    _TOUCH.run_many(connection, [{"wanted": case_id, "at": at} for case_id in case_ids])


def cases_of_persons(connection: Connection, person_ids: Collection[str]) -> list[Case]:
    """Return every case of the persons, the newest first."""
    query = select(*_HEAD).where(case_file.c.person_id.in_(person_ids)).order_by(case_file.c.opened_at.desc())
    return [_case(row) for row in connection.execute(query)]


def recent_cases(
    connection: Connection, filters: Filters, before: tuple[datetime, str] | None, limit: int
) -> list[Case]:
    """Return cases by their last change, the newest first, older than the place given."""
    conditions = filter_conditions(filters)
    if before is not None:
        at, case_id = before
        older = and_(case_file.c.updated_at == at, case_file.c.id < case_id)
        conditions.append(or_(case_file.c.updated_at < at, older))
    ordered = select(*_HEAD).order_by(case_file.c.updated_at.desc(), case_file.c.id.desc())
    return [_case(row) for row in connection.execute(ordered.where(*conditions).limit(limit))]


def narrowed(connection: Connection, case_ids: Collection[str], filters: Filters) -> list[str]:
    """Return those of the cases that the filters let through, in their order."""
    if not case_ids:
        return []
    query = select(case_file.c.id).where(case_file.c.id.in_(case_ids), *filter_conditions(filters))
    kept = set(connection.execute(query).scalars())
    return [case_id for case_id in case_ids if case_id in kept]


def filter_conditions(filters: Filters) -> list[ColumnElement[bool]]:
    """Return the conditions on a case's head that the filters say."""
    wanted = (
        (case_file.c.state, filters.state),
        (case_file.c.stage, filters.stage),
        (case_file.c.site_id, filters.site_id),
        (case_file.c.team_id, filters.team_id),
        (case_file.c.assigned_to, filters.assigned_to),
        (case_file.c.training, filters.training),
    )
    found: list[ColumnElement[bool]] = [column == value for column, value in wanted if value is not None]
    if filters.team_ids is not None:
        found.append(case_file.c.team_id.in_(sorted(filters.team_ids)))
    for column, blind in filters.words:
        word = search_word.alias()
        is_word = (word.c.column == column) & (word.c.blind == blind)
        found.append(exists().where(is_word, word.c.case_id == case_file.c.id))
    return found


def _case(row: Sequence[Any]) -> Case:
    return Case(*row)
