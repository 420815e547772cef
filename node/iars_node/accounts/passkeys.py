"""Passkeys: added to an account, and signing in with them. Each proves a device and its person at once."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes, parse_authentication_credential_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from iars_node.accounts import challenges, factor_store, factors, store
from iars_node.accounts.model import LONGEST_LABEL, Passkey, SignInRefused
from iars_node.audit import alarms, record
from iars_node.db import new_id
from iars_node.errors import ConflictError, InvalidError, NotFoundError

if TYPE_CHECKING:
    from webauthn.helpers.structs import AuthenticationCredential

    from iars_node.accounts.model import Account
    from iars_node.work import Work

MOST = 20
LONGEST_ANSWER = 20_000
REGISTER, ENTER, UNLOCK, PROVE = "register", "sign-in", "unlock", "prove"

# What the library lets through of its own and its parsers' errors, where an answer is no answer at all.
_BROKEN = (WebAuthnException, ValueError, TypeError, KeyError, AttributeError, IndexError, struct.error)
_REQUIRED = UserVerificationRequirement.REQUIRED


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
    known = factor_store.passkeys_of(work.connection, account.id)
    options = generate_registration_options(
        rp_id=asking.place.host,
        rp_name=asking.place.name,
        user_name=account.name,
        # Never the name: the handle lies in the device and on its maker's servers.
        user_id=bytes.fromhex(account.id),
        user_display_name=account.name,
        challenge=challenges.new_challenge(work, asking.browser_secret, asking.purpose),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=_REQUIRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(each.credential_id) for each in known],
    )
    return options_to_json(options)


def options_to_enter(work: Work, asking: Asking) -> str:
    """Return what a browser needs to sign in with a passkey, as JSON; the device knows whose it is."""
    options = generate_authentication_options(
        rp_id=asking.place.host,
        challenge=challenges.new_challenge(work, asking.browser_secret, asking.purpose),
        user_verification=_REQUIRED,
    )
    return options_to_json(options)


def add(work: Work, account: Account, answer: str, name: str, asking: Asking) -> Passkey:
    """Add the passkey that a browser made."""
    known = factor_store.passkeys_of(work.connection, account.id)
    if not 0 < len(name.strip()) <= LONGEST_LABEL:
        raise InvalidError("The passkey needs a name.", {"name": "Write a name for the device."})
    if len(known) >= MOST:
        raise InvalidError("There are too many passkeys; remove one first.")
    challenge = _genuine_challenge(work, answer, asking)
    try:
        made = verify_registration_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=asking.place.host,
            expected_origin=asking.place.origin,
            require_user_verification=True,
        )
    except _BROKEN as error:
        raise _unusable() from error
    is_taken = factor_store.passkey_by_credential(work.connection, made.credential_id) is not None
    if is_taken or not challenges.use_up(work, challenge):
        raise _unusable()
    added = Passkey(
        id=new_id(),
        account_id=account.id,
        credential_id=made.credential_id,
        public_key=made.credential_public_key,
        sign_count=made.sign_count,
        is_backup_eligible=made.credential_device_type is CredentialDeviceType.MULTI_DEVICE,
        is_backed_up=made.credential_backed_up,
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
    try:
        challenge = _genuine_challenge(work, answer, asking)
        given = parse_authentication_credential_json(answer)
    except (InvalidError, *_BROKEN):
        return SignInRefused("wrong")
    passkey = factor_store.passkey_by_credential(work.connection, given.raw_id)
    account = None if passkey is None else store.account_by_id(work.connection, passkey.account_id)
    if passkey is None or account is None or account.disabled_at is not None:
        return SignInRefused("wrong")
    handle = given.response.user_handle
    if handle is not None and handle != bytes.fromhex(account.id):
        return SignInRefused("wrong")
    if not _is_right(work, given, passkey, challenge, asking.place):
        record(work, "account.sign-in-failed", subject=account.id, detail={"failures": 1})
        return SignInRefused("wrong")
    return account


def _is_right(
    work: Work, given: AuthenticationCredential, passkey: Passkey, challenge: bytes, place: Place
) -> bool:
    try:
        # The counter is looked at afterwards: only a right signature may raise the alarm of a copy.
        proved = verify_authentication_response(
            credential=given,
            expected_challenge=challenge,
            expected_rp_id=place.host,
            expected_origin=place.origin,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except _BROKEN:
        return False
    if not challenges.use_up(work, challenge):
        return False
    if factor_store.use_passkey(
        work.connection, passkey.id, proved.new_sign_count, work.now, is_backed_up=proved.credential_backed_up
    ):
        return True
    record(work, "account.passkey-copied", subject=passkey.account_id)
    alarms.raise_alarm(work, "account.passkey-copied", passkey.account_id, {"passkey": passkey.id})
    return False


def _genuine_challenge(work: Work, answer: str, asking: Asking) -> bytes:
    """Return the challenge that an answer names, if it was made for this browser and purpose."""
    if len(answer) > LONGEST_ANSWER:
        raise _unusable()
    try:
        content = json.loads(base64url_to_bytes(json.loads(answer)["response"]["clientDataJSON"]))
        challenge = base64url_to_bytes(content["challenge"])
    except (*_BROKEN, RecursionError) as error:
        raise _unusable() from error
    if not challenges.is_genuine(work, challenge, asking.browser_secret, asking.purpose):
        raise _unusable()
    return challenge


def _unusable() -> InvalidError:
    return InvalidError("The passkey can't be used; nothing was changed. Try again.")
