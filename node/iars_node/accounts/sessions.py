"""Sessions: begun once, locked when left or unused, opened again by whoever began them, ended for good."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node.accounts import credential_store, step_store, store
from iars_node.accounts.events import CameBack
from iars_node.accounts.model import (
    Account,
    Browser,
    Session,
    SessionPolicy,
    SignedIn,
    new_secret,
    secret_hash,
)
from iars_node.audit import record
from iars_node.errors import NotFoundError, UnauthenticatedError

if TYPE_CHECKING:
    from datetime import datetime

    from iars_node.work import Actor, Work

POLICY = SessionPolicy()
# A form that comes after its session's end is still known by it, and kept for its account.
REMEMBERED = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Standing:
    """The session behind a browser's token, whose it is, and whether it is open, locked or over."""

    session: Session
    account: Account
    state: str


def begin_session(work: Work, account: Account, browser: Browser, policy: SessionPolicy) -> SignedIn:
    """Begin a session under a fresh token; a session the browser brought with it ends."""
    if browser.session_token:
        # A token planted in the browser before the sign-in must not become a signed-in one.
        credential_store.delete_session(work.connection, secret_hash(browser.session_token))
    token, known = new_secret(), browser.known_token or new_secret()
    session = Session(
        id=secret_hash(token),
        account_id=account.id,
        created_at=work.now,
        last_seen_at=work.now,
        expires_at=work.now + policy.absolute,
        csrf_secret=secrets.token_bytes(32),
        browser=browser.words,
        proved_at=work.now,
    )
    credential_store.insert_session(work.connection, session)
    step_store.know_browser(
        work.connection, secret_hash(known), account.id, work.now, is_sqlite=work.is_sqlite
    )
    record(replace(work, actor=account.actor), "account.signed-in", subject=account.id)
    work.announce(CameBack(account.id))
    return SignedIn(token, session, account, known)


def standing(work: Work, token: str, policy: SessionPolicy = POLICY) -> Standing | None:
    """Return how it stands with a browser's session; nothing where it is unknown or its account disabled."""
    session = credential_store.session_by_id(work.connection, secret_hash(token))
    account = None if session is None else store.account_by_id(work.connection, session.account_id)
    if session is None or account is None or account.disabled_at is not None:
        return None
    if session.is_over(work.now):
        return Standing(session, account, "over")
    return Standing(session, account, "locked" if session.is_locked(work.now, policy) else "open")


def session_actor(work: Work, token: str, policy: SessionPolicy = POLICY) -> tuple[Session, Actor]:
    """Return the open session of a browser's token and who acts in it."""
    found = standing(work, token, policy)
    if found is None or found.state != "open":
        raise UnauthenticatedError("Nobody is signed in; sign in and try again.")
    return found.session, found.account.actor


def is_unnoticed(session: Session, now: datetime, policy: SessionPolicy = POLICY) -> bool:
    """Say whether the session's last use should be written again."""
    return now >= session.last_seen_at + policy.noticed_every


def keep_alive(work: Work, session: Session) -> None:
    """Write that a session was used; needs a writing unit of work."""
    credential_store.notice_session(work.connection, session.id, work.now)
    work.announce(CameBack(session.account_id))


def lock(work: Work, session: Session) -> None:
    """Lock a session: it shows nothing until its person proves to be there."""
    if credential_store.lock_session(work.connection, session.id, work.now):
        record(work, "account.session-locked", subject=session.account_id)


def unlock(work: Work, session: Session, account: Account) -> None:
    """Open a locked session for the person who has just proved to be there."""
    # Its token stays: whatever was typed on other pages of this session can still be sent.
    credential_store.unlock_session(work.connection, session.id, work.now)
    record(replace(work, actor=account.actor), "account.session-unlocked", subject=account.id)
    work.announce(CameBack(account.id))


def note_proof(work: Work, session: Session) -> None:
    """Write that a session's person has just proved to be there."""
    credential_store.prove_session(work.connection, session.id, work.now)


def sign_out(work: Work, session: Session) -> None:
    """End a session."""
    if credential_store.delete_session(work.connection, session.id):
        record(work, "account.signed-out", subject=session.account_id)


def own_sessions(work: Work, account_id: str) -> list[Session]:
    """Return an account's sessions that are not over, the last used first."""
    return [
        each
        for each in credential_store.sessions_of(work.connection, account_id)
        if not each.is_over(work.now)
    ]


def end_session(work: Work, account_id: str, session_id: str) -> None:
    """End one of an account's sessions from another."""
    if session_id not in {each.id for each in own_sessions(work, account_id)}:
        raise NotFoundError("There is no such session.")
    credential_store.delete_session(work.connection, session_id)
    record(work, "account.signed-out", subject=account_id)


def sign_out_everywhere(work: Work, account_id: str, *, keep_session: str = "") -> int:
    """End an account's sessions, but for the one that asks for it; return how many there were."""
    ended = end_everything(work, account_id, keep_session=keep_session)
    record(work, "account.signed-out-everywhere", subject=account_id, detail={"sessions": ended})
    return ended


def end_everything(work: Work, account_id: str, *, keep_session: str = "", keep_step: str = "") -> int:
    """End sessions and half-done sign-ins, and forget the browsers; return how many sessions there were."""
    step_store.delete_steps(work.connection, account_id, except_id=keep_step)
    step_store.forget_browsers(work.connection, account_id)
    return credential_store.delete_sessions(work.connection, account_id, except_id=keep_session)
