"""The vault's cryptography: authenticated encryption, derived keys, and keys from a passphrase.

Every nonce is 24 random bytes: with XChaCha20 a key may seal any number of contents without a counter,
so processes that share a key need not agree on anything.
"""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass

import nacl.exceptions
import nacl.pwhash.argon2id
from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt as _decrypt,
)
from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_encrypt as _encrypt,
)
from nacl.utils import random as random_bytes

from iars_node.vault.errors import DamagedError

KEY_BYTES = 32
SALT_BYTES = 16
BLIND_BYTES = 16

_NONCE_BYTES = 24
_TAG_BYTES = 16
_FORMAT = b"\x01"
_SMALLEST = len(_FORMAT) + _NONCE_BYTES + _TAG_BYTES


@dataclass(frozen=True, slots=True)
class Cost:
    """What a passphrase guess costs with Argon2id. The default suits a small machine."""

    passes: int = 3
    memory_kib: int = 64 * 1024


USUAL_COST = Cost()


def new_key() -> bytes:
    """Return 32 random bytes."""
    return random_bytes(KEY_BYTES)


def seal(key: bytes, plaintext: bytes, context: bytes) -> bytes:
    """Encrypt and authenticate content together with the context it belongs to."""
    nonce = random_bytes(_NONCE_BYTES)
    return _FORMAT + nonce + _encrypt(plaintext, context, nonce, key)


def open_sealed(key: bytes, sealed: bytes, context: bytes) -> bytes:
    """Decrypt content, or raise DamagedError if it, its key or its context is not what was sealed."""
    if len(sealed) < _SMALLEST or sealed[:1] != _FORMAT:
        raise DamagedError("Sealed content is cut short or of an unknown format.")
    try:
        return _decrypt(sealed[25:], context, sealed[1:25], key)
    except nacl.exceptions.CryptoError:
        raise DamagedError("Sealed content was altered, or belongs to another record.") from None


def derive(key: bytes, purpose: str) -> bytes:
    """Derive the key for one purpose from the master key."""
    return hashlib.blake2b(encode(purpose), key=key, digest_size=KEY_BYTES).digest()


def blind(key: bytes, word: str) -> bytes:
    """Return the keyed digest under which a word is found without being written."""
    return hashlib.blake2b(encode(word), key=key, digest_size=BLIND_BYTES).digest()


def passphrase_key(passphrase: str, salt: bytes, cost: Cost) -> bytes:
    """Stretch a passphrase into a key. Keyboards that compose accents differently give the same key."""
    secret = encode(unicodedata.normalize("NFC", passphrase))
    try:
        return nacl.pwhash.argon2id.kdf(
            KEY_BYTES, secret, salt, opslimit=cost.passes, memlimit=cost.memory_kib * 1024
        )
    except (nacl.exceptions.CryptoError, ValueError, MemoryError):
        raise DamagedError("The stored cost of the passphrase can't be used on this machine.") from None


def context(table: str, column: str, row: str, scope: str = "") -> bytes:
    """Name the one place sealed content belongs to, for use as associated data.

    Each piece carries its length, so no two places share a name.
    """
    pieces = (encode(table), encode(column), encode(row), encode(scope))
    return b"".join(len(piece).to_bytes(4, "big") + piece for piece in pieces)


def encode(text: str) -> bytes:
    """Return text as UTF-8; half characters, which broken input can hold, pass as they are."""
    return text.encode("utf-8", "surrogatepass")
