"""Envelopes: what travels between two nodes, sealed outside and signed inside (SPEC § 5)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from dataclasses import fields as dataclass_fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

from iars_protocol import fields
from iars_protocol.crypto import (
    ENC_BYTES,
    SIGNATURE_BYTES,
    TAG_BYTES,
    EncryptionKey,
    SigningKey,
    digest,
    pad,
    seal,
    unpad,
    verify,
)
from iars_protocol.encoding import decode, encode, in_order
from iars_protocol.errors import (
    ClockError,
    DecryptionError,
    ExpiredError,
    MalformedError,
    SignatureError,
    UnknownKeyError,
    UnsupportedVersionError,
    WrongRecipientError,
)
from iars_protocol.parts import SALT_BYTES, Part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iars_protocol.keys import KeyHistory, SealingKey

VERSION = 1
SUITE = 1
SIGN_PURPOSE = "iars/1/message"
MAX_ENVELOPE = 1024 * 1024
MAX_HEADER = 8 * 1024
MOST_PARTS = 64
CLOCK_TOLERANCE = 300
NO_HASH = b""

_OUTER_PIECES = 6
_OVERHEAD = 3 + 2 * (2 + 32) + (3 + ENC_BYTES) + (5 + TAG_BYTES)


@dataclass(frozen=True)
class Header:
    """The signed head of a message. Ids and hashes: 32 bytes; thread, stream: 16 bytes; times in seconds.

    `previous` is the id of the author's own message before this one in the thread, `seen` the id of the other
    side's newest message that the author had applied in it; both may be empty.
    `grant` is the hash of the grant that covers the content, or empty.
    """

    type: str
    sender: bytes
    recipient: bytes
    signing_key: bytes
    sealing_key: bytes
    thread: bytes
    previous: bytes
    seen: bytes
    stream: bytes
    number: int
    created: int
    expires: int
    grant: bytes
    parts: tuple[bytes, ...]

    def to_bytes(self) -> bytes:
        """Return the exact bytes that are hashed and signed."""
        plain: dict[str, Any] = {name: getattr(self, name) for name in _HEADER_ORDER}
        return encode({"v": VERSION, **plain, "parts": list(self.parts)})


_HEADER_ORDER = in_order(entry.name for entry in dataclass_fields(Header))
_HEADER_NAMES = frozenset({"v", *_HEADER_ORDER})


@dataclass(frozen=True)
class Message:
    """A signed message, verified or not: the header's exact bytes, the signature and the parts."""

    header_bytes: bytes
    signature: bytes
    parts: tuple[Part, ...]

    @cached_property
    def header(self) -> Header:
        """The decoded header."""
        return read_header(self.header_bytes)

    @cached_property
    def id(self) -> bytes:
        """The message's identity: the hash of its header, 32 bytes."""
        return message_id(self.header_bytes)

    def to_bytes(self) -> bytes:
        """Return the inner message: what is padded and sealed."""
        return encode([self.header_bytes, self.signature, [[part.salt, part.content] for part in self.parts]])


def message_id(header_bytes: bytes) -> bytes:
    """Return the identity of the message with these header bytes (SPEC § 5.3)."""
    return digest("iars/1/message-id", header_bytes)


def read_header(header_bytes: bytes) -> Header:
    """Read a header's bytes.

    Raises:
        MalformedError: not the form of SPEC § 5.3.
        UnsupportedVersionError: another version.

    """
    value = fields.mapping(fields.versioned(decode(header_bytes, MAX_HEADER), VERSION), _HEADER_NAMES)
    header = Header(
        type=fields.text(value["type"], "type", 64),
        sender=fields.octets(value["sender"], 32, "sender"),
        recipient=fields.octets(value["recipient"], 32, "recipient"),
        signing_key=fields.octets(value["signing_key"], 32, "signing_key"),
        sealing_key=fields.octets(value["sealing_key"], 32, "sealing_key"),
        thread=fields.octets(value["thread"], 16, "thread"),
        previous=_hash_or_none(value["previous"], "previous"),
        seen=_hash_or_none(value["seen"], "seen"),
        stream=fields.octets(value["stream"], 16, "stream"),
        number=fields.number(value["number"], "number", 1),
        created=fields.time(value["created"], "created"),
        expires=fields.time(value["expires"], "expires"),
        grant=_hash_or_none(value["grant"], "grant"),
        parts=_hashes(value["parts"]),
    )
    if header.created >= header.expires:
        raise MalformedError("the message expires before it was made")
    return header


