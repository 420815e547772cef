"""Every query about legal holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update

from iars_node.holds.model import Hold
from iars_node.holds.tables import legal_hold
from iars_node.vault.sealing import context

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection

    from iars_node.vault.vault import Vault


def _place(hold_id: str) -> bytes:
    return context("legal_hold", "sealed", hold_id)


def add(connection: Connection, vault: Vault, new: Hold, key_id: bytes) -> None:
    """Write a hold, its reason sealed."""
    connection.execute(
        insert(legal_hold).values(
            id=new.id,
            case_id=new.case_id,
            scopes=list(new.scopes),
            ground=new.ground,
            key_id=key_id,
            sealed=vault.seal(key_id, new.reason.encode(), _place(new.id)),
            set_by=new.set_by,
            set_at=new.set_at,
            ends_at=new.ends_at,
        )
    )


def find(connection: Connection, vault: Vault, hold_id: str) -> Hold | None:
    """Return a hold by its id."""
    found = _holds(connection, vault, legal_hold.c.id == hold_id)
    return found[0] if found else None


def of_case(connection: Connection, vault: Vault, case_id: str) -> list[Hold]:
    """Return a case's holds, those that are over as well, the oldest first."""
    return _holds(connection, vault, legal_hold.c.case_id == case_id)


def standing(
    connection: Connection, vault: Vault, now: datetime, case_ids: Collection[str] | None = None
) -> list[Hold]:
    """Return the holds that count at a moment, of some cases or of all, the oldest first."""
    conditions = [legal_hold.c.lifted_at.is_(None), legal_hold.c.ends_at > now]
    if case_ids is not None:
        conditions.append(legal_hold.c.case_id.in_(list(case_ids)))
    return _holds(connection, vault, *conditions)


def lift(connection: Connection, hold_id: str, at: datetime, by: str) -> None:
    """Write that a hold was lifted."""
    statement = update(legal_hold).where(legal_hold.c.id == hold_id)
    connection.execute(statement.values(lifted_at=at, lifted_by=by))


def _holds(connection: Connection, vault: Vault, *conditions: ColumnElement[bool]) -> list[Hold]:
    ordered = select(legal_hold).where(*conditions).order_by(legal_hold.c.set_at, legal_hold.c.id)
    rows = connection.execute(ordered).all()
    words = vault.open_many([(bytes(row.key_id), bytes(row.sealed), _place(row.id)) for row in rows])
    return [
        Hold(
            id=row.id,
            case_id=row.case_id,
            scopes=tuple(row.scopes),
            ground=row.ground,
            reason="" if said is None else said.decode(),
            set_by=row.set_by,
            set_at=row.set_at,
            ends_at=row.ends_at,
            lifted_at=row.lifted_at,
            lifted_by=row.lifted_by,
        )
        for row, said in zip(rows, words, strict=True)
    ]
