"""Signing in and out, and the sessions in between.

The password is checked between two transactions: at a tenth of a second it would keep every other
writer of an embedded database waiting. The failure is therefore counted first and taken back when
the password was right, so that guesses made at the same time count too.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from iars_node.accounts import credential_store, store
from iars_node.accounts.model import (
    Account,
    Session,
    SessionPolicy,
    SignedIn,
    SignInRefused,
    folded,
    new_secret,
    secret_hash,
)
from iars_node.audit import alarms, record
from iars_node.errors import UnauthenticatedError
from iars_node.vault import passwords
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from iars_node.work import Actor, Work, Works

POLICY = SessionPolicy()

_FORGOTTEN_AFTER = timedelta(hours=24)
_ALARMING = 25


@dataclass(frozen=True, slots=True)
class Delay:
    """How waiting grows: so many failures are free, then seconds double up to the longest."""

    free: int
    longest: timedelta

    def after(self, failures: int) -> timedelta:
        """Return how long to wait after so many failures."""
        if failures < self.free:
            return timedelta(0)
        doublings = min(failures - self.free, 20)
        return min(timedelta(seconds=2**doublings), self.longest)


# A name waits minutes at most: whoever knows a colleague's name can make it wait. An address is
# often a whole office behind one line, so more failures are free.
NAME_DELAY = Delay(5, timedelta(minutes=5))
ADDRESS_DELAY = Delay(30, timedelta(minutes=15))


@dataclass(frozen=True, slots=True)
class Attempt:
    """A sign-in on its way: what to verify against, and the counters to correct."""

    account_id: str
    stored_hash: str
    name_key: str
    address_key: str
    failures: int

    def __repr__(self) -> str:
        return f"Attempt({self.account_id})"


def authenticate(  # noqa: PLR0913 - the session's beginning and length are said by name
    works: Works,
    name: str,
    password: str,
    address: str,
    *,
    old_token: str = "",
    policy: SessionPolicy = POLICY,
) -> SignedIn | SignInRefused:
    """Sign in by name and password; a session the browser brought with it ends.

    Unknown name, wrong password and disabled account give the same answer after the same work.
    """
    passwords.nobodys_hash()  # made once, here: not while others wait for the transaction
    with works.write(SYSTEM) as work:
        attempt = begin(work, name, address)
    if isinstance(attempt, SignInRefused):
        return attempt
    is_right = passwords.verify_password(password, attempt.stored_hash)
    stronger = (
        passwords.hash_password(password) if is_right and passwords.is_weak(attempt.stored_hash) else ""
    )
    with works.write(SYSTEM) as work:
        if not is_right:
            return refuse(work, attempt)
        return finish(work, attempt, old_token=old_token, stronger_hash=stronger, policy=policy)


def begin(work: Work, name: str, address: str) -> Attempt | SignInRefused:
    """Count a failure beforehand, unless the name or the address has to wait."""
    name_key, address_key = _key("name", folded(name)), _key("address", address)
    account = store.account_by_name(work.connection, folded(name))
    account_id = "" if account is None or account.disabled_at is not None else account.id
    # Always the name first: two sign-ins that lock in one order can't lock each other out.
    by_name, name_wait = _waiting(work, name_key, NAME_DELAY)
    by_address, address_wait = _waiting(work, address_key, ADDRESS_DELAY)
    wait = max(name_wait, address_wait)
    if wait > timedelta(0):
        # Not recorded: the failures that led here are, and a flood of guesses must not fill the log.
        return SignInRefused("delayed", wait)
    credential_store.set_failures(work.connection, name_key, by_name + 1, work.now)
    credential_store.set_failures(work.connection, address_key, by_address + 1, work.now)
    stored = store.password_hash(work.connection, account_id) if account_id else passwords.nobodys_hash()
    return Attempt(account_id, stored, name_key, address_key, by_name + 1)


def refuse(work: Work, attempt: Attempt) -> SignInRefused:
    """Answer a wrong name or password; the failure is counted already."""
    record(work, "account.sign-in-failed", subject=attempt.account_id, detail={"failures": attempt.failures})
    if attempt.account_id and attempt.failures >= _ALARMING:
        alarms.raise_alarm(work, "account.under-attack", attempt.account_id, {"failures": attempt.failures})
    return SignInRefused("wrong")


def finish(
    work: Work,
    attempt: Attempt,
    *,
    old_token: str = "",
    stronger_hash: str = "",
    policy: SessionPolicy = POLICY,
) -> SignedIn | SignInRefused:
    """Begin a session for an account whose password was right."""
    account = store.account_by_id(work.connection, attempt.account_id) if attempt.account_id else None
    if account is None or _has_changed(work, account, attempt):
        return refuse(work, attempt)
    credential_store.forget_failures(work.connection, attempt.name_key)
    credential_store.take_back_failure(work.connection, attempt.address_key)
    if stronger_hash:
        store.update_account(work.connection, account.id, password_hash=stronger_hash)
    if old_token:
        # A token planted in the browser before the sign-in must not become a signed-in one.
        credential_store.delete_session(work.connection, secret_hash(old_token))
    signed_in = _begin_session(work, account, policy)
    record(replace(work, actor=account.actor), "account.signed-in", subject=account.id)
    return signed_in


def session_actor(work: Work, token: str, policy: SessionPolicy = POLICY) -> tuple[Session, Actor]:
    """Return the session of a browser's token and who acts in it."""
    session = credential_store.session_by_id(work.connection, secret_hash(token))
    if session is None or session.is_over(work.now, policy):
        raise UnauthenticatedError("Nobody is signed in; sign in and try again.")
    account = store.account_by_id(work.connection, session.account_id)
    if account is None or account.disabled_at is not None:
        raise UnauthenticatedError("Nobody is signed in; sign in and try again.")
    return session, account.actor


