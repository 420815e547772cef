"""Suite 1: Ed25519 signatures and hybrid HPKE, composed from PyNaCl and cryptography (SPEC § 3).

Nothing here is negotiated. A second suite would get a second number and run beside this one.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from functools import cached_property
from importlib import resources

import nacl.bindings
import nacl.exceptions
import nacl.signing
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from iars_protocol.encoding import frame
from iars_protocol.errors import DecryptionError, KeyRefusedError, MalformedError, SignatureError

ED25519 = 1
MLKEM768_X25519 = 2

HASH_BYTES = 32
SEED_BYTES = 32
SIGNATURE_BYTES = 64
SIGNING_PUBLIC_BYTES = 32
MLKEM_PUBLIC_BYTES = 1184
ENCRYPTION_PUBLIC_BYTES = MLKEM_PUBLIC_BYTES + 32
ENC_BYTES = 1120
TAG_BYTES = 16
MIN_PADDED = 1024

_FIELD = 2**255 - 19

_HPKE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


def digest(purpose: str, *pieces: bytes) -> bytes:
    """Hash byte strings under a purpose.

    Returns:
        SHA-256 of the framed pieces, 32 bytes (SPEC § 2.3).

    """
    return hashlib.sha256(frame(purpose, *pieces)).digest()


def key_id(algorithm: int, public: bytes) -> bytes:
    """Name a public key.

    Returns:
        SHA-256(algorithm byte ‖ public key), 32 bytes (SPEC § 3.1).

    """
    return hashlib.sha256(bytes([algorithm]) + public).digest()


def check_signing_public(public: bytes) -> bytes:
    """Refuse an Ed25519 public key that must not be enrolled.

    Raises:
        KeyRefusedError: wrong length, not a canonical point of the main subgroup: zero and low-order
            keys verify signatures that nobody made (SPEC § 3.1).

    """
    if len(public) != SIGNING_PUBLIC_BYTES or not nacl.bindings.crypto_core_ed25519_is_valid_point(public):
        raise KeyRefusedError("not a sound Ed25519 key")
    return public


def check_encryption_public(public: bytes) -> bytes:
    """Refuse a hybrid public key that must not be enrolled.

    Raises:
        KeyRefusedError: wrong length, out-of-range coefficients, an all-zero half, an X25519 half that gives
            an all-zero shared secret, or one of its other spellings (SPEC § 3.1).

    """
    if len(public) != ENCRYPTION_PUBLIC_BYTES:
        raise KeyRefusedError("not a hybrid public key")
    lattice, curve = public[:MLKEM_PUBLIC_BYTES], public[MLKEM_PUBLIC_BYTES:]
    if not any(lattice[: MLKEM_PUBLIC_BYTES - 32]):
        raise KeyRefusedError("the lattice half is zero")
    # X25519 ignores the highest bit and reduces the rest: other spellings would be the same key under
    # another id, and could be enrolled twice.
    if int.from_bytes(curve, "little") >= _FIELD:
        raise KeyRefusedError("not the canonical spelling of the X25519 half")
    try:
        MLKEM768PublicKey.from_public_bytes(lattice)
        X25519PrivateKey.from_private_bytes(b"\x01" * 32).exchange(X25519PublicKey.from_public_bytes(curve))
    except ValueError as error:
        raise KeyRefusedError("not a sound hybrid key") from error
    return public


def _check_seed(seed: bytes) -> None:
    if type(seed) is not bytes or len(seed) != SEED_BYTES:
        raise KeyRefusedError("a seed is 32 bytes")


def new_seed() -> bytes:
    """Draw the 32 secret bytes from which a private key is made."""
    return secrets.token_bytes(SEED_BYTES)


@dataclass(frozen=True)
class SigningKey:
    """An Ed25519 private key, held as its seed. Its `repr` shows the key id only."""

    seed: bytes

    def __post_init__(self) -> None:
        _check_seed(self.seed)

    def __repr__(self) -> str:
        return f"SigningKey({self.key_id.hex()[:16]})"

    @cached_property
    def public(self) -> bytes:
        """The public key, 32 bytes."""
        return bytes(self._key.verify_key)

    @cached_property
    def key_id(self) -> bytes:
        """The public key's id, 32 bytes."""
        return key_id(ED25519, self.public)

    @cached_property
    def _key(self) -> nacl.signing.SigningKey:
        return nacl.signing.SigningKey(self.seed)

    def sign(self, purpose: str, body: bytes) -> bytes:
        """Sign the body's hash under a purpose.

        Args:
            purpose: what is signed; a signature under one purpose is worthless under another.
            body: the exact bytes that are signed.

        Returns:
            64 bytes (SPEC § 3.2).

        """
        return self._key.sign(_to_be_signed(purpose, body)).signature

    def sign_bytes(self, message: bytes) -> bytes:
        """Sign bytes of a format that has its own framing, such as RFC 9421's signature base."""
        return self._key.sign(message).signature


def _to_be_signed(purpose: str, body: bytes) -> bytes:
    return frame(purpose, bytes([ED25519]), hashlib.sha256(body).digest())


def verify(public: bytes, purpose: str, body: bytes, signature: bytes) -> None:
    """Verify a signature over a body's hash under a purpose.

    Raises:
        SignatureError: by libsodium's acceptance rule, which is the rule for evidence (SPEC § 3.2).

    """
    verify_bytes(public, _to_be_signed(purpose, body), signature)


def verify_bytes(public: bytes, message: bytes, signature: bytes) -> None:
    """Verify a signature over bytes of a format that has its own framing."""
    try:
        nacl.signing.VerifyKey(public).verify(message, signature)
    except (nacl.exceptions.CryptoError, ValueError, TypeError) as error:
        raise SignatureError("the signature does not verify") from error