def _hashes(value: object) -> tuple[bytes, ...]:
    entries = fields.typed(value, list, "parts")
    hashes = tuple(fields.octets(entry, 32, "part hash") for entry in entries)
    if not 0 < len(hashes) <= MOST_PARTS or len(set(hashes)) != len(hashes):
        raise MalformedError("the list of parts has another form")
    return hashes


def _hash_or_none(value: object, name: str) -> bytes:
    return NO_HASH if value == NO_HASH else fields.octets(value, 32, name)


def sign_message(header: Header, parts: Sequence[Part], key: SigningKey) -> Message:
    """Sign a message.

    Args:
        header: its `parts` and `signing_key` are filled in from the arguments that follow.
        parts: in the order that the header will list.
        key: the sender's delegated signing key.

    Returns:
        The message as it will be sealed (SPEC § 5.3).

    Raises:
        MalformedError: a header that no recipient could read.

    """
    complete = replace(header, signing_key=key.key_id, parts=tuple(part.hash for part in parts))
    body = complete.to_bytes()
    signed = Message(body, key.sign(SIGN_PURPOSE, body), tuple(parts))
    # What no recipient could read is not sent. The decoded header stays with the message.
    vars(signed)["header"] = read_header(body)
    return signed


def read_message(inner: bytes) -> Message:
    """Read an inner message without verifying it.

    Raises:
        MalformedError: not the form of SPEC § 5.3.

    """
    value = decode(inner, MAX_ENVELOPE)
    if type(value) is not list or len(value) != 3:  # noqa: PLR2004 - header, signature, parts
        raise MalformedError("an inner message has three pieces")
    header_bytes = fields.typed(value[0], bytes, "header")
    signature = fields.octets(value[1], SIGNATURE_BYTES, "signature")
    entries = fields.typed(value[2], list, "parts")
    if len(entries) > MOST_PARTS:
        raise MalformedError("too many parts")
    return Message(header_bytes, signature, tuple(read_part(entry) for entry in entries))


def read_part(value: object) -> Part:
    """Read [salt, part], or raise MalformedError."""
    if type(value) is not list or len(value) != 2:  # noqa: PLR2004 - salt and content
        raise MalformedError("a part has two pieces")
    return Part(fields.octets(value[0], SALT_BYTES, "salt"), fields.typed(value[1], bytes, "part"))


def verify_message(message: Message, sender: KeyHistory, *, at: int) -> Header:
    """Verify who signed a message and that its parts are the ones that were signed.

    Args:
        message: as read from the sealed bytes.
        sender: the verified key history of the node that the header names.
        at: seconds since 1970; revocations up to then count.

    Returns:
        The verified header.

    Raises:
        SignatureError: another sender, a revoked key, a signature that does not verify, other parts.
        UnknownKeyError: a key that the history does not have.

    """
    header = message.header
    if header.sender != sender.node_id:
        raise SignatureError("the header names another sender")
    public = sender.signing_public(header.signing_key, at=at)
    verify(public, SIGN_PURPOSE, message.header_bytes, message.signature)
    if tuple(part.hash for part in message.parts) != header.parts:
        raise SignatureError("the parts are not the ones that were signed")
    return header


