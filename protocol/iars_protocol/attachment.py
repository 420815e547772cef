"""Attachments: a file as a stream of sealed chunks that hides its length (SPEC § 13).

The bytes at rest are the bytes on the wire: prefix ‖ header ‖ chunks. The key, the true length and the
hash of these bytes travel apart, inside the part of the attachment's scope.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nacl import bindings
from nacl.exceptions import CryptoError

from iars_protocol.crypto import padded_length
from iars_protocol.errors import DecryptionError, MalformedError, UnsupportedVersionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAGIC = b"IARSATT"
PREFIX = MAGIC + b"\x01"
KEY_BYTES = bindings.crypto_secretstream_xchacha20poly1305_KEYBYTES
HEADER_BYTES = bindings.crypto_secretstream_xchacha20poly1305_HEADERBYTES
TAG_BYTES = bindings.crypto_secretstream_xchacha20poly1305_ABYTES
CHUNK_BYTES = 65_536
SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES
FRONT_BYTES = len(PREFIX) + HEADER_BYTES

_MESSAGE = bindings.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
_FINAL = bindings.crypto_secretstream_xchacha20poly1305_TAG_FINAL
_ZEROS = bytes(CHUNK_BYTES)


@dataclass(frozen=True, slots=True)
class Seal:
    """What opens an attachment and proves its bytes: to be kept and sent only under its scope's key."""

    key: bytes = field(repr=False)
    length: int = field(repr=False)
    size: int
    digest: bytes


def new_key() -> bytes:
    """Draw a fresh attachment key, 32 bytes; a key seals one attachment only."""
    return secrets.token_bytes(KEY_BYTES)


