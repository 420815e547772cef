"""Signing in: a name and password, what is asked beyond them, and the session that begins in the end.

The password is checked between two transactions: at a tenth of a second it would keep every other
writer of an embedded database waiting. The failure is therefore counted first and taken back when
the password was right, so that guesses made at the same time count too.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node.accounts import (
    credential_store,
    factor_store,
    factors,
    failures,
    kept_forms,
    sessions,
    step_store,
    store,
)
from iars_node.accounts.failures import ADDRESS_DELAY, NAME_DELAY, key_of
from iars_node.accounts.model import (
    Account,
    NextStep,
    SignedIn,
    SignInRefused,
    Step,
    folded,
    new_secret,
    secret_hash,
)
from iars_node.accounts.sessions import POLICY, begin_session
from iars_node.audit import record
from iars_node.vault import passwords
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from iars_node.accounts.model import Browser, SessionPolicy
    from iars_node.work import Work, Works

STEP_LIFE = timedelta(minutes=20)
# What a browser is remembered by; as long as its cookie lives.
KNOWN_FOR = timedelta(days=365)

CODE, ENROL, WELCOME = "code", "enrol", "welcome"


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


def authenticate(
    works: Works, name: str, password: str, browser: Browser, policy: SessionPolicy = POLICY
) -> SignedIn | NextStep | SignInRefused:
    """Sign in by name and password, or say what is asked next.

    Unknown name, wrong password and disabled account give the same answer after the same work.
    """
    checked = _checked(works, name, password, browser)
    if isinstance(checked, SignInRefused):
        return checked
    attempt, is_right, stronger = checked
    with works.write(SYSTEM) as work:
        if not is_right:
            return refuse(work, attempt)
        return finish(work, attempt, browser, stronger_hash=stronger, policy=policy)


def prove(works: Works, account: Account, password: str, browser: Browser) -> SignInRefused | None:
    """Check that an account's person is there, by the password; guesses wait as at signing in."""
    checked = _checked(works, account.name, password, browser)
    if isinstance(checked, SignInRefused):
        return checked
    attempt, is_right, _stronger = checked
    with works.write(SYSTEM) as work:
        found = _unchanged(work, attempt) if is_right else None
        if found is None or found.id != account.id:
            return refuse(work, attempt)
        _take_back(work, attempt, is_done=True)
    return None


def _checked(
    works: Works, name: str, password: str, browser: Browser
) -> tuple[Attempt, bool, str] | SignInRefused:
    passwords.nobodys_hash()  # made once, here: not while others wait for the transaction
    with works.write(SYSTEM) as work:
        attempt = begin(work, name, browser)
    if isinstance(attempt, SignInRefused):
        return attempt
    is_right = passwords.verify_password(password, attempt.stored_hash)
    is_weak = is_right and passwords.is_weak(attempt.stored_hash)
    return attempt, is_right, passwords.hash_password(password) if is_weak else ""


def begin(work: Work, name: str, browser: Browser) -> Attempt | SignInRefused:
    """Count a failure beforehand, unless the name or the address has to wait."""
    account = store.account_by_name(work.connection, folded(name))
    account_id = "" if account is None or account.disabled_at is not None else account.id
    name_key, address_key = _keys(work, folded(name), account_id, browser)
    # Always the name first: two sign-ins that lock in one order can't lock each other out.
    by_name, wait = failures.waiting(work, name_key, NAME_DELAY)
    by_address = 0
    if address_key:
        by_address, address_wait = failures.waiting(work, address_key, ADDRESS_DELAY)
        wait = max(wait, address_wait)
    if wait > timedelta(0):
        # Not recorded: the failures that led here are, and a flood of guesses must not fill the log.
        return SignInRefused("delayed", wait)
    credential_store.set_failures(work.connection, name_key, by_name + 1, work.now)
    if address_key:
        credential_store.set_failures(work.connection, address_key, by_address + 1, work.now)
    stored = store.password_hash(work.connection, account_id) if account_id else passwords.nobodys_hash()
    return Attempt(account_id, stored, name_key, address_key, by_name + 1)


def _keys(work: Work, name: str, account_id: str, browser: Browser) -> tuple[str, str]:
    # A browser that the account has signed in from counts by itself: whoever guesses from elsewhere,
    # even behind the same line, can't keep its person out.
    known = secret_hash(browser.known_token)
    if step_store.is_known(work.connection, known, account_id):
        return key_of("browser", f"{known}:{account_id}"), ""
    return key_of("name", name), key_of("address", browser.address)


