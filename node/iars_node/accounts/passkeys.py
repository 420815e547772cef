"""Passkeys: added to an account, and signing in with them. Each proves a device and its person at once."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from iars_node.accounts import challenges, factor_store, factors, store
from iars_node.accounts.model import LONGEST_LABEL, Passkey, SignInRefused
from iars_node.audit import alarms, record
from iars_node.db import new_id
from iars_node.errors import ConflictError, InvalidError, NotFoundError

if TYPE_CHECKING:
    from iars_node.accounts.model import Account
    from iars_node.work import Work

MOST = 20
REGISTER, ENTER, UNLOCK, PROVE = "register", "sign-in", "unlock", "prove"


@dataclass(frozen=True, slots=True)
class Place:
    """Where passkeys count: the host's name that they are bound to, the origin that pages come from."""

    host: str
    origin: str
    name: str

    @property
    def is_usable(self) -> bool:
        """Whether browsers take passkeys there: they bind them to a name, never to a number."""
        try:
            ip_address(self.host)
        except ValueError:
            return True
        return False


@dataclass(frozen=True, slots=True)
class Asking:
    """What a browser answers to: the place, the secret that its challenge is bound to, the purpose."""

    place: Place
    browser_secret: bytes
    purpose: str

    def __repr__(self) -> str:
        return f"Asking({self.purpose})"


def place_of(public_url: str, port: int, name: str) -> Place:
    """Return where passkeys of a node count: at its public address, or on this machine alone."""
    parts = urlsplit(public_url or f"http://localhost:{port}")
    return Place(parts.hostname or "localhost", f"{parts.scheme}://{parts.netloc}", name)


def options_to_add(work: Work, account: Account, asking: Asking) -> str:
    """Return what a browser needs to make a passkey for an account, as JSON."""
    from iars_node.accounts import authenticators

    known = factor_store.passkeys_of(work.connection, account.id)
    challenge = challenges.new_challenge(work, asking.browser_secret, asking.purpose)
    return authenticators.options_to_add(
        asking.place, account, challenge, [each.credential_id for each in known]
    )


def options_to_enter(work: Work, asking: Asking) -> str:
    """Return what a browser needs to sign in with a passkey, as JSON; the device knows whose it is."""
    from iars_node.accounts import authenticators

    challenge = challenges.new_challenge(work, asking.browser_secret, asking.purpose)
    return authenticators.options_to_enter(asking.place, challenge)


def add(work: Work, account: Account, answer: str, name: str, asking: Asking) -> Passkey:
    """Add the passkey that a browser made."""
    from iars_node.accounts import authenticators

    known = factor_store.passkeys_of(work.connection, account.id)
    if not 0 < len(name.strip()) <= LONGEST_LABEL:
        raise InvalidError("The passkey needs a name.", {"name": "Write a name for the device."})
    if len(known) >= MOST:
        raise InvalidError("There are too many passkeys; remove one first.")
    try:
        challenge = _genuine_challenge(work, authenticators.challenge_named(answer), asking)
        made = authenticators.read_made(answer, asking.place, challenge)
    except authenticators.UnusableAnswerError as error:
        raise _unusable() from error
    is_taken = factor_store.passkey_by_credential(work.connection, made.credential_id) is not None
    if is_taken or not challenges.use_up(work, challenge):
        raise _unusable()
    added = Passkey(
        id=new_id(),
        account_id=account.id,
        credential_id=made.credential_id,
        public_key=made.public_key,
        sign_count=made.sign_count,
        is_backup_eligible=made.is_backup_eligible,
        is_backed_up=made.is_backed_up,
        name=name.strip(),
        created_at=work.now,
    )
    factor_store.insert_passkey(work.connection, added)
    record(work, "account.passkey-added", subject=account.id)
    return added


def remove(work: Work, account: Account, passkey_id: str, *, needs_more: bool = False) -> None:
    """Remove a passkey of an account; the last one stays where nothing else is there that is needed."""
    kept = factor_store.passkeys_of(work.connection, account.id)
    if passkey_id not in {each.id for each in kept}:
        raise NotFoundError("There is no such passkey.")
    is_last_way = len(kept) == 1 and not factors.has_codes(work, account.id)
    if is_last_way and needs_more:
        raise ConflictError("Your roles need a second step; set up one-time codes before you remove this.")
    factor_store.delete_passkey(work.connection, account.id, passkey_id)
    record(work, "account.passkey-removed", subject=account.id)
    if is_last_way:
        # What is on paper stands in for a lost device; of one that is not used any more it would be a trap.
        factor_store.delete_recovery_codes(work.connection, account.id)


def verify(work: Work, answer: str, asking: Asking) -> Account | SignInRefused:
    """Return the account whose passkey a browser has just proved to hold; every refusal is the same."""
    from iars_node.accounts import authenticators

    try:
        challenge = _genuine_challenge(work, authenticators.challenge_named(answer), asking)
        given = authenticators.read_given(answer)
    except (InvalidError, authenticators.UnusableAnswerError):
        return SignInRefused("wrong")
    passkey = factor_store.passkey_by_credential(work.connection, given.credential_id)
    account = None if passkey is None else store.account_by_id(work.connection, passkey.account_id)
    if passkey is None or account is None or account.disabled_at is not None:
        return SignInRefused("wrong")
    if given.user_handle is not None and given.user_handle != bytes.fromhex(account.id):
        return SignInRefused("wrong")
    if not _is_right(work, answer, passkey, challenge, asking.place):
        record(work, "account.sign-in-failed", subject=account.id, detail={"failures": 1})
        return SignInRefused("wrong")
    return account


def _is_right(work: Work, answer: str, passkey: Passkey, challenge: bytes, place: Place) -> bool:
    from iars_node.accounts import authenticators

    try:
        proved = authenticators.verify_given(answer, place, challenge, passkey.public_key)
    except authenticators.UnusableAnswerError:
        return False
    if not challenges.use_up(work, challenge):
        return False
    if factor_store.use_passkey(
        work.connection, passkey.id, proved.sign_count, work.now, is_backed_up=proved.is_backed_up
    ):
        return True
    record(work, "account.passkey-copied", subject=passkey.account_id)
    alarms.raise_alarm(work, "account.passkey-copied", passkey.account_id, {"passkey": passkey.id})
    return False


def _genuine_challenge(work: Work, challenge: bytes, asking: Asking) -> bytes:
    """Return a challenge that an answer names, if it was made for this browser and purpose."""
    if not challenges.is_genuine(work, challenge, asking.browser_secret, asking.purpose):
        raise _unusable()
    return challenge


def _unusable() -> InvalidError:
    return InvalidError("The passkey can't be used; nothing was changed. Try again.")