def check_times(header: Header, *, at: int) -> None:
    """Check a message's times against the clock.

    Args:
        header: verified.
        at: seconds since 1970.

    Raises:
        ExpiredError: its time is over.
        ClockError: it was made over 5 minutes in the future: one of the two clocks is wrong (SPEC § 5.5).

    """
    if header.expires <= at:
        raise ExpiredError("the message is past its time")
    if header.created > at + CLOCK_TOLERANCE:
        raise ClockError("the message comes from the future")


@dataclass(frozen=True, slots=True)
class Outer:
    """The outside of an envelope: all that a carrier sees. It names no sender."""

    recipient: bytes
    sealing_key: bytes
    enc: bytes
    ciphertext: bytes

    def to_bytes(self) -> bytes:
        """Return the envelope as it travels."""
        return encode([VERSION, SUITE, self.recipient, self.sealing_key, self.enc, self.ciphertext])

    @property
    def info(self) -> bytes:
        """The bytes that the seal is bound to: the outer header without `enc`."""
        return _info(self.recipient, self.sealing_key)


def _info(recipient: bytes, sealing_key: bytes) -> bytes:
    return encode([VERSION, SUITE, recipient, sealing_key])


def seal_envelope(plaintext: bytes, recipient: bytes, key: SealingKey) -> bytes:
    """Pad and seal an inner message or a receipt for a node.

    Returns:
        The envelope as it travels (SPEC § 5.1).

    Raises:
        MalformedError: the envelope would be longer than 1 MiB: what is long travels as an attachment.
        KeyRefusedError: the key is not sound.

    """
    padded = pad(plaintext)
    if len(padded) > MAX_ENVELOPE - _OVERHEAD:
        raise MalformedError("the envelope would be longer than 1 MiB")
    sealed = seal(key.public, _info(recipient, key.key_id), padded)
    return Outer(recipient, key.key_id, sealed[:ENC_BYTES], sealed[ENC_BYTES:]).to_bytes()


def read_outer(envelope: bytes) -> Outer:
    """Read the outside of an envelope.

    Raises:
        MalformedError: not the form of SPEC § 5.1.
        UnsupportedVersionError: another version or suite.

    """
    value = decode(envelope, MAX_ENVELOPE)
    if type(value) is not list:
        raise MalformedError("an envelope is a list")
    # True equals 1 here and not elsewhere: the types are compared too.
    if value[:2] != [VERSION, SUITE] or {type(entry) for entry in value[:2]} != {int}:
        raise UnsupportedVersionError("not an envelope of a known version and suite")
    if len(value) != _OUTER_PIECES:
        raise MalformedError("an envelope has six pieces")
    ciphertext = fields.typed(value[5], bytes, "ciphertext")
    if len(ciphertext) < TAG_BYTES:
        raise MalformedError("the ciphertext is too short")
    return Outer(
        fields.octets(value[2], 32, "recipient"),
        fields.octets(value[3], 32, "sealing key"),
        fields.octets(value[4], ENC_BYTES, "enc"),
        ciphertext,
    )


def open_envelope(outer: Outer, node_id: bytes, key: EncryptionKey) -> bytes:
    """Open an envelope and take the padding off.

    Raises:
        WrongRecipientError: it names another node.
        UnknownKeyError: it names another key: who asks has to seal anew for the one that is current.
        DecryptionError: it does not open, or is padded wrongly.

    """
    if outer.recipient != node_id:
        raise WrongRecipientError("the envelope names another node")
    if outer.sealing_key != key.key_id:
        raise UnknownKeyError("the envelope names another key")
    padded = key.open(outer.enc + outer.ciphertext, outer.info)
    try:
        return unpad(padded)
    except MalformedError as error:
        raise DecryptionError("does not open") from error


def check_inner(header: Header, outer: Outer) -> None:
    """Check that the signed recipient is the outer one: nobody can seal a message on to another node.

    Raises:
        WrongRecipientError: the signed header names another recipient. The key may differ: the sender
            signs once and seals again when a key has changed (SPEC § 5.4).

    """
    if header.recipient != outer.recipient:
        raise WrongRecipientError("the signed header names another recipient")