def is_unnoticed(session: Session, now: datetime, policy: SessionPolicy = POLICY) -> bool:
    """Say whether the session's last use should be written again."""
    return now >= session.last_seen_at + policy.noticed_every


def keep_alive(work: Work, session: Session) -> None:
    """Write that a session was used; needs a writing unit of work."""
    credential_store.notice_session(work.connection, session.id, work.now)


def sign_out(work: Work, session: Session) -> None:
    """End a session."""
    if credential_store.delete_session(work.connection, session.id):
        record(work, "account.signed-out", subject=session.account_id)


def sign_out_everywhere(work: Work, account_id: str) -> int:
    """End every session of an account and return how many there were."""
    ended = credential_store.delete_sessions(work.connection, account_id)
    record(work, "account.signed-out-everywhere", subject=account_id, detail={"sessions": ended})
    return ended


def forget_old(work: Work, policy: SessionPolicy = POLICY) -> None:
    """Delete sessions that are over and failures that count no more: a job for every hour."""
    credential_store.delete_sessions_over(work.connection, work.now, policy.idle)
    credential_store.forget_failures_before(work.connection, work.now - _FORGOTTEN_AFTER)


def _key(kind: str, word: str) -> str:
    return hashlib.sha256(f"{kind}:{word}".encode()).hexdigest()


def _waiting(work: Work, key: str, delay: Delay) -> tuple[int, timedelta]:
    failures, last_at = credential_store.hold_failures(
        work.connection, key, work.now, is_sqlite=work.is_sqlite
    )
    if work.now >= last_at + _FORGOTTEN_AFTER:
        failures = 0
    return failures, last_at + delay.after(failures) - work.now


def _has_changed(work: Work, account: Account, attempt: Attempt) -> bool:
    # Between the two transactions an administrator may have disabled the account or set a password.
    stored = store.password_hash(work.connection, account.id)
    return account.disabled_at is not None or not secrets.compare_digest(stored, attempt.stored_hash)


def _begin_session(work: Work, account: Account, policy: SessionPolicy) -> SignedIn:
    token = new_secret()
    session = Session(
        id=secret_hash(token),
        account_id=account.id,
        created_at=work.now,
        last_seen_at=work.now,
        expires_at=work.now + policy.absolute,
        csrf_secret=secrets.token_bytes(32),
    )
    credential_store.insert_session(work.connection, session)
    return SignedIn(token, session, account)
