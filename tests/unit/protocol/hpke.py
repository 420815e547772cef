"""HPKE base mode written out from RFC 9180: what an implementation without a library for it would do."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

if TYPE_CHECKING:
    from collections.abc import Callable

LABEL = rb"\.//^" + b"\\"
SUITE_ID = b"HPKE" + bytes.fromhex("647a00010003")


def public_of(private: X25519PrivateKey) -> bytes:
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def decapsulate(seed: bytes, enc: bytes) -> bytes:
    """Return the shared secret of MLKEM768-X25519."""
    expanded = hashlib.shake_256(seed).digest(96)
    lattice = MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
    curve = X25519PrivateKey.from_private_bytes(expanded[64:])
    on_curve = curve.exchange(X25519PublicKey.from_public_bytes(enc[1088:]))
    pieces = (lattice.decapsulate(enc[:1088]), on_curve, enc[1088:], public_of(curve), LABEL)
    return hashlib.sha3_256(b"".join(pieces)).digest()


def _extract(salt: bytes, material: bytes) -> bytes:
    return hmac.new(salt, material, "sha256").digest()


def _expand(secret: bytes, context: bytes, length: int) -> bytes:
    found, block = b"", b""
    while len(found) < length:
        block = hmac.new(secret, block + context + bytes([len(found) // 32 + 1]), "sha256").digest()
        found += block
    return found[:length]


def labelled(suite_id: bytes) -> tuple[Callable[..., bytes], Callable[..., bytes]]:
    """Return LabeledExtract and LabeledExpand of RFC 9180 § 4 for a suite."""

    def extract(salt: bytes, label: bytes, material: bytes) -> bytes:
        return _extract(salt, b"HPKE-v1" + suite_id + label + material)

    def expand(secret: bytes, label: bytes, context: bytes, length: int) -> bytes:
        return _expand(secret, length.to_bytes(2, "big") + b"HPKE-v1" + suite_id + label + context, length)

    return extract, expand


def schedule(shared: bytes, info: bytes, suite_id: bytes = SUITE_ID) -> tuple[bytes, bytes]:
    """Return key and base nonce (RFC 9180 § 5.1, base mode)."""
    extract, expand = labelled(suite_id)
    context = b"\x00" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info)
    secret = extract(shared, b"secret", b"")
    return expand(secret, b"key", context, 32), expand(secret, b"base_nonce", context, 12)
