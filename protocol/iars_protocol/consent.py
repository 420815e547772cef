"""Grants, withdrawals and onward permissions: what the person agreed to, as signed objects (SPEC § 7).

A grant is its controller's signed assertion of the person's consent. The person's own record of the
consent stays at the controller.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from iars_protocol import fields
from iars_protocol.crypto import SigningKey, verify
from iars_protocol.encoding import decode_json, encode_json, from_text, to_text
from iars_protocol.errors import MalformedError, UnsupportedVersionError
from iars_protocol.vocabulary import ORGANISATION_TYPES, PURPOSES, SCOPES, Step

if TYPE_CHECKING:
    from collections.abc import Callable

GRANT = "grant/1"
ONWARD = "onward/1"
WITHDRAWAL = "withdrawal/1"
SIGN_PURPOSE = {GRANT: "iars/1/grant", ONWARD: "iars/1/onward", WITHDRAWAL: "iars/1/withdrawal"}

BASES = ("consent", "vital-interest", "legal-obligation", "judicial")
APPROVALS = ("approved", "pending")
CLOCK_TOLERANCE = 300


@dataclass(frozen=True, slots=True)
class Allowed:
    """The grant covers it."""


@dataclass(frozen=True, slots=True)
class Denied:
    """The grant does not cover it; `reason` is a stable code."""

    reason: str


Answer: TypeAlias = "Allowed | Denied"


@dataclass(frozen=True, slots=True)
class ScopeGrant:
    """One scope of a grant: when it is disclosed, and which fields are in or out of it."""

    code: str
    step: Step
    at_offer: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()

    def allows(self, field: str, step: Step) -> bool:
        """Say whether a field may leave at a step."""
        if field in self.withheld or (self.only and field not in self.only):
            return False
        return step == "acceptance" or self.step == "offer" or field in self.at_offer


@dataclass(frozen=True, slots=True)
class Basis:
    """Why sharing is allowed: the person's consent, or a recorded exception with its author and approver."""

    kind: str = "consent"
    author: str = ""
    approver: str = ""
    review: int = 0
    approval: Literal["", "approved", "pending"] = ""


@dataclass(frozen=True, slots=True)
class Grant:
    """What one recipient may learn about one subject, for which purposes, and until when.

    `controller` and `recipient` are node ids (hexadecimal); `subject` is a random pseudonym for this pair
    and case; times are seconds since 1970; `retention_days` counts from the end of the service.
    """

    id: str
    controller: str
    recipient: str
    subject: str
    purposes: tuple[str, ...]
    scopes: tuple[ScopeGrant, ...]
    created: int
    not_before: int
    expires: int
    retention_days: int
    notice_language: str
    feedback: tuple[str, ...] = ()
    basis: Basis = Basis()
    onward: str = ""

    def scope(self, code: str) -> ScopeGrant | None:
        """Return the grant of one scope, or None where nothing of it may leave."""
        for scope in self.scopes:
            if scope.code == code:
                return scope
        return None

    def codes(self) -> frozenset[str]:
        """Return the codes of every granted scope."""
        return frozenset(scope.code for scope in self.scopes)

    def permits(self, *, purpose: str, at: int) -> Answer:
        """Answer whether the grant covers a purpose at a moment (SPEC § 7.4, steps 3 and 4)."""
        if purpose not in self.purposes:
            return Denied("purpose-not-granted")
        if at + CLOCK_TOLERANCE < self.not_before:
            return Denied("grant-not-yet-valid")
        if at >= self.expires:
            return Denied("grant-expired")
        return Allowed()


@dataclass(frozen=True, slots=True)
class Onward:
    """The ceilings within which a recipient may refer the person onward; it names no subject."""

    id: str
    controller: str
    scopes: tuple[str, ...]
    purposes: tuple[str, ...]
    created: int
    expires: int
    depth: int = 1
    classes: tuple[str, ...] = ()
    salt: str = ""
    recipients: tuple[str, ...] = ()

    def permits(self, grant: Grant, recipient_class: str, at: int) -> Answer:
        """Answer whether an onward grant lies inside the ceilings (SPEC § 7.6)."""
        if at >= self.expires or grant.expires > self.expires:
            return Denied("onward-expired")
        if not grant.codes() <= frozenset(self.scopes):
            return Denied("onward-scope")
        if not frozenset(grant.purposes) <= frozenset(self.purposes):
            return Denied("onward-purpose")
        if self.names(grant.recipient) or recipient_class in self.classes:
            return Allowed()
        return Denied("onward-recipient")

    def names(self, node_id: str) -> bool:
        """Say whether a node is among the recipients, which are salted hashes."""
        return bool(self.recipients) and recipient_hash(self.salt, node_id) in self.recipients


