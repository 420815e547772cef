"""Statements: the signed entries of a key history, one form for each of the seven kinds (SPEC § 4.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iars_protocol import fields
from iars_protocol.crypto import digest
from iars_protocol.encoding import decode, encode
from iars_protocol.errors import MalformedError, UnsupportedVersionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iars_protocol.crypto import SigningKey

SIGN_PURPOSE = "iars/1/statement"
HOP_PURPOSE = "iars/1/hop-key"
MOST_STATEMENTS = 1_000
MAX_STATEMENT = 8 * 1024

INCEPTION = "inception"
ROOT_ROTATION = "root-rotation"
DELEGATION = "delegation"
REVOCATION = "revocation"
ENCRYPTION_KEY = "encryption-key"
HOP_KEY = "hop-key"
ENDPOINT = "endpoint"

_REQUIRED = {
    INCEPTION: frozenset({"root", "next_root"}),
    ROOT_ROTATION: frozenset({"root", "next_root"}),
    DELEGATION: frozenset({"role", "key"}),
    REVOCATION: frozenset({"key_id", "revoked_at", "suspect_since"}),
    ENCRYPTION_KEY: frozenset({"key", "seal_until", "destroy_after"}),
    HOP_KEY: frozenset({"key", "proof"}),
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


def hop_content(node_id: bytes, key: SigningKey) -> dict[str, Any]:
    """Return the content of a hop key's statement.

    Args:
        node_id: 32 bytes of the node that enrols it.
        key: the hop key, which proves that the node holds it (SPEC § 4.7).

    """
    return {"key": key.public, "proof": key.sign(HOP_PURPOSE, node_id)}


def read_body(statement: Statement) -> dict[str, Any]:
    """Read a statement's body, or raise MalformedError or UnsupportedVersionError."""
    body = fields.versioned(decode(statement.body, MAX_STATEMENT), 1)
    kind = body.get("kind")
    if not isinstance(kind, str) or kind not in _REQUIRED:
        raise UnsupportedVersionError("not a known kind of statement")
    fields.mapping(body, _COMMON | _REQUIRED[kind])
    fields.number(body["position"], "position", 0, MOST_STATEMENTS - 1)
    fields.time(body["created"], "created")
    fields.typed(body["previous"], bytes, "previous")
    return body
