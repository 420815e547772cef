"""The second factor by codes: one-time codes of an app, and recovery codes on paper."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyotp

from iars_node.accounts import factor_store
from iars_node.accounts.model import new_code, plain_code
from iars_node.audit import record
from iars_node.errors import InvalidError
from iars_node.vault.vault import context

if TYPE_CHECKING:
    from iars_node.accounts.model import Account
    from iars_node.work import Work

RECOVERY_CODES = 10
DIGITS = 6
# A phone's clock may be one step off; two would double what a guess can hit.
_STEPS = (0, -1, 1)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """The secret that an app is to take over, as text and as the address in a QR code."""

    secret: str
    address: str

    def __repr__(self) -> str:
        return "Enrolment()"


def has_codes(work: Work, account_id: str) -> bool:
    """Say whether an account signs in with one-time codes."""
    return factor_store.authenticator_of(work.connection, account_id).sealed is not None


def asks_more(work: Work, account_id: str) -> bool:
    """Say whether a password alone does not let an account in: it has codes of an app, or on paper."""
    if has_codes(work, account_id):
        return True
    return factor_store.count_recovery_codes(work.connection, account_id) > 0


def begin_enrolment(work: Work, account: Account, issuer: str) -> Enrolment:
    """Return the secret that waits to be confirmed; make one where there is none."""
    waiting = factor_store.authenticator_of(work.connection, account.id).waiting
    if waiting is not None:
        # The same as before: going back a page must not make worthless what was typed into the app.
        secret = work.vault.open_own(waiting, _place(account.id)).decode()
    else:
        secret = pyotp.random_base32()
        sealed = work.vault.seal_own(secret.encode(), _place(account.id))
        factor_store.set_waiting(work.connection, account.id, sealed)
    return Enrolment(secret, pyotp.TOTP(secret).provisioning_uri(name=account.name, issuer_name=issuer))


def confirm_enrolment(work: Work, account: Account, code: str) -> list[str]:
    """Let the app's codes count from now on, after one was right; return fresh recovery codes."""
    waiting = factor_store.authenticator_of(work.connection, account.id).waiting
    step = _step_of(work, account.id, waiting, plain_code(code))
    if step is None:
        raise InvalidError("The code is not right.", {"code": "This is not the code that the app shows now."})
    factor_store.confirm_waiting(work.connection, account.id, work.now, step)
    record(work, "account.codes-set", subject=account.id)
    return renew_recovery_codes(work, account)


def renew_recovery_codes(work: Work, account: Account) -> list[str]:
    """Return fresh recovery codes; those before are worth nothing from now on."""
    codes = [new_code() for _ in range(RECOVERY_CODES)]
    digests = [work.vault.blind("recovery_code", plain_code(code)) for code in codes]
    factor_store.set_recovery_codes(work.connection, account.id, digests)
    record(work, "account.recovery-codes-set", subject=account.id)
    return codes


def use_code(work: Work, account: Account, typed: str) -> bool:
    """Use up a one-time code or a recovery code; say whether it was right."""
    plain = plain_code(typed)
    if len(plain) <= DIGITS:
        return _is_fresh(work, account.id, plain)
    digest = work.vault.blind("recovery_code", plain)
    if not factor_store.use_recovery_code(work.connection, account.id, digest):
        return False
    left = factor_store.count_recovery_codes(work.connection, account.id)
    record(work, "account.recovery-code-used", subject=account.id, detail={"left": left})
    return True


def remove_codes(work: Work, account_id: str) -> None:
    """Take one-time and recovery codes from an account."""
    factor_store.delete_authenticator(work.connection, account_id)
    factor_store.delete_recovery_codes(work.connection, account_id)
    record(work, "account.codes-removed", subject=account_id)


def may_have_recovery_codes(work: Work, account_id: str) -> bool:
    """Say whether an account has what recovery codes stand in for: an app, or a passkey."""
    return has_codes(work, account_id) or bool(factor_store.passkeys_of(work.connection, account_id))


def _is_fresh(work: Work, account_id: str, code: str) -> bool:
    sealed = factor_store.authenticator_of(work.connection, account_id).sealed
    step = _step_of(work, account_id, sealed, code)
    # Who looks over a shoulder has seen a code that was used: neither it nor an older one counts again.
    return step is not None and factor_store.use_step(work.connection, account_id, step)


def _step_of(work: Work, account_id: str, sealed: bytes | None, code: str) -> int | None:
    if sealed is None or not code.isascii():
        return None
    totp = pyotp.TOTP(work.vault.open_own(sealed, _place(account_id)).decode())
    now = totp.timecode(work.now)
    right = [now + step for step in _STEPS if secrets.compare_digest(totp.generate_otp(now + step), code)]
    return right[0] if right else None


def _place(account_id: str) -> bytes:
    return context("authenticator", "sealed", account_id)