def recipient_hash(salt: str, node_id: str) -> str:
    """Hash a recipient so that a permission does not list partners in clear (SPEC § 7.6)."""
    return hashlib.sha256(bytes.fromhex(salt) + bytes.fromhex(node_id)).hexdigest()


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """The end of grants or onward permissions; it counts only under their issuer's signature.

    An empty `scopes` withdraws all of them. `by` is `person`, or `other` where anyone else revoked.
    """

    id: str
    controller: str
    created: int
    grants: tuple[str, ...] = ()
    onward: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    by: Literal["person", "other"] = "person"


Permission: TypeAlias = "Grant | Onward | Withdrawal"


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
    """Sign a grant, onward permission or withdrawal under its own purpose (SPEC § 7.2)."""
    body = encode_json(_to_json(permission))
    return Signed(body, key.key_id, key.sign(SIGN_PURPOSE[_TYPES[type(permission)]], body))


def verify_signed(signed: Signed, public: bytes) -> Permission:
    """Verify a signed permission and return it.

    Raises:
        MalformedError: not the form of SPEC § 7.1.
        SignatureError: the key did not sign these bytes as this type.

    """
    permission = signed.content
    verify(public, SIGN_PURPOSE[_TYPES[type(permission)]], signed.body, signed.signature)
    return permission


_TYPES: dict[type[Any], str] = {Grant: GRANT, Onward: ONWARD, Withdrawal: WITHDRAWAL}


def _to_json(permission: Permission) -> dict[str, Any]:
    writers: dict[type[Any], Callable[[Any], dict[str, Any]]] = {
        Grant: _grant_to_json,
        Onward: _onward_to_json,
        Withdrawal: _withdrawal_to_json,
    }
    return {"type": _TYPES[type(permission)], **writers[type(permission)](permission)}


def read(body: bytes) -> Permission:
    """Read a permission's bytes without verifying who signed them.

    Raises:
        MalformedError: not canonical JSON, or not the form of SPEC § 7.1.
        UnsupportedVersionError: another type or version.

    """
    value = decode_json(body)
    kind = value.pop("type", None)
    readers: dict[object, Callable[[dict[str, Any]], Permission]] = {
        GRANT: _grant_from_json,
        ONWARD: _onward_from_json,
        WITHDRAWAL: _withdrawal_from_json,
    }
    reader = readers.get(kind) if isinstance(kind, str) else None
    if reader is None:
        raise UnsupportedVersionError("not a permission of a known version")
    return reader(value)


def _grant_to_json(grant: Grant) -> dict[str, Any]:
    return {
        "id": grant.id,
        "controller": grant.controller,
        "recipient": grant.recipient,
        "subject": grant.subject,
        "purposes": list(grant.purposes),
        "scopes": [_scope_to_json(scope) for scope in grant.scopes],
        "created": grant.created,
        "not_before": grant.not_before,
        "expires": grant.expires,
        "retention_days": grant.retention_days,
        "notice_language": grant.notice_language,
        "feedback": list(grant.feedback),
        "basis": _basis_to_json(grant.basis),
        "onward": grant.onward,
    }


def _scope_to_json(scope: ScopeGrant) -> dict[str, Any]:
    found: dict[str, Any] = {"scope": scope.code, "step": scope.step}
    for name in ("at_offer", "only", "withheld"):
        if listed := getattr(scope, name):
            found[name] = list(listed)
    return found


def _basis_to_json(basis: Basis) -> dict[str, Any]:
    if basis.kind == "consent":
        return {"kind": "consent"}
    return {
        "kind": basis.kind,
        "author": basis.author,
        "approver": basis.approver,
        "review": basis.review,
        "approval": basis.approval,
    }


_GRANT_NAMES = frozenset(Grant.__dataclass_fields__)
_SCOPE_REQUIRED = frozenset({"scope", "step"})
_SCOPE_OPTIONAL = frozenset({"at_offer", "only", "withheld"})


def _grant_from_json(value: dict[str, Any]) -> Grant:
    fields.mapping(value, _GRANT_NAMES)
    entries = fields.typed(value["scopes"], list, "scopes")
    scopes = tuple(_scope_from_json(entry) for entry in entries)
    if not scopes or len({scope.code for scope in scopes}) != len(scopes):
        raise MalformedError("a grant names at least one scope, each once")
    grant = Grant(
        id=fields.hexadecimal(value["id"], 16, "id"),
        controller=fields.hexadecimal(value["controller"], 32, "controller"),
        recipient=fields.hexadecimal(value["recipient"], 32, "recipient"),
        subject=fields.hexadecimal(value["subject"], 16, "subject"),
        purposes=_known(value["purposes"], frozenset(PURPOSES), "purposes"),
        scopes=scopes,
        created=fields.time(value["created"], "created"),
        not_before=fields.time(value["not_before"], "not_before"),
        expires=fields.time(value["expires"], "expires"),
        retention_days=fields.number(value["retention_days"], "retention_days", 0, 36_525),
        notice_language=fields.text(value["notice_language"], "notice_language", 35),
        feedback=_known(value["feedback"], frozenset(SCOPES), "feedback", least=0),
        basis=_basis_from_json(value["basis"]),
        onward=value["onward"] and fields.hexadecimal(value["onward"], 16, "onward"),
    )
    if type(value["onward"]) is not str or grant.not_before >= grant.expires:
        raise MalformedError("the grant's period or onward reference has another form")
    return grant


