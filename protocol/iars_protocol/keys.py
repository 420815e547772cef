"""Key histories: a node's identity as an append-only, hash-linked, self-certifying list (SPEC § 4).

The organisation's root key stays offline. It signs inception, its own rotation, the delegation of the
signing and log keys, and revocation; the delegated signing key signs everything of every day.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from iars_protocol import fields
from iars_protocol.crypto import (
    ED25519,
    MLKEM768_X25519,
    SigningKey,
    check_encryption_public,
    check_signing_public,
    digest,
    key_id,
    verify,
)
from iars_protocol.encoding import decode, encode
from iars_protocol.errors import (
    ForkError,
    KeyRefusedError,
    MalformedError,
    SignatureError,
    UnknownKeyError,
    UnsupportedVersionError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SIGN_PURPOSE = "iars/1/statement"
SEAL_SECONDS = 30 * 86_400
HOLD_SECONDS = 45 * 86_400
MOST_STATEMENTS = 10_000
MOST_ENDPOINTS = 8

INCEPTION = "inception"
ROOT_ROTATION = "root-rotation"
DELEGATION = "delegation"
REVOCATION = "revocation"
ENCRYPTION_KEY = "encryption-key"
HOP_KEY = "hop-key"
ENDPOINT = "endpoint"

_ROOT_SIGNS = frozenset({INCEPTION, ROOT_ROTATION, DELEGATION, REVOCATION})

_REQUIRED = {
    INCEPTION: frozenset({"root", "next_root"}),
    ROOT_ROTATION: frozenset({"root", "next_root"}),
    DELEGATION: frozenset({"role", "key"}),
    REVOCATION: frozenset({"key_id", "revoked_at", "suspect_since"}),
    ENCRYPTION_KEY: frozenset({"key", "seal_until", "destroy_after"}),
    HOP_KEY: frozenset({"key"}),
    ENDPOINT: frozenset({"urls"}),
}
_COMMON = frozenset({"v", "kind", "position", "previous", "created"})


@dataclass(frozen=True)
class Statement:
    """One signed entry of a key history: the exact bytes and their signature."""

    body: bytes
    signature: bytes

    @property
    def hash(self) -> bytes:
        """What the next statement's `previous` names."""
        return digest("iars/1/statement-hash", self.body, self.signature)

    def to_plain(self) -> list[bytes]:
        """Return the form inside other objects: [body, signature]."""
        return [self.body, self.signature]

    @classmethod
    def from_plain(cls, value: object) -> Statement:
        """Read the form inside other objects, or raise MalformedError."""
        if type(value) is not list or len(value) != 2:  # noqa: PLR2004 - the two of `to_plain`
            raise MalformedError("a statement has two pieces")
        return cls(fields.typed(value[0], bytes, "body"), fields.octets(value[1], 64, "signature"))


@dataclass(frozen=True, slots=True)
class SealingKey:
    """A public encryption key and how long others may seal for it."""

    key_id: bytes
    public: bytes
    seal_until: int
    destroy_after: int


@dataclass(frozen=True, slots=True)
class Revocation:
    """When a key was revoked, and since when its signatures are suspect."""

    revoked_at: int
    suspect_since: int


@dataclass(frozen=True)
class KeyHistory:
    """A verified key history: everything in it follows from its first statement.

    `signing`, `hop` and `log` map key ids to public keys ever delegated; the newest is the last.
    """

    node_id: bytes
    statements: tuple[Statement, ...]
    root: bytes
    next_root: bytes
    signing: dict[bytes, bytes]
    log: dict[bytes, bytes]
    hop: dict[bytes, bytes]
    encryption: dict[bytes, SealingKey]
    revoked: dict[bytes, Revocation]
    endpoints: tuple[str, ...]
    created: int
    used: frozenset[bytes]

    @property
    def head(self) -> bytes:
        """The hash of the newest statement."""
        return self.statements[-1].hash

    def signing_public(self, wanted: bytes, *, at: int) -> bytes:
        """Return the public signing key with an id.

        Raises:
            UnknownKeyError: never delegated as a signing key.
            SignatureError: revoked at or before `at` (live traffic obeys on arrival).

        """
        return self._living(self.signing, wanted, at)

    def hop_public(self, wanted: bytes, *, at: int) -> bytes:
        """Return the public hop key with an id; errors as in `signing_public`."""
        return self._living(self.hop, wanted, at)

    def _living(self, keys: dict[bytes, bytes], wanted: bytes, at: int) -> bytes:
        public = keys.get(wanted)
        if public is None:
            raise UnknownKeyError("the key is not in the history")
        revocation = self.revoked.get(wanted)
        if revocation is not None and revocation.revoked_at <= at:
            raise SignatureError("the key is revoked")
        return public

    def sealing_key(self, *, at: int) -> SealingKey:
        """Return the newest encryption key that may still be sealed for.

        Raises:
            UnknownKeyError: every key is past its `seal_until` or revoked.

        """
        for key in reversed(self.encryption.values()):
            if at < key.seal_until and key.key_id not in self.revoked:
                return key
        raise UnknownKeyError("no encryption key may be sealed for at this time")


