"""Receipts: a node's signed answer to one message (SPEC § 8)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

from iars_protocol import fields
from iars_protocol.crypto import SIGNATURE_BYTES, SigningKey, verify
from iars_protocol.encoding import decode, encode, in_order
from iars_protocol.errors import MalformedError, SignatureError

if TYPE_CHECKING:
    from iars_protocol.keys import KeyHistory

SIGN_PURPOSE = "iars/1/receipt"
VERSION = 1
MAX_RECEIPT = 4 * 1024

Outcome = Literal["applied", "refused", "waiting"]

APPLIED: Outcome = "applied"
REFUSED: Outcome = "refused"
WAITING: Outcome = "waiting"
OK = "ok"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a message at its recipient. It binds only its issuer.

    `applied` and `refused` are final and stored; `waiting` asks for an earlier message first and says in
    `missing` which stream number, 0 where it can't. `code` says why, `leaf` is the audit event's leaf hash,
    `at` is in seconds.
    """

    message: bytes
    issuer: bytes
    outcome: Outcome
    code: str
    leaf: bytes
    at: int
    missing: int = 0

    def to_plain(self) -> dict[str, Any]:
        """Return the map whose encoding is signed."""
        return {"v": VERSION, **{name: getattr(self, name) for name in _NAMES}}

    def to_bytes(self) -> bytes:
        """Return the exact bytes that are signed."""
        return encode(self.to_plain())


_NAMES = in_order(Receipt.__dataclass_fields__)
_REQUIRED = frozenset({"v", *_NAMES})


@dataclass(frozen=True)
class SignedReceipt:
    """A receipt's exact bytes with the issuer's signature: evidence that both sides keep."""

    body: bytes
    key_id: bytes
    signature: bytes

    def to_bytes(self) -> bytes:
        """Return the form that is sealed, or stored."""
        return encode([self.body, self.key_id, self.signature])

    @cached_property
    def receipt(self) -> Receipt:
        """The decoded receipt; `verify_receipt` checks who signed it."""
        return _from_plain(decode(self.body, MAX_RECEIPT))


def sign_receipt(receipt: Receipt, key: SigningKey) -> SignedReceipt:
    """Sign a receipt (SPEC § 8.1), or raise MalformedError where nobody could read it."""
    plain = receipt.to_plain()
    # What no recipient could read raises here.
    _from_plain(plain)
    body = encode(plain)
    return SignedReceipt(body, key.key_id, key.sign(SIGN_PURPOSE, body))


def read_signed_receipt(octets: bytes) -> SignedReceipt:
    """Read the form that was sealed.

    Raises:
        MalformedError: not the form of SPEC § 8.1.

    """
    value = decode(octets, MAX_RECEIPT)
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


def _from_plain(plain: object) -> Receipt:
    value = fields.mapping(fields.versioned(plain, VERSION), _REQUIRED)
    if value["outcome"] not in get_args(Outcome):
        raise MalformedError("the outcome is not known")
    if value["outcome"] != WAITING and value["missing"] != 0:
        raise MalformedError("only a receipt that waits names a missing number")
    if (value["outcome"] == APPLIED) != (value["code"] == OK):
        # Whoever goes by the outcome and whoever goes by the code must not come apart.
        raise MalformedError("a receipt is ok exactly when its message was applied")
    return Receipt(
        message=fields.octets(value["message"], 32, "message"),
        issuer=fields.octets(value["issuer"], 32, "issuer"),
        outcome=value["outcome"],
        code=fields.code(value["code"], "code"),
        leaf=fields.octets(value["leaf"], 32, "leaf"),
        at=fields.time(value["at"], "at"),
        missing=fields.number(value["missing"], "missing"),
    )
