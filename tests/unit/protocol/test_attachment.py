from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from nacl import bindings

from iars_protocol import attachment
from iars_protocol.attachment import PREFIX, Seal
from iars_protocol.errors import DecryptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

KEY = bytes(range(32))
MESSAGE = bindings.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
FINAL = bindings.crypto_secretstream_xchacha20poly1305_TAG_FINAL
REKEY = bindings.crypto_secretstream_xchacha20poly1305_TAG_REKEY


def stream(*chunks: tuple[bytes, int]) -> bytes:
    """Seal chunks with whatever marks, as only the sender could."""
    state = bindings.crypto_secretstream_xchacha20poly1305_state()
    front = bindings.crypto_secretstream_xchacha20poly1305_init_push(state, KEY)
    sealed = [
        bindings.crypto_secretstream_xchacha20poly1305_push(state, chunk, PREFIX, tag)
        for chunk, tag in chunks
    ]
    return PREFIX + front + b"".join(sealed)


def seal_of(octets: bytes, length: int) -> Seal:
    return Seal(KEY, length, len(octets), hashlib.sha256(octets).digest())


@pytest.mark.parametrize(
    "chunks",
    [
        [(bytes(1024), MESSAGE)],
        [(bytes(1024), REKEY)],
        [(bytes(65_536), REKEY), (bytes(1024), FINAL)],
        [(bytes(65_536), MESSAGE)],
        [(bytes(1024), FINAL), (bytes(1024), FINAL)],
        [(bytes(1088), FINAL)],
        [(bytes(1023), FINAL)],
        [(bytes(1023) + b"\x01", FINAL)],
    ],
)
def test_chunks_of_another_form_do_not_open_though_the_key_is_right(
    chunks: Sequence[tuple[bytes, int]],
) -> None:
    octets = stream(*chunks)
    with pytest.raises(DecryptionError):
        attachment.verify_stream([octets], seal_of(octets, 1000))


def test_a_rest_shorter_than_a_tag_does_not_open() -> None:
    octets = stream((bytes(1024), FINAL))
    for rest in (octets[:-1025], octets + b"\x00"):
        with pytest.raises(DecryptionError):
            attachment.verify_stream([rest], seal_of(rest, 1000))
    attachment.verify_stream([octets], seal_of(octets, 1000))
