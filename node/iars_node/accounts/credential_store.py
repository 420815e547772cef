"""Every query about sessions, tokens and failed sign-ins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import case, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from iars_node.accounts.model import Session, Token
from iars_node.accounts.tables import session, sign_in_failure, token

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection, RowMapping


def insert_session(connection: Connection, added: Session) -> None:
    """Add a session."""
    connection.execute(
        insert(session).values(
            id=added.id,
            account_id=added.account_id,
            created_at=added.created_at,
            last_seen_at=added.last_seen_at,
            expires_at=added.expires_at,
            csrf_secret=added.csrf_secret,
            browser=added.browser,
            proved_at=added.proved_at,
        )
    )


def session_by_id(connection: Connection, session_id: str) -> Session | None:
    """Find a session by the hash of its token."""
    row = connection.execute(select(session).where(session.c.id == session_id)).mappings().one_or_none()
    return None if row is None else Session(**row)


def notice_session(connection: Connection, session_id: str, at: datetime) -> None:
    """Write when a session was last used."""
    connection.execute(update(session).where(session.c.id == session_id).values(last_seen_at=at))


def sessions_of(connection: Connection, account_id: str) -> list[Session]:
    """Return an account's sessions, the last used first."""
    query = select(session).where(session.c.account_id == account_id)
    rows = connection.execute(query.order_by(session.c.last_seen_at.desc(), session.c.id)).mappings()
    return [Session(**row) for row in rows]


def lock_session(connection: Connection, session_id: str, at: datetime) -> bool:
    """Write that a session is locked; say whether it was open."""
    is_open = (session.c.id == session_id) & session.c.locked_at.is_(None)
    return connection.execute(update(session).where(is_open).values(locked_at=at)).rowcount == 1


def unlock_session(connection: Connection, session_id: str, at: datetime) -> None:
    """Write that a session is open again and in use, by who has just proved to be there."""
    opened = update(session).where(session.c.id == session_id)
    connection.execute(opened.values(locked_at=None, last_seen_at=at, proved_at=at))


def prove_session(connection: Connection, session_id: str, at: datetime) -> None:
    """Write when a session's person last proved to be there."""
    connection.execute(update(session).where(session.c.id == session_id).values(proved_at=at))


def delete_session(connection: Connection, session_id: str) -> bool:
    """Delete a session; say whether there was one."""
    return connection.execute(delete(session).where(session.c.id == session_id)).rowcount == 1


def delete_sessions(connection: Connection, account_id: str, *, except_id: str = "") -> int:
    """Delete an account's sessions, but for one that may stay; return how many."""
    condition = (session.c.account_id == account_id) & (session.c.id != except_id)
    return connection.execute(delete(session).where(condition)).rowcount


def delete_sessions_before(connection: Connection, moment: datetime) -> int:
    """Delete the sessions that ended by themselves before a moment; return how many."""
    return connection.execute(delete(session).where(session.c.expires_at <= moment)).rowcount


def insert_token(connection: Connection, added: Token, secret_hash: str) -> None:
    """Add a token under the hash of its secret."""
    connection.execute(
        insert(token).values(
            id=added.id,
            secret_hash=secret_hash,
            label=added.label,
            actions=sorted(added.actions),
            scopes=sorted(added.scopes),
            created_at=added.created_at,
            created_by=added.created_by,
            expires_at=added.expires_at,
        )
    )


def token_by_secret(connection: Connection, secret_hash: str) -> Token | None:
    """Find a token by the hash of its secret."""
    row = connection.execute(select(token).where(token.c.secret_hash == secret_hash)).mappings().one_or_none()
    return None if row is None else _token(row)


def tokens(connection: Connection) -> list[Token]:
    """Return every token, the newest first."""
    query = select(token).order_by(token.c.created_at.desc(), token.c.id)
    return [_token(row) for row in connection.execute(query).mappings()]


def revoke_token(connection: Connection, token_id: str, at: datetime) -> bool:
    """Revoke a token; say whether there was one to revoke."""
    valid = (token.c.id == token_id) & token.c.revoked_at.is_(None)
    return connection.execute(update(token).where(valid).values(revoked_at=at)).rowcount == 1


def notice_token(connection: Connection, token_id: str, at: datetime) -> None:
    """Write when a token was last used."""
    connection.execute(update(token).where(token.c.id == token_id).values(last_used_at=at))


def _token(row: RowMapping) -> Token:
    columns: dict[str, Any] = {name: value for name, value in row.items() if name != "secret_hash"}
    columns["actions"] = frozenset(row["actions"])
    columns["scopes"] = frozenset(row["scopes"])
    return Token(**columns)


def hold_failures(
    connection: Connection, key: str, now: datetime, *, is_sqlite: bool
) -> tuple[int, datetime]:
    """Return how often and when sign-in last failed for a key, and keep others waiting for the answer."""
    # Writing first takes the row's lock even when there was no row: two replicas can't both read
    # the same count and both let a guess through.
    dialect = sqlite if is_sqlite else postgresql
    held = dialect.insert(sign_in_failure).values(key=key, failures=0, last_at=now)
    kept = held.on_conflict_do_update(
        index_elements=[sign_in_failure.c.key], set_={"failures": sign_in_failure.c.failures}
    )
    row = connection.execute(kept.returning(sign_in_failure.c.failures, sign_in_failure.c.last_at)).one()
    return row.failures, row.last_at


def set_failures(connection: Connection, key: str, failures: int, at: datetime) -> None:
    """Write how often sign-in failed for a key."""
    connection.execute(
        update(sign_in_failure).where(sign_in_failure.c.key == key).values(failures=failures, last_at=at)
    )


def forget_failures(connection: Connection, key: str) -> None:
    """Forget the failures of a key."""
    connection.execute(delete(sign_in_failure).where(sign_in_failure.c.key == key))


def take_back_failure(connection: Connection, key: str) -> None:
    """Take back one failure that was counted before the password was known to be right."""
    fewer = case((sign_in_failure.c.failures > 0, sign_in_failure.c.failures - 1), else_=0)
    connection.execute(update(sign_in_failure).where(sign_in_failure.c.key == key).values(failures=fewer))


def forget_failures_before(connection: Connection, moment: datetime) -> int:
    """Forget failures that are older than a moment; return how many keys."""
    return connection.execute(delete(sign_in_failure).where(sign_in_failure.c.last_at < moment)).rowcount