@dataclass(frozen=True)
class EncryptionKey:
    """A hybrid private key, held as its 32-byte seed. Its `repr` shows the key id only."""

    seed: bytes

    def __post_init__(self) -> None:
        _check_seed(self.seed)

    def __repr__(self) -> str:
        return f"EncryptionKey({self.key_id.hex()[:16]})"

    @cached_property
    def _halves(self) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
        expanded = hashlib.shake_256(self.seed).digest(96)
        return (
            MLKEM768PrivateKey.from_seed_bytes(expanded[:64]),
            X25519PrivateKey.from_private_bytes(expanded[64:]),
        )

    @cached_property
    def _key(self) -> MLKEM768X25519PrivateKey:
        return MLKEM768X25519PrivateKey(*self._halves)

    @cached_property
    def public(self) -> bytes:
        """The public key: 1,184 bytes of ML-KEM-768, then 32 bytes of X25519."""
        lattice, curve = self._halves
        return lattice.public_key().public_bytes_raw() + curve.public_key().public_bytes(
            Encoding.Raw, PublicFormat.Raw
        )

    @cached_property
    def key_id(self) -> bytes:
        """The public key's id, 32 bytes."""
        return key_id(MLKEM768_X25519, self.public)

    def open(self, sealed: bytes, info: bytes) -> bytes:
        """Open what was sealed for this key.

        Args:
            sealed: `enc` (1,120 bytes), then the ciphertext with its tag.
            info: the bytes that the seal is bound to.

        Raises:
            DecryptionError: anything at all is wrong; it never says what (SPEC § 3.3).

        """
        if len(sealed) < ENC_BYTES + TAG_BYTES:
            raise DecryptionError("does not open")
        try:
            return _HPKE.decrypt(sealed, self._key, info=info)
        except (InvalidTag, ValueError, TypeError) as error:
            raise DecryptionError("does not open") from error


def seal(public: bytes, info: bytes, plaintext: bytes) -> bytes:
    """Seal bytes for a hybrid public key.

    Args:
        public: 1,216 bytes, from a verified key history only.
        info: the bytes that the seal is bound to.
        plaintext: what only the key's owner will read.

    Returns:
        `enc` (1,120 bytes), then the ciphertext with its 16-byte tag: HPKE base mode,
        MLKEM768-X25519, HKDF-SHA256, ChaCha20-Poly1305 (RFC 9180; SPEC § 3.3).

    Raises:
        KeyRefusedError: the key is not sound.

    """
    try:
        key = MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(public[:MLKEM_PUBLIC_BYTES]),
            X25519PublicKey.from_public_bytes(public[MLKEM_PUBLIC_BYTES:]),
        )
        return _HPKE.encrypt(plaintext, key, info=info)
    except ValueError as error:
        raise KeyRefusedError("not a hybrid public key") from error


def padded_length(length: int) -> int:
    """Return the Padmé bucket for a length, at least 1,024 bytes, else at most 6.25 % more (SPEC § 3.4)."""
    if length <= MIN_PADDED:
        return MIN_PADDED
    exponent = length.bit_length() - 1
    mask = (1 << (exponent - exponent.bit_length())) - 1
    return (length + mask) & ~mask


def pad(plaintext: bytes) -> bytes:
    """Prefix the length as 4 bytes, big-endian, and fill with zeros to the bucket (SPEC § 3.4)."""
    framed = len(plaintext).to_bytes(4, "big") + plaintext
    return framed.ljust(padded_length(len(framed)), b"\x00")


def unpad(padded: bytes) -> bytes:
    """Take the padding off.

    Raises:
        MalformedError: too short, another bucket than its content's, or a fill that is not zero.

    """
    if len(padded) < MIN_PADDED:
        raise MalformedError("padding: too short")
    length = int.from_bytes(padded[:4], "big")
    if padded_length(length + 4) != len(padded) or any(padded[4 + length :]):
        raise MalformedError("padding: wrong bucket or fill")
    return padded[4 : 4 + length]


def probe() -> None:
    """Check suite 1 against known answers; a node that fails this must not start.

    A round trip would not notice that a library changed how the two halves of the seal are combined, or
    accepts other signatures: two nodes with different versions would then stop understanding each other.

    Raises:
        DecryptionError, SignatureError: the installed libraries compute something else (SPEC § 3.5).

    """
    known = json.loads(resources.files("iars_protocol").joinpath("known_answers.json").read_text("utf-8"))
    text = known["text"].encode()
    encryption = EncryptionKey(bytes.fromhex(known["seed"]))
    if encryption.key_id.hex() != known["encryption_key_id"]:
        raise DecryptionError("known-answer check: the hybrid key's expansion changed")
    if encryption.open(bytes.fromhex(known["sealed"]), known["purpose"].encode()) != text:
        raise DecryptionError("known-answer check: the opened text changed")
    signing = SigningKey(bytes.fromhex(known["seed"]))
    if signing.sign(known["purpose"], text).hex() != known["signature"]:
        raise SignatureError("known-answer check: the signature changed")
    verify(signing.public, known["purpose"], text, bytes.fromhex(known["signature"]))
    if _accepts(bytes.fromhex(known["weak_key"]), text, bytes.fromhex(known["weak_signature"])):
        raise SignatureError("known-answer check: a signature that nobody made verifies")


def _accepts(public: bytes, message: bytes, signature: bytes) -> bool:
    try:
        verify_bytes(public, message, signature)
    except SignatureError:
        return False
    return True
