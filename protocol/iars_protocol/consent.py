"""Signed permissions: a grant is its controller's assertion of what a person agreed to (SPEC § 7.2).

The person's own record of the consent stays at the controller.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from iars_protocol import fields
from iars_protocol.crypto import verify
from iars_protocol.encoding import from_text, to_text
from iars_protocol.errors import MalformedError, SignatureError
from iars_protocol.permission_json import GRANT, ONWARD, WITHDRAWAL, read, type_of, write
from iars_protocol.permissions import (
    APPROVALS,
    BASES,
    CLOCK_TOLERANCE,
    Allowed,
    Answer,
    Basis,
    Denied,
    Grant,
    Onward,
    Permission,
    ScopeGrant,
    Withdrawal,
    recipient_hash,
)

if TYPE_CHECKING:
    from iars_protocol.crypto import SigningKey
    from iars_protocol.keys import KeyHistory

__all__ = [
    "APPROVALS", "BASES", "CLOCK_TOLERANCE", "GRANT", "ONWARD", "SIGN_PURPOSE", "WITHDRAWAL", "Allowed",
    "Answer", "Basis", "Denied", "Grant", "Onward", "Permission", "ScopeGrant", "Signed", "Withdrawal",
    "read", "recipient_hash", "sign", "verify_issued", "verify_signed",
]  # fmt: skip

SIGN_PURPOSE = {GRANT: "iars/1/grant", ONWARD: "iars/1/onward", WITHDRAWAL: "iars/1/withdrawal"}


@dataclass(frozen=True)
class Signed:
    """A permission as it travels: the exact bytes that were signed, the key's id and the signature."""

    body: bytes
    key_id: bytes
    signature: bytes

    @cached_property
    def hash(self) -> bytes:
        """What every reference to the object names: SHA-256 of its bytes."""
        return hashlib.sha256(self.body).digest()

    @cached_property
    def content(self) -> Permission:
        """The object itself; its signature is checked by `verify_signed`."""
        return read(self.body)

    def to_plain(self) -> list[bytes]:
        """Return the form inside a message: [body, key id, signature]."""
        return [self.body, self.key_id, self.signature]

    @classmethod
    def from_plain(cls, value: object) -> Signed:
        """Read the form inside a message, or raise MalformedError."""
        if type(value) is not list or len(value) != 3:  # noqa: PLR2004 - the three of `to_plain`
            raise MalformedError("a signed object has three pieces")
        body = fields.typed(value[0], bytes, "body")
        return cls(body, fields.octets(value[1], 32, "key id"), fields.octets(value[2], 64, "signature"))

    def to_line(self) -> str:
        """Return the form for files and columns: three base64 pieces joined by dots."""
        return ".".join(to_text(piece) for piece in self.to_plain())

    @classmethod
    def from_line(cls, line: str) -> Signed:
        """Read the form for files and columns, or raise MalformedError."""
        return cls.from_plain([from_text(piece) for piece in line.split(".")])


def sign(permission: Permission, key: SigningKey) -> Signed:
    """Sign a grant, onward permission or withdrawal under its own purpose (SPEC § 7.2).

    Raises:
        MalformedError: a permission that nobody could read.

    """
    body = write(permission)
    read(body)
    return Signed(body, key.key_id, key.sign(SIGN_PURPOSE[type_of(permission)], body))


def verify_signed(signed: Signed, public: bytes) -> Permission:
    """Verify that a key signed a permission; `verify_issued` also checks whose key it is.

    Raises:
        MalformedError, UnsupportedVersionError: not the form of SPEC § 7.1.
        SignatureError: the key did not sign these bytes as this type.

    """
    permission = signed.content
    verify(public, SIGN_PURPOSE[type_of(permission)], signed.body, signed.signature)
    return permission


def verify_issued(signed: Signed, issuer: KeyHistory, *, at: int) -> Permission:
    """Verify that a permission was signed by the node that it names as its controller.

    Args:
        signed: as it travelled.
        issuer: the verified key history of the node that is believed to be the controller.
        at: seconds since 1970; revocations up to then count.

    Raises:
        MalformedError, UnsupportedVersionError: not the form of SPEC § 7.1.
        UnknownKeyError: the key is not one of the issuer's signing keys.
        SignatureError: another controller, a revoked key, or a signature that does not verify.

    """
    permission = verify_signed(signed, issuer.signing_public(signed.key_id, at=at))
    if permission.controller != issuer.node_id.hex():
        raise SignatureError("the permission names another controller")
    return permission
