"""What browsers and their authenticators say about passkeys, read and checked by the library.

Only `passkeys` imports this, and only when a passkey is asked for: the library and what it stands on take
five megabytes, which most processes never need.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iars_node.accounts.model import Account
    from iars_node.accounts.passkeys import Place

LONGEST_ANSWER = 20_000

# What the library lets through of its own and its parsers' errors, where an answer is no answer at all.
_BROKEN = (WebAuthnException, ValueError, TypeError, KeyError, AttributeError, IndexError, struct.error)
_REQUIRED = UserVerificationRequirement.REQUIRED


class UnusableAnswerError(Exception):
    """What a browser answered is no answer of an authenticator, or a wrong one."""


@dataclass(frozen=True, slots=True)
class Made:
    """A passkey that a browser has just made."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    is_backup_eligible: bool
    is_backed_up: bool


@dataclass(frozen=True, slots=True)
class Given:
    """Which passkey an answer is of, and the handle of whom it says that it is."""

    credential_id: bytes
    user_handle: bytes | None


@dataclass(frozen=True, slots=True)
class Proved:
    """What a right answer says about its passkey now."""

    sign_count: int
    is_backed_up: bool


def options_to_add(place: Place, account: Account, challenge: bytes, known: Sequence[bytes]) -> str:
    """Return what a browser needs to make a passkey for an account, as JSON."""
    options = generate_registration_options(
        rp_id=place.host,
        rp_name=place.name,
        user_name=account.name,
        # Never the name: the handle lies in the device and on its maker's servers.
        user_id=bytes.fromhex(account.id),
        user_display_name=account.name,
        challenge=challenge,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=_REQUIRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(each) for each in known],
    )
    return options_to_json(options)


def options_to_enter(place: Place, challenge: bytes) -> str:
    """Return what a browser needs to sign in with a passkey, as JSON; the device knows whose it is."""
    options = generate_authentication_options(
        rp_id=place.host, challenge=challenge, user_verification=_REQUIRED
    )
    return options_to_json(options)


def read_made(answer: str, place: Place, challenge: bytes) -> Made:
    """Return the passkey that a browser made for a challenge."""
    try:
        made = verify_registration_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=place.host,
            expected_origin=place.origin,
            require_user_verification=True,
        )
    except _BROKEN as error:
        raise UnusableAnswerError from error
    return Made(
        credential_id=made.credential_id,
        public_key=made.credential_public_key,
        sign_count=made.sign_count,
        is_backup_eligible=made.credential_device_type is CredentialDeviceType.MULTI_DEVICE,
        is_backed_up=made.credential_backed_up,
    )


def read_given(answer: str) -> Given:
    """Return which passkey an answer is of; nothing is verified by this."""
    try:
        given = parse_authentication_credential_json(answer)
    except _BROKEN as error:
        raise UnusableAnswerError from error
    return Given(given.raw_id, given.response.user_handle)


def verify_given(answer: str, place: Place, challenge: bytes, public_key: bytes) -> Proved:
    """Verify an answer to a challenge with a passkey's public key."""
    try:
        # The counter is looked at afterwards: only a right signature may raise the alarm of a copy.
        proved = verify_authentication_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=place.host,
            expected_origin=place.origin,
            credential_public_key=public_key,
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except _BROKEN as error:
        raise UnusableAnswerError from error
    return Proved(proved.new_sign_count, proved.credential_backed_up)


def challenge_named(answer: str) -> bytes:
    """Return the challenge that an answer names."""
    if len(answer) > LONGEST_ANSWER:
        raise UnusableAnswerError
    try:
        content = json.loads(base64url_to_bytes(json.loads(answer)["response"]["clientDataJSON"]))
        return base64url_to_bytes(content["challenge"])
    except (*_BROKEN, RecursionError) as error:
        raise UnusableAnswerError from error
