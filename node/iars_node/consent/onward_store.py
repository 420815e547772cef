"""Every query about onward permissions and their use."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, insert, select, update

from iars_node.consent.onward_model import KeptPermission, Passing
from iars_node.consent.tables import consent_grant, onward_passing, onward_permission
from iars_protocol.consent import Onward, Signed

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection

    from iars_node.consent.onward_model import Way

AT_ONCE = 500

# Whose case a permission is about is what its grant says: a case is opened, and merged, after both came. So
# is its consent, where a peer gave the permission back before the grant.
_PERMISSION = select(
    onward_permission, consent_grant.c.case_id, consent_grant.c.consent_id.label("consent_of_grant")
).join_from(
    onward_permission, consent_grant, consent_grant.c.id == onward_permission.c.grant_id, isouter=True
)


def add_permission(connection: Connection, new: KeptPermission, expires_at: datetime) -> None:
    """Write a permission for the first time."""
    connection.execute(
        insert(onward_permission),
        {
            "id": new.id,
            "grant_id": new.grant_id,
            "way": new.way,
            "peer": new.peer,
            "consent_id": new.consent_id,
            "signed": new.signed.to_line(),
            "expires_at": expires_at,
            "recorded_at": new.recorded_at,
        },
    )


def _permissions(connection: Connection, *conditions: ColumnElement[bool]) -> list[KeptPermission]:
    query = _PERMISSION.where(*conditions).order_by(onward_permission.c.recorded_at, onward_permission.c.id)
    return [_permission(row) for row in connection.execute(query)]


def _permission(row: Row[Any]) -> KeptPermission:
    signed = Signed.from_line(row.signed)
    content = signed.content
    if not isinstance(content, Onward):
        raise TypeError("the table of onward permissions holds another object")
    return KeptPermission(
        row.id,
        row.way,
        bytes(row.peer),
        row.grant_id,
        row.consent_id or row.consent_of_grant or "",
        row.case_id or "",
        content,
        signed,
        row.recorded_at,
        row.ended_at,
    )


def find_permission(
    connection: Connection, onward_id: str, *, way: Way | None = None, grant_id: str = ""
) -> KeptPermission | None:
    """Return a permission by its id: one that went a way, or came with a grant, where several did."""
    conditions = [onward_permission.c.id == onward_id]
    if way is not None:
        conditions.append(onward_permission.c.way == way)
    if grant_id:
        conditions.append(onward_permission.c.grant_id == grant_id)
    found = _permissions(connection, *conditions)
    return found[0] if found else None


def of_case(connection: Connection, case_id: str) -> list[KeptPermission]:
    """Return what was given, received and shown about a case, the first recorded first."""
    return _permissions(connection, consent_grant.c.case_id == case_id)


def received_from(connection: Connection, onward_ids: Collection[str], origin: bytes) -> set[str]:
    """Return which of some permissions were received from an origin."""
    if not onward_ids:
        return set()
    column = onward_permission.c
    rows = connection.execute(
        select(column.id).where(column.id.in_(sorted(onward_ids)), column.way == "in", column.peer == origin)
    )
    return set(rows.scalars())


def given_with(connection: Connection, grant_ids: Collection[str]) -> dict[str, list[str]]:
    """Return the ids of the running permissions that this node gave with some grants, by grant."""
    column = onward_permission.c
    found: dict[str, list[str]] = {}
    wanted = sorted(grant_ids)
    for start in range(0, len(wanted), AT_ONCE):
        rows = connection.execute(
            select(column.id, column.grant_id)
            .where(
                column.grant_id.in_(wanted[start : start + AT_ONCE]),
                column.way == "out",
                column.ended_at.is_(None),
            )
            .order_by(column.id)
        )
        for row in rows:
            found.setdefault(row.grant_id, []).append(row.id)
    return found


def end_permissions(connection: Connection, onward_ids: Collection[str], at: datetime) -> None:
    """Note that permissions were withdrawn whole."""
    wanted = sorted(onward_ids)
    for start in range(0, len(wanted), AT_ONCE):
        connection.execute(
            update(onward_permission)
            .where(onward_permission.c.id.in_(wanted[start : start + AT_ONCE]))
            .values(ended_at=at)
        )


def add_passing(connection: Connection, new: Passing) -> None:
    """Write that a permission was used."""
    row = {entry.name: getattr(new, entry.name) for entry in fields(Passing)}
    connection.execute(insert(onward_passing), row | {"scopes": list(new.scopes)})


def find_passing(connection: Connection, direction: str, peer: bytes, passing: str) -> Passing | None:
    """Return one use of a permission."""
    column = onward_passing.c
    found = _passings(
        connection, column.direction == direction, column.peer == peer, column.passing == passing
    )
    return found[0] if found else None


def passings(connection: Connection, direction: str, onward_ids: Collection[str]) -> list[Passing]:
    """Return the uses of some permissions, the first told first."""
    wanted = onward_passing.c.onward_id.in_(sorted(onward_ids))
    return _passings(connection, onward_passing.c.direction == direction, wanted)


def _passings(connection: Connection, *conditions: ColumnElement[bool]) -> list[Passing]:
    query = select(onward_passing).where(*conditions)
    rows = connection.execute(query.order_by(onward_passing.c.told_at, onward_passing.c.passing))
    return [
        Passing(
            row.direction,
            bytes(row.peer),
            row.passing,
            row.onward_id,
            bytes(row.recipient),
            tuple(row.scopes),
            row.expires_at,
            row.told_at,
            row.outcome,
            row.outcome_at,
        )
        for row in rows
    ]


def set_outcome(connection: Connection, told: Passing, outcome: str, at: datetime) -> None:
    """Write what the recipient stated about the end of a use."""
    column = onward_passing.c
    connection.execute(
        update(onward_passing)
        .where(column.direction == told.direction, column.peer == told.peer, column.passing == told.passing)
        .values(outcome=outcome, outcome_at=at)
    )
