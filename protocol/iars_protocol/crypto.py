"""Suite 1: Ed25519 signatures and hybrid HPKE, composed from PyNaCl and cryptography (SPEC § 3).

Nothing here is negotiated. A second suite would get a second number and run beside this one.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from functools import cached_property

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
        KeyRefusedError: wrong length, out-of-range coefficients, an all-zero half, or an X25519 half
            that gives an all-zero shared secret (SPEC § 3.1).

    """
    if len(public) != ENCRYPTION_PUBLIC_BYTES:
        raise KeyRefusedError("not a hybrid public key")
    lattice, curve = public[:MLKEM_PUBLIC_BYTES], public[MLKEM_PUBLIC_BYTES:]
    if not any(lattice[: MLKEM_PUBLIC_BYTES - 32]):
        raise KeyRefusedError("the lattice half is zero")
    try:
        MLKEM768PublicKey.from_public_bytes(lattice)
        X25519PrivateKey.from_private_bytes(b"\x01" * 32).exchange(X25519PublicKey.from_public_bytes(curve))
    except ValueError as error:
        raise KeyRefusedError("not a sound hybrid key") from error
    return public


def new_seed() -> bytes:
    """Draw the 32 secret bytes from which a private key is made."""
    return secrets.token_bytes(SEED_BYTES)


@dataclass(frozen=True)
class SigningKey:
    """An Ed25519 private key, held as its seed. Its `repr` shows the key id only."""

    seed: bytes

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

    """
    return _HPKE.encrypt(plaintext, _public_key(public), info=info)


def _public_key(public: bytes) -> MLKEM768X25519PublicKey:
    try:
        return MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(public[:MLKEM_PUBLIC_BYTES]),
            X25519PublicKey.from_public_bytes(public[MLKEM_PUBLIC_BYTES:]),
        )
    except ValueError as error:
        raise KeyRefusedError("not a hybrid public key") from error


def padded_length(length: int) -> int:
    """Return the Padmé bucket for a length, at least 1,024 bytes and at most 12 % more (SPEC § 3.4)."""
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


# A decapsulation whose answer is known. A round trip would not notice that a library changed how the
# two halves are combined; two nodes with different versions would then stop understanding each other.
_PROBE_SEED = bytes(range(32))
_PROBE_SEALED = (
    "56484fa5e4a3fb8a5f17c62ad08f5be2cf6c53dfe7099f79152d853a731e4e5f567b4e23130e9a42812bf3e5ef52cce2"
    "e220242afad98da535012d789fe0501752b3ca135146ac23185ba9880a686a4de050b6536e01b8277a31b5ce62b5e66d"
    "ae9f96834becf357774300497c36cbbf12df964e092fa217c31a8e810b5e17d6bb08a2aeadb8a428fd0be5008c077b74"
    "a861784a4db4b8b4451c9dd7e8f35def713eb6dc4953bb3b634be2e85864881632e4137b28cc0ae7de981b7ff54fc85a"
    "d8c8438184bbdba5bf7b51dd48969e5469c452c80c62f9f2572573192ed2d674dbc8492e84240a93399e073d5fc16095"
    "c32e1796633c83e6ab80a58926d7cf189763dadce79a0e970be6a656c8d67082d17cb091ce89528d8e4abcc36dc2dff5"
    "8c91ea350f57d5a227d18142ff1840d5303e31e8290de4efc773df324483cd27dc7bea17ecc6b8fc6515a8c3e5db8be1"
    "f2d77bf3f369d8cfaedc0b1b5cb7944292f5bbde1534e6c864a01799b474ac66e3f8af13e3ffd4bc94266163143ae902"
    "f842c40484f318bb5e2dcb35b52ba6b258618aa192fc3c76efc8218613f574630951953dd93212ad5af5fc9628521ea9"
    "76d09ec7d210f1b22ca72a8aefc84d5d60626b56f7f700eea27a8c9bb3cc1a4b4dc399f179d280156980edc24c8a6062"
    "43497b32fd611403e6d1cf8212686aad4ed7212bf40c6403927f082a9ee0dbf075fb22d70e8b7796ad8a0c3b19224a63"
    "0b12dd5ef5bd60a92fb04075df5b60a30972384071a94dcbfb9bbae99eb4b6d79d6e45f326c25d7752aecddcb241178c"
    "a693253883fe6167d5b8d91448358dbaf1a62fda4b93c06062d6329d2625bb176837dd94cc81a306ed9d976d17d9f594"
    "32fdec3b8b6410dfbce17a0f8655f41c8a4137fc785e2f40c03a6c0ea326adeb9e814e8aa74fb5bd29cbd6dd94e5084c"
    "7ba9bd58196a3211431b11bb1a8e2a9b838b6dedc24766fb3dabfca96d37b465f48c36559b42fef398657ad7c42bb114"
    "90c3296386cabbc9f1e0a6b97a9bf7ed96c28f1237a6df5a39bc8c3d6d543ff4da9afacc195861a52c8d9e0aa83eb4f9"
    "3560228307b1f8c06764386f5159e97671e009d496af828ba1757383ae9944897d9888d982f1a7ce2052f56faacf7ee1"
    "a03770126c8d21ca7d9d29b5d46a56628ed89e2505825b917498beede22578eff9a76161165a337a0efdb43084f0a56a"
    "9c68e916a30dd850df390ab2ebd01a2372f0bb8315b4370a0ecb7628e5a41d8eb04bb19db75f28e1959b3fff96260b17"
    "e6fa6192378282e570e8e2368f8a9e81f39c62fd1e88482cfd1fb16eb1e27545a8e8e846958f3b765206b53199707777"
    "56c0df082c399e249725f5ed96c7767eaefdc9125cdba08c4c838f86a93bc09e16f385e1cdcb648f9d027c48ce446d06"
    "738fd2bb7f997ddf1b7cbdb9cd17db9acd28b2cdd9b36a642bc5c8f9fee7ef343238b2eebd60a366298aa359b33fca3c"
    "87960e7f87e34d30e8bd6485671e3f7925ce4d0adf28456f45ebf245860f83940256d46a31bd0a09956cc3e6182c6096"
    "001c622f1df7bcfecf22dfdd44d37c32099d3273d7812de7af49996b2702722af89177e97e9da6f54ee59ce8"
)
_PROBE_PUBLIC_HASH = "c9a3565ffde4f72b51661be391ee13e46378d7f06dd5c8bf5af9d2cfb5b8336b"


def probe() -> None:
    """Check suite 1 against known answers; a node that fails this must not start.

    Raises:
        DecryptionError, SignatureError: the installed libraries compute something else (SPEC § 3.5).

    """
    key = EncryptionKey(_PROBE_SEED)
    if not hmac.compare_digest(hashlib.sha256(key.public).hexdigest(), _PROBE_PUBLIC_HASH):
        raise DecryptionError("known-answer check: the hybrid key's expansion changed")
    if key.open(bytes.fromhex(_PROBE_SEALED), b"iars/1/probe") != b"known answer":
        raise DecryptionError("known-answer check: the opened text changed")
    signing = SigningKey(_PROBE_SEED)
    verify(signing.public, "iars/1/probe", b"known answer", signing.sign("iars/1/probe", b"known answer"))