def commitment(public: bytes) -> bytes:
    """Commit to the next root key without showing it (SPEC § 4.3)."""
    return digest("iars/1/next-root", bytes([ED25519]), public)


def node_id_of(inception: bytes) -> bytes:
    """Return the node id: the hash of the inception statement's body (SPEC § 4.2)."""
    return digest("iars/1/node-id", inception)


def state(
    kind: str, content: dict[str, Any], *, key: SigningKey, previous: Sequence[Statement], created: int
) -> Statement:
    """Make the next statement of a key history.

    Args:
        kind: one of the seven kinds.
        content: the kind's own names.
        key: the root key, or the delegated signing key, as the kind requires.
        previous: the statements so far.
        created: seconds since 1970.

    Returns:
        The signed statement; `extend` checks it as a stranger would (SPEC § 4.1).

    """
    body = encode(
        {
            "v": 1,
            "kind": kind,
            "position": len(previous),
            "previous": previous[-1].hash if previous else b"",
            "created": created,
            **content,
        }
    )
    return Statement(body, key.sign(SIGN_PURPOSE, body))


def read_history(statements: Iterable[Statement]) -> KeyHistory:
    """Verify a whole key history.

    Raises:
        MalformedError, UnsupportedVersionError, SignatureError, KeyRefusedError: as SPEC § 4.4 says.

    """
    entries = tuple(statements)
    if not entries:
        raise MalformedError("a key history is never empty")
    return extend(_begin(entries[0]), entries[1:])


def extend(history: KeyHistory, statements: Iterable[Statement]) -> KeyHistory:
    """Add statements behind a verified history.

    Raises:
        ForkError: a statement claims a position that another one holds.
        MalformedError, UnsupportedVersionError, SignatureError, KeyRefusedError: as SPEC § 4.4 says.

    """
    for statement in statements:
        body = _read(statement)
        if body["position"] >= MOST_STATEMENTS:
            raise MalformedError("a key history has at most 10,000 statements")
        if body["position"] != len(history.statements) or body["previous"] != history.head:
            raise MalformedError("the statement does not continue the history")
        history = replace(
            _apply(history, body, statement),
            statements=(*history.statements, statement),
            created=body["created"],
        )
    return history


def merge(history: KeyHistory, statements: Sequence[Statement]) -> KeyHistory:
    """Accept a newer copy of a known history: what is known must stand unchanged in front.

    Raises:
        ForkError: the copies differ at a position that both have. The first one seen stays.

    """
    for known, offered in zip(history.statements, statements, strict=False):
        if known != offered:
            raise ForkError("two statements claim one position")
    return extend(history, statements[len(history.statements) :])


def _read(statement: Statement) -> dict[str, Any]:
    body = decode(statement.body)
    if not isinstance(body, dict) or body.get("v") != 1:
        raise UnsupportedVersionError("not a statement of a known version")
    kind = body.get("kind")
    if not isinstance(kind, str) or kind not in _REQUIRED:
        raise UnsupportedVersionError("not a known kind of statement")
    fields.mapping(body, _COMMON | _REQUIRED[kind])
    fields.number(body["position"], "position", 0, MOST_STATEMENTS)
    fields.time(body["created"], "created")
    fields.typed(body["previous"], bytes, "previous")
    return body


def _begin(statement: Statement) -> KeyHistory:
    body = _read(statement)
    if body["kind"] != INCEPTION or body["position"] != 0 or body["previous"] != b"":
        raise MalformedError("a key history begins with its inception")
    root = check_signing_public(fields.typed(body["root"], bytes, "root"))
    verify(root, SIGN_PURPOSE, statement.body, statement.signature)
    return KeyHistory(
        node_id=node_id_of(statement.body),
        statements=(statement,),
        root=root,
        next_root=fields.octets(body["next_root"], 32, "next_root"),
        signing={},
        log={},
        hop={},
        encryption={},
        revoked={},
        endpoints=(),
        created=body["created"],
        used=frozenset({root}),
    )


