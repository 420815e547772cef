"""Parts: the salted pieces of a message; one can be erased and the rest still proved (SPEC § 5.2)."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

from iars_protocol import fields
from iars_protocol.attachment import sealed_length
from iars_protocol.crypto import digest
from iars_protocol.encoding import decode, encode
from iars_protocol.errors import MalformedError

SALT_BYTES = 32
MOST_TEXTS = 50
MOST_ATTACHMENTS = 50
LONGEST_TEXT = 20_000
MAX_ATTACHMENT = 4 * 1024**3

# A file's name ends up in headers and on disks: it names no folder, not even by dots, and breaks no line.
_FILE_NAME = re.compile(r"(?!\.{1,2}\Z)[^/\\\x00-\x1f\x7f\ud800-\udfff]{1,255}")
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}")

Kind: TypeAlias = Literal["body", "grant", "onward", "scope"]

BODY: Kind = "body"
GRANT: Kind = "grant"
ONWARD: Kind = "onward"
SCOPE: Kind = "scope"


@dataclass(frozen=True)
class Part:
    """A piece of a message and its salt. Both die with the key of the scope that they belong to.

    `repr` shows neither.
    """

    salt: bytes
    content: bytes

    def __repr__(self) -> str:
        return f"Part({self.hash.hex()[:16]})"

    @cached_property
    def hash(self) -> bytes:
        """What the signed header lists, 32 bytes: without the salt nobody can guess the content from it."""
        return digest("iars/1/part", self.salt, self.content)

    @cached_property
    def plain(self) -> dict[str, Any]:
        """The decoded content: a map with a `part` that names its kind."""
        return fields.typed(decode(self.content), dict, "part")


def part(kind: Kind, content: dict[str, Any]) -> Part:
    """Make a part with a fresh salt."""
    return Part(secrets.token_bytes(SALT_BYTES), encode({"part": kind, **content}))


@dataclass(frozen=True, slots=True)
class AttachmentPart:
    """An attachment's name, type, length and key; its bytes travel apart, as ciphertext.

    `size` is the plaintext's length in bytes; `sealed_size` and `sealed_hash` (SHA-256) are the ciphertext's.
    """

    id: str
    name: str
    media_type: str
    size: int
    key: bytes
    sealed_size: int
    sealed_hash: bytes


@dataclass(frozen=True, slots=True)
class ScopePart:
    """What one scope discloses: fields, sentences that touch it, attachments."""

    scope: str
    fields: dict[str, Any]
    texts: tuple[str, ...] = ()
    attachments: tuple[AttachmentPart, ...] = ()

    def to_part(self) -> Part:
        """Return it as a salted part."""
        return part(
            SCOPE,
            {
                "scope": self.scope,
                "fields": self.fields,
                "texts": list(self.texts),
                "attachments": [_attachment_to_plain(entry) for entry in self.attachments],
            },
        )


_ATTACHMENT_NAMES = frozenset(AttachmentPart.__dataclass_fields__)


def _attachment_to_plain(entry: AttachmentPart) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in sorted(_ATTACHMENT_NAMES)}


def read_scope_part(plain: dict[str, Any]) -> ScopePart:
    """Read a part of kind `scope`.

    Raises:
        MalformedError: not the form of SPEC § 5.2.

    """
    fields.mapping(plain, frozenset({"part", "scope", "fields", "texts", "attachments"}))
    texts = fields.typed(plain["texts"], list, "texts")
    attachments = fields.typed(plain["attachments"], list, "attachments")
    if len(texts) > MOST_TEXTS or len(attachments) > MOST_ATTACHMENTS:
        raise MalformedError("too many texts or attachments")
    found = ScopePart(
        scope=fields.code(plain["scope"], "scope"),
        fields=fields.typed(plain["fields"], dict, "fields"),
        texts=tuple(fields.text(entry, "text", LONGEST_TEXT) for entry in texts),
        attachments=tuple(_attachment(entry) for entry in attachments),
    )
    if len({entry.id for entry in found.attachments}) != len(found.attachments):
        raise MalformedError("two attachments have one id")
    return found


def _attachment(value: object) -> AttachmentPart:
    entry = fields.mapping(value, _ATTACHMENT_NAMES)
    size = fields.number(entry["size"], "size", 0, MAX_ATTACHMENT)
    if fields.typed(entry["sealed_size"], int, "sealed size") != sealed_length(size):
        raise MalformedError("the sealed size is not that of the size")
    return AttachmentPart(
        id=fields.hexadecimal(entry["id"], 16, "attachment id"),
        name=fields.matching(entry["name"], _FILE_NAME, "attachment name"),
        media_type=fields.matching(entry["media_type"], _MEDIA_TYPE, "media type"),
        size=size,
        key=fields.octets(entry["key"], 32, "attachment key"),
        sealed_size=sealed_length(size),
        sealed_hash=fields.octets(entry["sealed_hash"], 32, "sealed hash"),
    )
