"""Queries of the follow-ups of cases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, exists, insert, or_, select, update

from iars_node.cases.model import OWN, CaseTask
from iars_node.cases.store.contents import OWNER
from iars_node.cases.tables import case_file, case_task
from iars_node.vault.content_keys import key_for
from iars_node.vault.vault import context

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy import Connection, Row

    from iars_node.vault.vault import Vault

MOST_OF_A_CASE = 100


def insert_task(connection: Connection, vault: Vault, added: CaseTask) -> None:
    """Seal and add a follow-up."""
    key_id = key_for(connection, vault, OWNER, added.case_id, added.scope, OWN)
    row = {
        "id": added.id,
        "case_id": added.case_id,
        "scope": added.scope,
        "key_id": key_id,
        "sealed": vault.seal(key_id, (added.text or "").encode(), _context(added.id, added.scope)),
        "due_at": added.due_at,
        "assigned_to": added.assigned_to,
        "created_by": added.created_by,
        "created_at": added.created_at,
    }
    connection.execute(insert(case_task).inline(), row)


def find_task(connection: Connection, task_id: str, *, for_update: bool = False) -> CaseTask | None:
    """Return a follow-up without its text."""
    query = select(case_task).where(case_task.c.id == task_id)
    row = connection.execute(query.with_for_update() if for_update else query).first()
    return None if row is None else _task(row)


def tasks_of_case(
    connection: Connection, vault: Vault, case_id: str, scopes: Collection[str]
) -> list[CaseTask]:
    """Return a case's newest follow-ups, the first due first; their texts in the given scopes."""
    query = (
        select(case_task)
        .where(case_task.c.case_id == case_id)
        .order_by(case_task.c.due_at.desc(), case_task.c.id)
        .limit(MOST_OF_A_CASE)
    )
    rows = connection.execute(query).all()[::-1]
    shown = [row for row in rows if row.scope in scopes]
    opened = vault.open_many([(row.key_id, row.sealed, _context(row.id, row.scope)) for row in shown])
    texts = {row.id: octets.decode() for row, octets in zip(shown, opened, strict=True) if octets is not None}
    return [_task(row, texts.get(row.id)) for row in rows]


def tasks_due(connection: Connection, account_id: str, until: datetime, limit: int) -> list[CaseTask]:
    """Return what an account is to do by a moment, and what nobody was asked to do, without texts."""
    column = case_task.c
    query = (
        select(case_task)
        .join(case_file, case_file.c.id == column.case_id)
        .where(
            or_(column.assigned_to == account_id, column.assigned_to.is_(None)),
            column.done_at.is_(None),
            column.due_at <= until,
            case_file.c.state == "open",
        )
        .order_by(column.due_at, column.id)
        .limit(limit)
    )
    return [_task(row) for row in connection.execute(query)]


def falls_due(
    connection: Connection, account_id: str, *, after: datetime, until: datetime, added_after: datetime
) -> bool:
    """Say whether something an account is to do falls due between two moments, or was added just before."""
    column = case_task.c
    wanted = (
        (case_file.c.id == column.case_id)
        & (case_file.c.state == "open")
        & or_(column.assigned_to == account_id, column.assigned_to.is_(None))
        & column.done_at.is_(None)
        & (column.due_at <= until)
        & or_(column.due_at > after, column.created_at > added_after)
    )
    return connection.execute(select(exists().where(wanted))).scalar_one()


def set_done(connection: Connection, task_id: str, at: datetime, by: str) -> None:
    """Note who has done a follow-up, and when."""
    connection.execute(update(case_task).where(case_task.c.id == task_id).values(done_at=at, done_by=by))


def remove_tasks(connection: Connection, key_ids: Collection[bytes]) -> None:
    """Remove the follow-ups that the keys seal."""
    connection.execute(delete(case_task).where(case_task.c.key_id.in_(key_ids)))


def _context(task_id: str, scope: str) -> bytes:
    return context("case_task", "sealed", task_id, scope)


def _task(row: Row[Any], text: str | None = None) -> CaseTask:
    return CaseTask(
        row.id,
        row.case_id,
        row.scope,
        row.due_at,
        row.assigned_to,
        row.created_by,
        row.created_at,
        row.done_at,
        row.done_by,
        text,
    )