def sealed_length(length: int) -> int:
    """Return how many bytes an attachment of the given length takes when sealed (SPEC § 13.1)."""
    padded = padded_length(length)
    return FRONT_BYTES + padded + -(-padded // CHUNK_BYTES) * TAG_BYTES


class Sealer:
    """Seals one attachment, piece by piece, in memory of one chunk.

    Feed plaintext of any size to `update`, then take `finish`; join everything that comes out.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._state = bindings.crypto_secretstream_xchacha20poly1305_state()
        self._front = PREFIX + bindings.crypto_secretstream_xchacha20poly1305_init_push(self._state, key)
        self._held = bytearray()
        self._hash = hashlib.sha256()
        self.length = 0
        self.size = 0

    def update(self, plaintext: bytes) -> bytes:
        """Take plaintext in and return the sealed bytes that are ready."""
        self.length += len(plaintext)
        self._held += plaintext
        return self._emit(self._full_chunks())

    def finish(self) -> Iterator[bytes]:
        """Pad to the bucket, mark the last chunk, and yield the remaining sealed bytes."""
        missing = padded_length(self.length) - self.length
        while missing > 0:
            self._held += _ZEROS[: min(missing, CHUNK_BYTES)]
            missing -= CHUNK_BYTES
            yield self._emit(self._full_chunks())
        yield self._emit([self._push(bytes(self._held), _FINAL)])

    def seal(self) -> Seal:
        """Return what opens the attachment, once `finish` is exhausted."""
        return Seal(self._key, self.length, self.size, self._hash.digest())

    def _full_chunks(self) -> list[bytes]:
        # The newest chunk is held back even when it is full: it may turn out to be the last.
        ready: list[bytes] = []
        while len(self._held) > CHUNK_BYTES:
            ready.append(self._push(bytes(self._held[:CHUNK_BYTES]), _MESSAGE))
            del self._held[:CHUNK_BYTES]
        return ready

    def _push(self, chunk: bytes, tag: int) -> bytes:
        return bindings.crypto_secretstream_xchacha20poly1305_push(self._state, chunk, PREFIX, tag)

    def _emit(self, chunks: list[bytes]) -> bytes:
        sealed = b"".join((self._front, *chunks))
        self._front = b""
        self._hash.update(sealed)
        self.size += len(sealed)
        return sealed


def seal_stream(plaintext: Iterable[bytes], sealer: Sealer) -> Iterator[bytes]:
    """Seal a stream of plaintext pieces; `sealer.seal()` is complete when the stream ends."""
    for piece in plaintext:
        if sealed := sealer.update(piece):
            yield sealed
    yield from sealer.finish()


def open_stream(sealed: Iterable[bytes], seal: Seal) -> Iterator[bytes]:
    """Open a stream of sealed pieces of any size.

    Every piece that comes out is authentic, but only the end proves that nothing was cut off: run
    `verify_stream` over the whole before anyone sees the first piece.

    Args:
        sealed: the attachment's bytes, in order, in pieces of any size.
        seal: key and true length.

    Yields:
        The plaintext without its padding, at most 65,536 bytes at a time.

    Raises:
        UnsupportedVersionError: the prefix names another version.
        MalformedError: the prefix is not an attachment's.
        DecryptionError: a changed, missing, moved or added byte, or another length (SPEC § 13.2).

    """
    pieces = _chunks(sealed)
    state = _begin(next(pieces, b""), seal.key)
    left, padding, is_final = seal.length, padded_length(seal.length) - seal.length, False
    for chunk in pieces:
        if is_final:
            raise DecryptionError("bytes after the last chunk")
        opened, is_final = _pull(state, chunk)
        text = opened[:left]
        fill = len(opened) - len(text)
        left -= len(text)
        padding -= fill
        if padding < 0 or opened[len(text) :] != _ZEROS[:fill]:
            raise DecryptionError("another length than was sealed")
        if text:
            yield text
    if not is_final or left or padding:
        raise DecryptionError("the attachment is cut off")


def verify_stream(sealed: Iterable[bytes], seal: Seal) -> None:
    """Verify the whole of an attachment, its hash included, without keeping anything of it.

    Raises:
        MalformedError, UnsupportedVersionError, DecryptionError: as `open_stream`; also when the bytes
            are not those that the hash names.

    """
    seen = hashlib.sha256()

    def hashed() -> Iterator[bytes]:
        for piece in sealed:
            seen.update(piece)
            yield piece

    for _ in open_stream(hashed(), seal):
        pass
    if seen.digest() != seal.digest:
        raise DecryptionError("other bytes than the hash names")


def _begin(front: bytes, key: bytes) -> bindings.crypto_secretstream_xchacha20poly1305_state:
    if len(front) != FRONT_BYTES or not front.startswith(MAGIC):
        raise MalformedError("not an attachment")
    if not front.startswith(PREFIX):
        raise UnsupportedVersionError("an attachment of another version")
    state = bindings.crypto_secretstream_xchacha20poly1305_state()
    bindings.crypto_secretstream_xchacha20poly1305_init_pull(state, front[len(PREFIX) :], key)
    return state


def _pull(state: bindings.crypto_secretstream_xchacha20poly1305_state, chunk: bytes) -> tuple[bytes, bool]:
    if len(chunk) < TAG_BYTES:
        raise DecryptionError("the attachment is cut off")
    try:
        opened, tag = bindings.crypto_secretstream_xchacha20poly1305_pull(state, chunk, PREFIX)
    except CryptoError as error:
        raise DecryptionError("a chunk does not open") from error
    if tag not in (_MESSAGE, _FINAL) or (tag == _MESSAGE and len(opened) != CHUNK_BYTES):
        raise DecryptionError("a chunk of another form")
    return opened, tag == _FINAL


def _chunks(sealed: Iterable[bytes]) -> Iterator[bytes]:
    held, wanted = bytearray(), FRONT_BYTES
    for piece in sealed:
        held += piece
        while len(held) >= wanted:
            yield bytes(held[:wanted])
            del held[:wanted]
            wanted = SEALED_CHUNK_BYTES
    if held:
        yield bytes(held)
