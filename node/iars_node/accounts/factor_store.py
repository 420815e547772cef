"""Every query about one-time codes, recovery codes and passkeys."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, insert, or_, select, update

from iars_node.accounts.model import Passkey
from iars_node.accounts.tables import authenticator, passkey, recovery_code

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class StoredAuthenticator:
    """The sealed secrets of one-time codes: the one that counts, and one that waits to be confirmed."""

    sealed: bytes | None = field(repr=False)
    waiting: bytes | None = field(repr=False)
    confirmed_at: datetime | None
    last_step: int


NO_AUTHENTICATOR = StoredAuthenticator(None, None, None, 0)


def set_waiting(connection: Connection, account_id: str, waiting: bytes) -> None:
    """Store a secret that is not confirmed yet; the one that counts stays."""
    own = authenticator.c.account_id == account_id
    if not connection.execute(update(authenticator).where(own).values(waiting=waiting)).rowcount:
        connection.execute(insert(authenticator).values(account_id=account_id, waiting=waiting, last_step=0))


def authenticator_of(connection: Connection, account_id: str) -> StoredAuthenticator:
    """Return the stored secrets of an account."""
    columns = [authenticator.c[name] for name in ("sealed", "waiting", "confirmed_at", "last_step")]
    row = connection.execute(select(*columns).where(authenticator.c.account_id == account_id)).one_or_none()
    return NO_AUTHENTICATOR if row is None else StoredAuthenticator(*row)


def use_step(connection: Connection, account_id: str, step: int) -> bool:
    """Write the newest step whose code was used; say whether it is newer than the one before."""
    # One statement decides: the same code sent twice at once must count once.
    newer = (authenticator.c.account_id == account_id) & (authenticator.c.last_step < step)
    return connection.execute(update(authenticator).where(newer).values(last_step=step)).rowcount == 1


def confirm_waiting(connection: Connection, account_id: str, at: datetime, step: int) -> None:
    """Let the waiting secret count from now on, after the code of a step was seen."""
    own = authenticator.c.account_id == account_id
    values = {"sealed": authenticator.c.waiting, "waiting": None, "confirmed_at": at, "last_step": step}
    connection.execute(update(authenticator).where(own).values(**values))


def delete_authenticator(connection: Connection, account_id: str) -> None:
    """Delete the secret of an account."""
    connection.execute(delete(authenticator).where(authenticator.c.account_id == account_id))


def set_recovery_codes(connection: Connection, account_id: str, digests: Sequence[bytes]) -> None:
    """Give an account these recovery codes and no others."""
    delete_recovery_codes(connection, account_id)
    connection.execute(
        insert(recovery_code), [{"account_id": account_id, "digest": digest} for digest in digests]
    )


def use_recovery_code(connection: Connection, account_id: str, digest: bytes) -> bool:
    """Use up a recovery code; say whether it was there."""
    condition = (recovery_code.c.account_id == account_id) & (recovery_code.c.digest == digest)
    return connection.execute(delete(recovery_code).where(condition)).rowcount == 1


def count_recovery_codes(connection: Connection, account_id: str) -> int:
    """Return how many recovery codes are left."""
    query = select(func.count()).where(recovery_code.c.account_id == account_id)
    return int(connection.execute(query).scalar_one())


def delete_recovery_codes(connection: Connection, account_id: str) -> None:
    """Delete the recovery codes of an account."""
    connection.execute(delete(recovery_code).where(recovery_code.c.account_id == account_id))


def insert_passkey(connection: Connection, added: Passkey) -> None:
    """Add a passkey."""
    columns = {name: getattr(added, name) for name in passkey.c.keys()}  # noqa: SIM118 - a collection of columns is no mapping
    connection.execute(insert(passkey).values(**columns))


def passkeys_of(connection: Connection, account_id: str) -> list[Passkey]:
    """Return the passkeys of an account, the oldest first."""
    query = select(passkey).where(passkey.c.account_id == account_id)
    rows = connection.execute(query.order_by(passkey.c.created_at, passkey.c.id)).mappings()
    return [Passkey(**row) for row in rows]


def passkey_by_credential(connection: Connection, credential_id: bytes) -> Passkey | None:
    """Find a passkey by the id that its device gave it."""
    query = select(passkey).where(passkey.c.credential_id == credential_id)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else Passkey(**row)


def use_passkey(
    connection: Connection, passkey_id: str, sign_count: int, at: datetime, *, is_backed_up: bool
) -> bool:
    """Write a use of a passkey; say whether its counter went on, as it does unless it was copied."""
    # A device that doesn't count always says zero.
    goes_on = or_(passkey.c.sign_count < sign_count, (passkey.c.sign_count == 0) & (sign_count == 0))
    used = update(passkey).where(passkey.c.id == passkey_id, goes_on)
    values = {"sign_count": sign_count, "last_used_at": at, "is_backed_up": is_backed_up}
    return connection.execute(used.values(**values)).rowcount == 1


def delete_passkey(connection: Connection, account_id: str, passkey_id: str) -> bool:
    """Delete a passkey of an account; say whether there was one."""
    condition = (passkey.c.account_id == account_id) & (passkey.c.id == passkey_id)
    return connection.execute(delete(passkey).where(condition)).rowcount == 1


def delete_passkeys(connection: Connection, account_id: str) -> int:
    """Delete every passkey of an account; return how many."""
    return connection.execute(delete(passkey).where(passkey.c.account_id == account_id)).rowcount
