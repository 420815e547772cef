"""Sealed samples: sealing is random, so each sample is made once, kept, and from then on only opened."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from iars_protocol.attachment import Seal, Sealer, open_stream, seal_stream
from iars_protocol.crypto import EncryptionKey, seal
from iars_protocol.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

FILE = Path(__file__).with_name("sealed.json")


def _kept(label: str, opens: Callable[[bytes], bytes], plaintext: bytes, make: Callable[[], bytes]) -> bytes:
    samples: dict[str, str] = json.loads(FILE.read_text("utf-8")) if FILE.exists() else {}
    try:
        if opens(bytes.fromhex(samples[label])) == plaintext:
            return bytes.fromhex(samples[label])
    except (KeyError, ProtocolError):
        pass
    samples[label] = make().hex()
    FILE.write_text(json.dumps(samples, indent=1, sort_keys=True) + "\n", "utf-8")
    return bytes.fromhex(samples[label])


def sealed(label: str, key: EncryptionKey, info: bytes, plaintext: bytes) -> bytes:
    """Return `enc ‖ ciphertext` of a plaintext."""
    return _kept(
        label,
        lambda octets: key.open(octets, info),
        plaintext,
        lambda: seal(key.public, info, plaintext),
    )


def sealed_attachment(label: str, key: bytes, plaintext: bytes) -> bytes:
    """Return the sealed bytes of an attachment."""
    named = Seal(key, len(plaintext), 0, b"")
    return _kept(
        label,
        lambda octets: b"".join(open_stream([octets], named)),
        plaintext,
        lambda: b"".join(seal_stream([plaintext], Sealer(key))),
    )
