"""The way in for the first time, and after a reset: a one-time code from an administrator."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node.accounts import credential_store, factor_store, sessions, sign_in, step_store, store
from iars_node.accounts.access import require
from iars_node.accounts.model import NextStep, SignInRefused, new_code, password_faults, plain_code
from iars_node.accounts.service import find_account
from iars_node.audit import record
from iars_node.errors import InvalidError
from iars_node.vault import passwords

if TYPE_CHECKING:
    from iars_node.accounts.model import Account, Browser, Step
    from iars_node.work import Work

CODE_LIFE = timedelta(days=3)


def issue_code(work: Work, account_id: str) -> str:
    """Give an account a one-time code to begin with; one given before is worth nothing from now on."""
    require(work.actor, "account.manage")
    account = find_account(work, account_id)
    code = new_code()
    digest = work.vault.blind("entry_code", f"{account.id}:{plain_code(code)}")
    until = work.now + CODE_LIFE
    step_store.set_entry_code(work.connection, account.id, digest, work.actor.id, until)
    record(work, "account.code-issued", subject=account.id)
    return code


def reset(work: Work, account_id: str) -> str:
    """Take everything that an account signs in by, end its sessions, and give it a one-time code."""
    require(work.actor, "account.manage")
    account = find_account(work, account_id)
    store.update_account(work.connection, account.id, password_hash=passwords.nobodys_hash())
    factor_store.delete_authenticator(work.connection, account.id)
    factor_store.delete_recovery_codes(work.connection, account.id)
    taken = factor_store.delete_passkeys(work.connection, account.id)
    ended = sessions.end_everything(work, account.id)
    record(work, "account.reset", subject=account.id, detail={"sessions": ended, "passkeys": taken})
    return issue_code(work, account.id)


def enter(work: Work, name: str, code: str, browser: Browser) -> NextStep | SignInRefused:
    """Begin with a one-time code; it counts until the password is set.

    Unknown name and wrong or expired code give the same answer after the same work.
    """
    attempt = sign_in.begin(work, name, browser)
    if isinstance(attempt, SignInRefused):
        return attempt
    kept = step_store.entry_code_of(work.connection, attempt.account_id)
    digest = work.vault.blind("entry_code", f"{attempt.account_id}:{plain_code(code)}")
    expected, until = kept or (bytes(len(digest)), work.now)
    if not secrets.compare_digest(digest, expected) or work.now >= until:
        return sign_in.refuse(work, attempt)
    credential_store.forget_failures(work.connection, attempt.name_key)
    if attempt.address_key:
        credential_store.take_back_failure(work.connection, attempt.address_key)
    return sign_in.next_step(work, attempt.account_id, sign_in.WELCOME)


def choose_password(work: Work, step: Step, account: Account, password: str, repeated: str) -> None:
    """Set the first password: the one-time code is used up, and a second factor comes next."""
    faults = password_faults(password, account.name, work.breached)
    if not faults and password != repeated:
        faults = {"repeated": "This differs from the password above."}
    if faults:
        raise InvalidError("The password can't be used like this.", faults)
    store.update_account(work.connection, account.id, password_hash=passwords.hash_password(password))
    step_store.delete_entry_code(work.connection, account.id)
    ended = sessions.end_everything(work, account.id, keep_step=step.id)
    step_store.move_step(work.connection, step.id, sign_in.ENROL)
    record(work, "account.password-set", subject=account.id, detail={"sessions": ended})