def _scope_from_json(value: object) -> ScopeGrant:
    entry = fields.mapping(value, _SCOPE_REQUIRED, _SCOPE_OPTIONAL)
    if entry["scope"] not in SCOPES or entry["step"] not in ("offer", "acceptance"):
        raise MalformedError("a scope or step is not known")
    lists = {name: fields.texts(entry[name], name) for name in _SCOPE_OPTIONAL & entry.keys()}
    if any(not listed for listed in lists.values()):
        raise MalformedError("an empty list of fields is left out")
    return ScopeGrant(entry["scope"], entry["step"], **lists)


def _basis_from_json(value: object) -> Basis:
    if value == {"kind": "consent"}:
        return Basis()
    entry = fields.mapping(value, frozenset(Basis.__dataclass_fields__))
    if entry["kind"] not in BASES[1:] or entry["approval"] not in APPROVALS:
        raise MalformedError("the basis has another form")
    approver = entry["approver"]
    if type(approver) is not str or len(approver) > 200 or (entry["approval"] == "approved") != bool(approver):  # noqa: PLR2004
        raise MalformedError("an approved exception names its approver, a pending one none")
    return Basis(
        entry["kind"],
        fields.text(entry["author"], "author"),
        approver,
        fields.time(entry["review"], "review"),
        entry["approval"],
    )


def _known(value: object, known: frozenset[str], name: str, least: int = 1) -> tuple[str, ...]:
    found = fields.texts(value, name)
    if len(found) < least or not frozenset(found) <= known:
        raise MalformedError(f"{name}: empty, or a code is not known")
    return found


def _onward_to_json(onward: Onward) -> dict[str, Any]:
    return {
        "id": onward.id,
        "controller": onward.controller,
        "scopes": list(onward.scopes),
        "purposes": list(onward.purposes),
        "created": onward.created,
        "expires": onward.expires,
        "depth": onward.depth,
        "classes": list(onward.classes),
        "salt": onward.salt,
        "recipients": list(onward.recipients),
    }


def _onward_from_json(value: dict[str, Any]) -> Onward:
    fields.mapping(value, frozenset(Onward.__dataclass_fields__))
    recipients = fields.texts(value["recipients"], "recipients")
    onward = Onward(
        id=fields.hexadecimal(value["id"], 16, "id"),
        controller=fields.hexadecimal(value["controller"], 32, "controller"),
        scopes=_known(value["scopes"], frozenset(SCOPES), "scopes"),
        purposes=_known(value["purposes"], frozenset(PURPOSES), "purposes"),
        created=fields.time(value["created"], "created"),
        expires=fields.time(value["expires"], "expires"),
        # Version 1 has a depth of one: the recipient of an onward referral passes nothing on.
        depth=fields.number(value["depth"], "depth", 1, 1),
        classes=_known(value["classes"], frozenset(ORGANISATION_TYPES), "classes", least=0),
        salt=fields.hexadecimal(value["salt"], 16, "salt"),
        recipients=tuple(fields.hexadecimal(item, 32, "recipients") for item in recipients),
    )
    if not onward.classes and not onward.recipients:
        raise MalformedError("an onward permission names a class or a recipient")
    return onward


def _withdrawal_to_json(withdrawal: Withdrawal) -> dict[str, Any]:
    return {
        "id": withdrawal.id,
        "controller": withdrawal.controller,
        "created": withdrawal.created,
        "grants": list(withdrawal.grants),
        "onward": list(withdrawal.onward),
        "scopes": list(withdrawal.scopes),
        "by": withdrawal.by,
    }


def _withdrawal_from_json(value: dict[str, Any]) -> Withdrawal:
    fields.mapping(value, frozenset(Withdrawal.__dataclass_fields__))
    if value["by"] not in ("person", "other"):
        raise MalformedError("by has another form")
    withdrawal = Withdrawal(
        id=fields.hexadecimal(value["id"], 16, "id"),
        controller=fields.hexadecimal(value["controller"], 32, "controller"),
        created=fields.time(value["created"], "created"),
        grants=_ids(value["grants"], "grants"),
        onward=_ids(value["onward"], "onward"),
        scopes=_known(value["scopes"], frozenset(SCOPES), "scopes", least=0),
        by=value["by"],
    )
    if not withdrawal.grants and not withdrawal.onward:
        raise MalformedError("a withdrawal names a grant or an onward permission")
    return withdrawal


def _ids(value: object, name: str) -> tuple[str, ...]:
    return tuple(fields.hexadecimal(item, 16, name) for item in fields.texts(value, name))
