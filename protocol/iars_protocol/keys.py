"""Key histories: a node's identity as an append-only, hash-linked, self-certifying list (SPEC § 4).

The organisation's root key stays offline. It signs inception, its own rotation, the delegation of the
signing and log keys, and revocation; the delegated signing key signs everything of every day.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from iars_protocol import fields
from iars_protocol.crypto import (
    ED25519,
    MLKEM768_X25519,
    check_encryption_public,
    check_signing_public,
    digest,
    key_id,
    verify,
)
from iars_protocol.errors import ForkError, KeyRefusedError, MalformedError, SignatureError, UnknownKeyError
from iars_protocol.statements import (
    DELEGATION,
    ENCRYPTION_KEY,
    ENDPOINT,
    HOP_KEY,
    HOP_PURPOSE,
    INCEPTION,
    MOST_STATEMENTS,
    REVOCATION,
    ROOT_ROTATION,
    SIGN_PURPOSE,
    Statement,
    hop_content,
    read_body,
    state,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "ANY_TIME", "DELEGATION", "ENCRYPTION_KEY", "ENDPOINT", "HOLD_SECONDS", "HOP_KEY", "INCEPTION",
    "MOST_STATEMENTS", "REVOCATION", "ROOT_ROTATION", "SEAL_SECONDS", "SIGN_PURPOSE", "KeyHistory",
    "Revocation", "SealingKey", "Statement", "commitment", "extend", "fingerprint", "hop_content", "merge",
    "node_id_of", "read_history", "state",
]  # fmt: skip

ANY_TIME = -1
"""The time of a look-up by which no revocation counts, not even one stated for the beginning of 1970: proofs
outlive keys, and their maker must not be able to take them back."""

SEAL_SECONDS = 30 * 86_400
HOLD_SECONDS = 45 * 86_400
MOST_ENDPOINTS = 8

# The characters of RFC 3986 without userinfo, query and fragment: a page that shows it shows where it leads.
_ENDPOINT = re.compile(
    r"https?://(?:[A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)*"
    r"|mailbox:[!-~]{1,190}"
)

_ROOT_SIGNS = frozenset({DELEGATION, REVOCATION})


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
            UnknownKeyError: every key is past its `seal_until` or revoked; a revocation counts as stated.

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


def read_history(statements: Iterable[Statement]) -> KeyHistory:
    """Verify a whole key history.

    Raises:
        MalformedError, UnsupportedVersionError, SignatureError, KeyRefusedError, UnknownKeyError: as
            SPEC § 4.4 says.

    """
    entries = tuple(statements)
    if not entries:
        raise MalformedError("a key history is never empty")
    return extend(_begin(entries[0]), entries[1:])


def extend(history: KeyHistory, statements: Iterable[Statement]) -> KeyHistory:
    """Add statements behind a verified history.

    Raises:
        MalformedError, UnsupportedVersionError, SignatureError, KeyRefusedError, UnknownKeyError: as
            SPEC § 4.4 says.

    """
    for statement in statements:
        body = read_body(statement)
        if body["position"] != len(history.statements) or body["previous"] != history.head:
            raise MalformedError("the statement does not continue the history")
        history = replace(
            _apply(history, body, statement),
            statements=(*history.statements, statement),
            created=body["created"],
        )
    return history


def merge(history: KeyHistory, statements: Sequence[Statement]) -> KeyHistory:
    """Accept another copy of a known history: what both have must be the same, and what is new is added.

    Raises:
        ForkError: the copies differ at a position that both have, and the node's own keys signed both. The
            first one seen stays.
        SignatureError: another node's history, or a difference that the node did not sign: whoever hands a
            copy on must not be able to make a fork of it.
        MalformedError, UnsupportedVersionError, KeyRefusedError, UnknownKeyError: as SPEC § 4.4 says.

    """
    if not statements:
        raise MalformedError("a key history is never empty")
    for position, (known, offered) in enumerate(zip(history.statements, statements, strict=False)):
        if known != offered:
            if position == 0:
                raise SignatureError("another node's history")
            extend(read_history(history.statements[:position]), [offered])
            raise ForkError("two statements claim one position")
    return extend(history, statements[len(history.statements) :])


def _begin(statement: Statement) -> KeyHistory:
    body = read_body(statement)
    if body["kind"] != INCEPTION or body["position"] != 0 or body["previous"] != b"":
        raise MalformedError("a key history begins with its inception")
    root = check_signing_public(fields.typed(body["root"], bytes, "root"))
    verify(root, SIGN_PURPOSE, statement.body, statement.signature)
    next_root = _next_root(body, root)
    return KeyHistory(
        node_id=node_id_of(statement.body),
        statements=(statement,),
        root=root,
        next_root=next_root,
        signing={},
        log={},
        hop={},
        encryption={},
        revoked={},
        endpoints=(),
        created=body["created"],
        used=frozenset({root}),
    )


def _next_root(body: dict[str, Any], root: bytes) -> bytes:
    committed = fields.octets(body["next_root"], 32, "next_root")
    if committed == commitment(root):
        raise KeyRefusedError("a root key commits to another one as the next")
    return committed


def _apply(history: KeyHistory, body: dict[str, Any], statement: Statement) -> KeyHistory:
    kind = body["kind"]
    if kind == INCEPTION:
        raise MalformedError("a key history begins once")
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
    used = _enrol(history, check_signing_public(root), is_root=True)
    # The new key signs: a thief of the old root can't rotate, and a lost old root does not strand.
    verify(root, SIGN_PURPOSE, statement.body, statement.signature)
    return replace(history, root=root, next_root=_next_root(body, root), used=used)


def _enrol(history: KeyHistory, public: bytes, *, is_root: bool = False) -> frozenset[bytes]:
    if public in history.used or (not is_root and commitment(public) == history.next_root):
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
    entry = Revocation(
        fields.time(body["revoked_at"], "revoked_at"), fields.time(body["suspect_since"], "suspect")
    )
    if entry.suspect_since > entry.revoked_at:
        raise MalformedError("suspect_since lies after revoked_at")
    earlier = history.revoked.get(revoked, entry)
    if entry.revoked_at > earlier.revoked_at or entry.suspect_since > earlier.suspect_since:
        raise MalformedError("a revocation is never weakened")
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
    # A public key is for everybody to copy: whoever enrolled another node's would have its requests taken for
    # its own, and refused.
    verify(public, HOP_PURPOSE, history.node_id, fields.octets(body["proof"], 64, "proof"))
    return replace(history, hop={**history.hop, key_id(ED25519, public): public}, used=used)


def _set_endpoints(history: KeyHistory, body: dict[str, Any]) -> KeyHistory:
    urls = fields.texts(body["urls"], "urls", MOST_ENDPOINTS)
    return replace(history, endpoints=tuple(fields.matching(url, _ENDPOINT, "endpoint") for url in urls))


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
