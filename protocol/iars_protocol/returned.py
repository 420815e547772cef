"""Messages with parts left out: before they went, or when they are given back (SPEC § 5.7, § 10.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iars_protocol import fields
from iars_protocol.crypto import SIGNATURE_BYTES, verify
from iars_protocol.encoding import decode, encode
from iars_protocol.envelope import (
    MAX_ENVELOPE,
    SIGN_PURPOSE,
    Header,
    Message,
    read_header,
    read_message,
    read_part,
    verify_message,
)
from iars_protocol.errors import MalformedError, SignatureError

if TYPE_CHECKING:
    from iars_protocol.keys import KeyHistory
    from iars_protocol.parts import Part


@dataclass(frozen=True)
class Returned:
    """A signed message whose author or recipient lost it; None stands for a part that was erased."""

    header_bytes: bytes
    signature: bytes
    parts: tuple[Part | None, ...]

    def to_bytes(self) -> bytes:
        """Return the form that travels: an inner message, with an empty array for each erased part."""
        parts = [[] if part is None else [part.salt, part.content] for part in self.parts]
        return encode([self.header_bytes, self.signature, parts])

    @property
    def left(self) -> Message:
        """The message with the parts that are left."""
        left = tuple(part for part in self.parts if part is not None)
        return Message(self.header_bytes, self.signature, left)


def read_returned(octets: bytes) -> Returned:
    """Read a message that is given back, without verifying it.

    Raises:
        MalformedError: not the form of SPEC § 10.3.
        SignatureError: not as many places as parts were signed.

    """
    pieces = fields.typed(decode(octets, MAX_ENVELOPE), list, "returned")
    if len(pieces) != 3:  # noqa: PLR2004 - header, signature, parts
        raise MalformedError("an inner message has three pieces")
    header_bytes = fields.typed(pieces[0], bytes, "header")
    signature = fields.octets(pieces[1], SIGNATURE_BYTES, "signature")
    entries = fields.typed(pieces[2], list, "parts")
    parts = tuple(None if entry == [] else read_part(entry) for entry in entries)
    if len(parts) != len(read_header(header_bytes).parts):
        raise SignatureError("not as many parts as were signed")
    return Returned(header_bytes, signature, parts)


def verify_inner(inner: bytes, author: KeyHistory, *, at: int) -> Message:
    """Verify an inner message from which its author may have taken parts before it left (SPEC § 5.7).

    Args:
        inner: what was sealed.
        author: the verified key history of the node that is believed to be the author.
        at: seconds since 1970; revocations up to then count.

    Returns:
        The message with the parts that are there. Its first part may be missing.

    Raises:
        MalformedError: not the form of SPEC § 5.3.
        SignatureError, UnknownKeyError: as in `verify_message`.

    """
    try:
        whole = read_message(inner)
    except MalformedError:
        cut = read_returned(inner)
        verify_returned(cut, author, at=at)
        return cut.left
    verify_message(whole, author, at=at)
    return whole


def verify_returned(returned: Returned, author: KeyHistory, *, at: int) -> Header:
    """Verify who signed a message that is given back, and that what is left of it was signed.

    Args:
        returned: as read.
        author: the verified key history of the node that the header names as its sender.
        at: seconds since 1970; revocations up to then count.

    Returns:
        The verified header.

    Raises:
        SignatureError: another author, a revoked key, a signature that does not verify, another part.
        UnknownKeyError: a key that the history does not have.

    """
    header = read_header(returned.header_bytes)
    if header.sender != author.node_id:
        raise SignatureError("the header names another sender")
    public = author.signing_public(header.signing_key, at=at)
    verify(public, SIGN_PURPOSE, returned.header_bytes, returned.signature)
    for part, signed in zip(returned.parts, header.parts, strict=True):
        if part is not None and part.hash != signed:
            raise SignatureError("a part is not the one that was signed")
    return header
