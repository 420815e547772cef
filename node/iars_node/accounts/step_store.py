"""Every query about what happens before a session begins: steps, one-time codes, browsers that are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select, update

from iars_node.accounts.model import Step
from iars_node.accounts.tables import entry_code, known_browser, sign_in_step, used_challenge
from iars_node.prepared import inserting

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection


def insert_step(connection: Connection, added: Step) -> None:
    """Add a half-done sign-in."""
    connection.execute(
        insert(sign_in_step).values(
            id=added.id, account_id=added.account_id, kind=added.kind, expires_at=added.expires_at
        )
    )


def step_by_id(connection: Connection, step_id: str) -> Step | None:
    """Find a half-done sign-in by the hash of its token."""
    query = select(sign_in_step).where(sign_in_step.c.id == step_id)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else Step(**row)


def move_step(connection: Connection, step_id: str, kind: str) -> None:
    """Write what a half-done sign-in asks next."""
    connection.execute(update(sign_in_step).where(sign_in_step.c.id == step_id).values(kind=kind))


def delete_step(connection: Connection, step_id: str) -> bool:
    """Delete a half-done sign-in; say whether there was one."""
    return connection.execute(delete(sign_in_step).where(sign_in_step.c.id == step_id)).rowcount == 1


def delete_steps(connection: Connection, account_id: str, *, except_id: str = "") -> None:
    """Delete an account's half-done sign-ins, but for one that may go on."""
    condition = (sign_in_step.c.account_id == account_id) & (sign_in_step.c.id != except_id)
    connection.execute(delete(sign_in_step).where(condition))


def set_entry_code(
    connection: Connection, account_id: str, digest: bytes, made_by: str, expires_at: datetime
) -> None:
    """Give an account a one-time code in the place of an older one."""
    delete_entry_code(connection, account_id)
    connection.execute(
        insert(entry_code).values(
            account_id=account_id, digest=digest, made_by=made_by, expires_at=expires_at
        )
    )


def entry_code_of(connection: Connection, account_id: str) -> tuple[bytes, datetime] | None:
    """Return the digest of an account's one-time code and its end."""
    query = select(entry_code.c.digest, entry_code.c.expires_at).where(entry_code.c.account_id == account_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else (bytes(row.digest), row.expires_at)


def delete_entry_code(connection: Connection, account_id: str) -> None:
    """Delete an account's one-time code."""
    connection.execute(delete(entry_code).where(entry_code.c.account_id == account_id))


def is_known(connection: Connection, browser_id: str, account_id: str) -> bool:
    """Say whether an account has signed in from a browser before."""
    query = select(known_browser.c.id).where(
        known_browser.c.id == browser_id, known_browser.c.account_id == account_id
    )
    return connection.execute(query).first() is not None


def know_browser(
    connection: Connection, browser_id: str, account_id: str, at: datetime, *, is_sqlite: bool
) -> None:
    """Remember that an account has signed in from a browser."""
    row = {"id": browser_id, "account_id": account_id, "last_at": at}
    dialect = "sqlite" if is_sqlite else "postgresql"
    statement = inserting(known_browser, dialect=dialect).values(row)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["id", "account_id"], set_={"last_at": at})
    )


def forget_browsers(connection: Connection, account_id: str) -> None:
    """Forget every browser of an account."""
    connection.execute(delete(known_browser).where(known_browser.c.account_id == account_id))


def use_challenge(connection: Connection, challenge: bytes, until: datetime, *, is_sqlite: bool) -> bool:
    """Write that a challenge was answered; say whether it is the first time."""
    dialect = "sqlite" if is_sqlite else "postgresql"
    statement = inserting(used_challenge, dialect=dialect).values(challenge=challenge, expires_at=until)
    # What comes back is counted, not the rows that the driver reports: it does not know them in every case.
    added = statement.on_conflict_do_nothing().returning(used_challenge.c.expires_at)
    return connection.execute(added).first() is not None


def delete_over(connection: Connection, now: datetime, known_before: datetime) -> None:
    """Delete steps, codes and challenges whose time is over, and browsers that were long not used."""
    for table in (sign_in_step, entry_code, used_challenge):
        connection.execute(delete(table).where(table.c.expires_at <= now))
    connection.execute(delete(known_browser).where(known_browser.c.last_at < known_before))
