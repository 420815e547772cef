"""A device with passkeys, made of nothing but numbers: answers honestly, or as a test wants it to lie."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import bytes_to_base64url

PRESENT, VERIFIED, HAS_KEY = 1, 4, 64


@dataclass
class Device:
    """One passkey: its key, its id, how often it was used, and whose it is."""

    origin: str = "http://localhost:8470"
    host: str = "localhost"
    flags: int = PRESENT | VERIFIED
    count: int = 0
    handle: bytes = b""
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def make(self, options: str, **lies: str) -> str:
        """Answer what a page asks of a device that is to make a passkey."""
        asked = json.loads(options)
        client = self._client("webauthn.create", asked["challenge"], **lies)
        numbers = self.key.public_key().public_numbers()
        public = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        length = len(self.credential_id).to_bytes(2, "big")
        kept = bytes(16) + length + self.credential_id + cbor2.dumps(public)
        statement = {"fmt": "none", "attStmt": {}, "authData": self._head(HAS_KEY) + kept}
        response = {"clientDataJSON": text(client), "attestationObject": text(cbor2.dumps(statement))}
        return self._answer(response)

    def use(self, options: str, **lies: str) -> str:
        """Answer what a page asks of a device that is to prove itself."""
        asked = json.loads(options)
        self.count += 1
        client = self._client("webauthn.get", asked["challenge"], **lies)
        head = self._head(0)
        signature = self.key.sign(head + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        response = {
            "clientDataJSON": text(client),
            "authenticatorData": text(head),
            "signature": text(signature),
        }
        return self._answer(response | {"userHandle": text(self.handle)} if self.handle else response)

    def _head(self, flags: int) -> bytes:
        host = hashlib.sha256(self.host.encode()).digest()
        return host + bytes([self.flags | flags]) + self.count.to_bytes(4, "big")

    def _client(self, kind: str, challenge: str, **lies: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin, **lies}).encode()

    def _answer(self, response: dict[str, Any]) -> str:
        known = text(self.credential_id)
        return json.dumps({"id": known, "rawId": known, "type": "public-key", "response": response})


def text(octets: bytes) -> str:
    """Return bytes as the browser writes them."""
    return bytes_to_base64url(octets)
