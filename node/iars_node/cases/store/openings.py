"""Queries of looks into cases that are not assigned to who looked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, insert, select, update

from iars_node.cases.model import Opening
from iars_node.cases.tables import case_file, case_opening
from iars_node.vault.sealing import context

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection

    from iars_node.vault.vault import Vault


def _place(opening_id: str) -> bytes:
    return context("case_opening", "sealed", opening_id)


def add(connection: Connection, vault: Vault, new: Opening, key_id: bytes) -> None:
    """Write an opening, its reason sealed."""
    connection.execute(
        insert(case_opening).values(
            id=new.id,
            case_id=new.case_id,
            account_id=new.account_id,
            opened_at=new.opened_at,
            ends_at=new.ends_at,
            key_id=key_id,
            sealed=vault.seal(key_id, new.reason.encode(), _place(new.id)),
        )
    )


def standing(
    connection: Connection, account_id: str, case_ids: Collection[str], now: datetime
) -> dict[str, str]:
    """Return the openings of an account that count now: case → opening."""
    column = case_opening.c
    rows = connection.execute(
        select(column.case_id, column.id)
        .where(column.account_id == account_id, column.case_id.in_(case_ids), column.ends_at > now)
        .order_by(column.opened_at)
    )
    return {row.case_id: row.id for row in rows}


def find(connection: Connection, vault: Vault, opening_id: str) -> Opening | None:
    """Return an opening by its id."""
    found = _openings(connection, vault, case_opening.c.id == opening_id, limit=1)
    return found[0] if found else None


def unreviewed(connection: Connection, vault: Vault, limit: int) -> list[Opening]:
    """Return the openings that no supervisor has looked at, the oldest first."""
    return _openings(connection, vault, case_opening.c.reviewed_at.is_(None), limit=limit)


def unseen_by_owner(connection: Connection, vault: Vault, account_id: str, limit: int) -> list[Opening]:
    """Return the openings of an account's own cases that it has not seen, the oldest first."""
    own = select(case_file.c.id).where(case_file.c.assigned_to == account_id)
    wanted = case_opening.c.seen_at.is_(None) & case_opening.c.case_id.in_(own)
    return _openings(connection, vault, wanted, limit=limit)


def of_case(connection: Connection, vault: Vault, case_id: str) -> list[Opening]:
    """Return a case's openings, the oldest first."""
    return _openings(connection, vault, case_opening.c.case_id == case_id)


def change(connection: Connection, opening_id: str, **values: Any) -> None:  # noqa: ANN401 - columns of the table
    """Change columns of an opening."""
    connection.execute(update(case_opening).where(case_opening.c.id == opening_id).values(**values))


def _openings(
    connection: Connection, vault: Vault, *conditions: ColumnElement[bool], limit: int | None = None
) -> list[Opening]:
    rows = connection.execute(
        select(case_opening)
        .where(*conditions)
        .order_by(case_opening.c.opened_at, case_opening.c.id)
        .limit(limit)
    ).all()
    return _opened(vault, rows)


def _opened(vault: Vault, rows: Sequence[Row[Any]]) -> list[Opening]:
    words = vault.open_many([(bytes(row.key_id), bytes(row.sealed), _place(row.id)) for row in rows])
    return [
        Opening(
            row.id,
            row.case_id,
            row.account_id,
            row.opened_at,
            row.ends_at,
            "" if said is None else said.decode(),
            row.seen_at,
            row.reviewed_at,
            row.reviewed_by,
        )
        for row, said in zip(rows, words, strict=True)
    ]
