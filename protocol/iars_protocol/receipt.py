"""Receipts: a node's signed answer to one message (SPEC § 8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from iars_protocol import fields
from iars_protocol.crypto import SIGNATURE_BYTES, SigningKey, verify
from iars_protocol.encoding import decode, encode
from iars_protocol.errors import MalformedError, SignatureError, UnsupportedVersionError

if TYPE_CHECKING:
    from iars_protocol.keys import KeyHistory

SIGN_PURPOSE = "iars/1/receipt"
VERSION = 1

Outcome = Literal["applied", "refused", "waiting"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a message at its recipient. It binds only its issuer.

    `applied` and `refused` are final and stored; `waiting` asks for an earlier message first and says in
    `missing` which stream number. `code` says why, `leaf` is the audit event's leaf hash, `at` is in seconds.
    """

    message: bytes
    issuer: bytes
    outcome: Outcome
    code: str
    leaf: bytes
    at: int
    missing: int = 0

    def to_bytes(self) -> bytes:
        """Return the exact bytes that are signed."""
        return encode({"v": VERSION, **{name: getattr(self, name) for name in _NAMES}})


_NAMES = tuple(Receipt.__dataclass_fields__)


@dataclass(frozen=True)
class SignedReceipt:
    """A receipt's exact bytes with the issuer's signature: evidence that both sides keep."""

    body: bytes
    key_id: bytes
    signature: bytes

    def to_bytes(self) -> bytes:
        """Return the form that is sealed, or stored."""
        return encode([self.body, self.key_id, self.signature])

    @property
    def receipt(self) -> Receipt:
        """The decoded receipt; `verify_receipt` checks who signed it."""
        return _read(self.body)


def sign_receipt(receipt: Receipt, key: SigningKey) -> SignedReceipt:
    """Sign a receipt (SPEC § 8.1)."""
    body = receipt.to_bytes()
    return SignedReceipt(body, key.key_id, key.sign(SIGN_PURPOSE, body))


def read_signed_receipt(octets: bytes) -> SignedReceipt:
    """Read the form that was sealed.

    Raises:
        MalformedError: not the form of SPEC § 8.1.

    """
    value = decode(octets)
    if type(value) is not list or len(value) != 3:  # noqa: PLR2004 - body, key id, signature
        raise MalformedError("a signed receipt has three pieces")
    return SignedReceipt(
        fields.typed(value[0], bytes, "receipt"),
        fields.octets(value[1], 32, "key id"),
        fields.octets(value[2], SIGNATURE_BYTES, "signature"),
    )


def verify_receipt(signed: SignedReceipt, issuer: KeyHistory, *, message: bytes, at: int) -> Receipt:
    """Verify a receipt for one message.

    Raises:
        SignatureError: another issuer or message, a revoked key, or a signature that does not verify.

    """
    receipt = signed.receipt
    if receipt.issuer != issuer.node_id or receipt.message != message:
        raise SignatureError("the receipt is another node's, or for another message")
    verify(issuer.signing_public(signed.key_id, at=at), SIGN_PURPOSE, signed.body, signed.signature)
    return receipt


def _read(body: bytes) -> Receipt:
    value: Any = decode(body)
    if not isinstance(value, dict) or value.get("v") != VERSION:
        raise UnsupportedVersionError("not a receipt of a known version")
    fields.mapping(value, frozenset(_NAMES) | {"v"})
    if value["outcome"] not in get_args(Outcome):
        raise MalformedError("the outcome is not known")
    return Receipt(
        message=fields.octets(value["message"], 32, "message"),
        issuer=fields.octets(value["issuer"], 32, "issuer"),
        outcome=value["outcome"],
        code=fields.text(value["code"], "code", 64),
        leaf=fields.octets(value["leaf"], 32, "leaf"),
        at=fields.time(value["at"], "at"),
        missing=fields.number(value["missing"], "missing"),
    )