def _apply(history: KeyHistory, body: dict[str, Any], statement: Statement) -> KeyHistory:
    kind = body["kind"]
    if body["created"] < history.created:
        raise MalformedError("a statement is older than the one before it")
    if kind == ROOT_ROTATION:
        return _rotate_root(history, body, statement)
    if kind in _ROOT_SIGNS:
        verify(history.root, SIGN_PURPOSE, statement.body, statement.signature)
    else:
        _verify_by_signing_key(history, statement)
    return _APPLY[kind](history, body)


def _verify_by_signing_key(history: KeyHistory, statement: Statement) -> None:
    # The newest delegated key that is not revoked speaks for the node; an older one does not.
    living = [public for found, public in history.signing.items() if found not in history.revoked]
    if not living:
        raise SignatureError("no signing key is delegated")
    verify(living[-1], SIGN_PURPOSE, statement.body, statement.signature)


def _rotate_root(history: KeyHistory, body: dict[str, Any], statement: Statement) -> KeyHistory:
    root = fields.typed(body["root"], bytes, "root")
    if commitment(root) != history.next_root:
        raise KeyRefusedError("not the root key that was committed to")
    used = _enrol(history, check_signing_public(root))
    # The new key signs: a thief of the old root can't rotate, and a lost old root does not strand.
    verify(root, SIGN_PURPOSE, statement.body, statement.signature)
    return replace(history, root=root, next_root=fields.octets(body["next_root"], 32, "next_root"), used=used)


def _enrol(history: KeyHistory, public: bytes) -> frozenset[bytes]:
    if public in history.used:
        raise KeyRefusedError("a key has one role, once")
    return history.used | {public}


def _delegate(history: KeyHistory, body: dict[str, Any]) -> KeyHistory:
    public = check_signing_public(fields.typed(body["key"], bytes, "key"))
    used = _enrol(history, public)
    added = {key_id(ED25519, public): public}
    if body["role"] == "signing":
        return replace(history, signing={**history.signing, **added}, used=used)
    if body["role"] == "log":
        return replace(history, log={**history.log, **added}, used=used)
    raise MalformedError("only the roles signing and log are delegated")


def _revoke(history: KeyHistory, body: dict[str, Any]) -> KeyHistory:
    revoked = fields.octets(body["key_id"], 32, "key_id")
    if revoked not in {**history.signing, **history.log, **history.hop, **history.encryption}:
        raise UnknownKeyError("a revocation names a key that the history does not have")
    entry = Revocation(fields.time(body["revoked_at"], "revoked_at"), fields.time(body["suspect_since"], "suspect"))
    if entry.suspect_since > entry.revoked_at:
        raise MalformedError("suspect_since lies after revoked_at")
    return replace(history, revoked={**history.revoked, revoked: entry})


def _add_encryption_key(history: KeyHistory, body: dict[str, Any]) -> KeyHistory:
    public = check_encryption_public(fields.typed(body["key"], bytes, "key"))
    seal_until = fields.time(body["seal_until"], "seal_until")
    destroy_after = fields.time(body["destroy_after"], "destroy_after")
    if not body["created"] < seal_until <= destroy_after:
        raise MalformedError("the key's times are out of order")
    key = SealingKey(key_id(MLKEM768_X25519, public), public, seal_until, destroy_after)
    used = _enrol(history, public)
    return replace(history, encryption={**history.encryption, key.key_id: key}, used=used)


def _add_hop_key(history: KeyHistory, body: dict[str, Any]) -> KeyHistory:
    public = check_signing_public(fields.typed(body["key"], bytes, "key"))
    used = _enrol(history, public)
    return replace(history, hop={**history.hop, key_id(ED25519, public): public}, used=used)


def _set_endpoints(history: KeyHistory, body: dict[str, Any]) -> KeyHistory:
    urls = fields.texts(body["urls"], "urls", MOST_ENDPOINTS)
    if not all(url.startswith(("https://", "http://", "mailbox:")) for url in urls):
        raise MalformedError("an endpoint has another form")
    return replace(history, endpoints=urls)


_APPLY = {
    DELEGATION: _delegate,
    REVOCATION: _revoke,
    ENCRYPTION_KEY: _add_encryption_key,
    HOP_KEY: _add_hop_key,
    ENDPOINT: _set_endpoints,
}


def fingerprint(node_id: bytes) -> str:
    """Write a node id as digits that two people read to each other.

    Returns:
        Ten groups of five digits, about 166 bits (SPEC § 4.6).

    """
    expanded = hashlib.shake_256(b"iars/1/fingerprint" + node_id).digest(80)
    groups = (int.from_bytes(expanded[start : start + 8], "big") % 100_000 for start in range(0, 80, 8))
    return " ".join(f"{group:05d}" for group in groups)
