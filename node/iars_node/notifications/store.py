"""Every query about who is told outside of the pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, or_, select, update

from iars_node.notifications.model import Choice, Wish
from iars_node.notifications.tables import notification_choice as table
from iars_node.vault.vault import context

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection, RowMapping

    from iars_node.vault.vault import Vault

_COLUMNS = [column for column in table.c if column.name != "sealed"]


def put(connection: Connection, vault: Vault, account_id: str, wish: Wish, at: datetime) -> None:
    """Keep what an account wishes, in the place of what it wished before."""
    remove(connection, account_id)
    connection.execute(
        insert(table).values(
            account_id=account_id,
            sealed=vault.seal_own(wish.address.encode(), _place(account_id)),
            kinds=sorted(wish.kinds),
            rhythm=wish.rhythm,
            hour=wish.hour,
            here_at=at,
            look_at=at,
        )
    )


def remove(connection: Connection, account_id: str) -> bool:
    """Forget an account's wish and address; say whether there was one."""
    return connection.execute(delete(table).where(table.c.account_id == account_id)).rowcount == 1


def choice_of(connection: Connection, account_id: str) -> Choice | None:
    """Return what an account chose."""
    query = select(*_COLUMNS).where(table.c.account_id == account_id)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _choice(row)


def address_of(connection: Connection, vault: Vault, account_id: str) -> str:
    """Return the address that an account chose, or nothing."""
    sealed = connection.execute(select(table.c.sealed).where(table.c.account_id == account_id)).scalar()
    return "" if sealed is None else vault.open_own(bytes(sealed), _place(account_id)).decode()


def to_look_at(connection: Connection, now: datetime) -> list[Choice]:
    """Return the choices whose time has come, of those who were not told since they were there last."""
    query = select(*_COLUMNS).where(
        table.c.look_at <= now, or_(table.c.told_at.is_(None), table.c.told_at < table.c.here_at)
    )
    return [_choice(row) for row in connection.execute(query.order_by(table.c.account_id)).mappings()]


def come_back(connection: Connection, account_id: str, at: datetime) -> Choice | None:
    """Write that an account's person is there; return how it stood before."""
    before = choice_of(connection, account_id)
    if before is not None:
        connection.execute(update(table).where(table.c.account_id == account_id).values(here_at=at))
    return before


def set_looked(connection: Connection, account_id: str, look_at: datetime, told_at: datetime | None) -> None:
    """Write when to look for an account again, and when it was told."""
    values = {"look_at": look_at, "told_at": told_at}
    connection.execute(update(table).where(table.c.account_id == account_id).values(values))


def _choice(row: RowMapping) -> Choice:
    return Choice(**{**row, "kinds": frozenset(row["kinds"])})


def _place(account_id: str) -> bytes:
    return context("notification_choice", "sealed", account_id)