def refuse(work: Work, attempt: Attempt) -> SignInRefused:
    """Answer a wrong name or password; the failure is counted already."""
    record(work, "account.sign-in-failed", subject=attempt.account_id, detail={"failures": attempt.failures})
    failures.alarm_if_many(work, attempt.account_id, attempt.failures)
    return SignInRefused("wrong")


def finish(
    work: Work,
    attempt: Attempt,
    browser: Browser,
    *,
    stronger_hash: str = "",
    policy: SessionPolicy = POLICY,
) -> SignedIn | NextStep | SignInRefused:
    """Begin a session for an account whose password was right, or say what is asked beyond it."""
    account = _unchanged(work, attempt)
    if account is None:
        return refuse(work, attempt)
    if stronger_hash:
        store.update_account(work.connection, account.id, password_hash=stronger_hash)
    needs_more = policy.needs_second_factor(account)
    has_passkey = bool(factor_store.passkeys_of(work.connection, account.id))
    # Who has a passkey and no code left comes in by it: a password must not be enough to set up an app.
    if factors.asks_more(work, account.id) or (needs_more and has_passkey):
        _take_back(work, attempt, is_done=False)
        return next_step(work, account.id, CODE)
    _take_back(work, attempt, is_done=True)
    if needs_more:
        return next_step(work, account.id, ENROL)
    return begin_session(work, account, browser, policy)


def next_step(work: Work, account_id: str, kind: str) -> NextStep:
    """Note that a sign-in is half done, and what is asked next."""
    token = new_secret()
    step_store.insert_step(work.connection, Step(secret_hash(token), account_id, kind, work.now + STEP_LIFE))
    return NextStep(token, kind)


def step_of(work: Work, token: str) -> tuple[Step, Account] | None:
    """Return the half-done sign-in of a browser's token and whose it is."""
    step = step_store.step_by_id(work.connection, secret_hash(token))
    if step is None or work.now >= step.expires_at:
        return None
    account = store.account_by_id(work.connection, step.account_id)
    return None if account is None or account.disabled_at is not None else (step, account)


def confirm_code(
    work: Work, token: str, code: str, browser: Browser, policy: SessionPolicy = POLICY
) -> SignedIn | SignInRefused:
    """Begin a session after the password, by a one-time code or a recovery code."""
    found = step_of(work, token)
    if found is None or found[0].kind != CODE:
        return SignInRefused("over")
    step, account = found
    # Apart from the name's failures: only who has the password can make these wait.
    key = key_of("code", account.id)
    failed, wait = failures.count(work, key, NAME_DELAY)
    if wait > timedelta(0):
        return SignInRefused("delayed", wait)
    if not factors.use_code(work, account, code):
        return refuse(work, Attempt(account.id, "", key, "", failed))
    credential_store.forget_failures(work.connection, key)
    credential_store.forget_failures(work.connection, key_of("name", account.name))
    step_store.delete_step(work.connection, step.id)
    return begin_session(work, account, browser, policy)


def complete_step(
    work: Work, step: Step, account: Account, browser: Browser, policy: SessionPolicy
) -> SignedIn:
    """Begin the session that a step led to."""
    step_store.delete_step(work.connection, step.id)
    return begin_session(work, account, browser, policy)


def forget_old(work: Work) -> None:
    """Delete what is over: sessions, steps, codes, kept forms, and failures that count no more."""
    kept_forms.forget_old(work)
    credential_store.delete_sessions_before(work.connection, work.now - sessions.REMEMBERED)
    step_store.delete_over(work.connection, work.now, work.now - KNOWN_FOR)
    credential_store.forget_failures_before(work.connection, work.now - failures.FORGOTTEN_AFTER)


def _take_back(work: Work, attempt: Attempt, *, is_done: bool) -> None:
    if is_done:
        credential_store.forget_failures(work.connection, attempt.name_key)
    else:
        credential_store.take_back_failure(work.connection, attempt.name_key)
    if attempt.address_key:
        credential_store.take_back_failure(work.connection, attempt.address_key)


def _unchanged(work: Work, attempt: Attempt) -> Account | None:
    # Between the two transactions an administrator may have disabled the account or set a password.
    account = store.account_by_id(work.connection, attempt.account_id) if attempt.account_id else None
    if account is None or account.disabled_at is not None:
        return None
    stored = store.password_hash(work.connection, account.id)
    return account if secrets.compare_digest(stored, attempt.stored_hash) else None
