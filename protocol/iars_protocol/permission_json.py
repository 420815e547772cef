"""The canonical JSON form of grants, onward permissions and withdrawals (SPEC § 7.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iars_protocol import fields
from iars_protocol.encoding import decode_json, encode_json
from iars_protocol.errors import MalformedError, UnsupportedVersionError
from iars_protocol.permissions import APPROVALS, BASES, Basis, Grant, Onward, ScopeGrant, Withdrawal
from iars_protocol.vocabulary import ORGANISATION_TYPES, PURPOSES, SCOPES

if TYPE_CHECKING:
    from collections.abc import Callable

    from iars_protocol.permissions import Permission

GRANT = "grant/1"
ONWARD = "onward/1"
WITHDRAWAL = "withdrawal/1"

_TYPES: dict[type[Any], str] = {Grant: GRANT, Onward: ONWARD, Withdrawal: WITHDRAWAL}


def type_of(permission: Permission) -> str:
    """Return the versioned name of a permission's type."""
    return _TYPES[type(permission)]


def write(permission: Permission) -> bytes:
    """Write a permission as canonical JSON."""
    writers: dict[type[Any], Callable[[Any], dict[str, Any]]] = {
        Grant: _grant_to_json,
        Onward: _onward_to_json,
        Withdrawal: _withdrawal_to_json,
    }
    return encode_json({"type": type_of(permission), **writers[type(permission)](permission)})


def read(body: bytes) -> Permission:
    """Read a permission's bytes without verifying who signed them.

    Raises:
        MalformedError: not canonical JSON, or not the form of SPEC § 7.1.
        UnsupportedVersionError: another type or version.

    """
    value = decode_json(body)
    kind = value.pop("type", None)
    reader = _READERS.get(kind) if isinstance(kind, str) else None
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
        notice_language=fields.matching(value["notice_language"], fields.LANGUAGE, "notice_language"),
        feedback=_known(value["feedback"], frozenset(SCOPES), "feedback", least=0),
        basis=_basis_from_json(value["basis"]),
        onward=_id_or_none(value["onward"]),
    )
    if grant.not_before >= grant.expires:
        raise MalformedError("the grant ends before it begins")
    return grant


def _id_or_none(value: object) -> str:
    return "" if value == "" else fields.hexadecimal(value, 16, "onward")


def _scope_from_json(value: object) -> ScopeGrant:
    entry = fields.mapping(value, _SCOPE_REQUIRED, _SCOPE_OPTIONAL)
    code = fields.known(entry["scope"], SCOPES, "scope")
    if entry["step"] not in ("offer", "acceptance"):
        raise MalformedError("a step is not known")
    lists = {name: fields.texts(entry[name], name) for name in _SCOPE_OPTIONAL & entry.keys()}
    if any(not listed for listed in lists.values()):
        raise MalformedError("an empty list of fields is left out")
    return ScopeGrant(code, entry["step"], **lists)


def _basis_from_json(value: object) -> Basis:
    if value == {"kind": "consent"}:
        return Basis()
    entry = fields.mapping(value, frozenset(Basis.__dataclass_fields__))
    if entry["kind"] not in BASES[1:] or entry["approval"] not in APPROVALS:
        raise MalformedError("the basis has another form")
    approver = entry["approver"]
    # An approved exception names its approver, a pending one nobody.
    if approver != "" or entry["approval"] == "approved":
        fields.text(approver, "approver")
    if (entry["approval"] == "approved") != bool(approver):
        raise MalformedError("the approver does not fit the approval")
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
        "holder": onward.holder,
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
        holder=fields.hexadecimal(value["holder"], 32, "holder"),
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
        "purposes": list(withdrawal.purposes),
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
        purposes=_known(value["purposes"], frozenset(PURPOSES), "purposes", least=0),
        by=value["by"],
    )
    if not withdrawal.grants and not withdrawal.onward:
        raise MalformedError("a withdrawal names a grant or an onward permission")
    return withdrawal


def _ids(value: object, name: str) -> tuple[str, ...]:
    return tuple(fields.hexadecimal(item, 16, name) for item in fields.texts(value, name))


_READERS: dict[str, Callable[[dict[str, Any]], Permission]] = {
    GRANT: _grant_from_json,
    ONWARD: _onward_from_json,
    WITHDRAWAL: _withdrawal_from_json,
}
