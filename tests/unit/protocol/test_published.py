"""What others published comes out here: RFC 8032, 7748, 9180 and 9421, ML-KEM, and the hybrid of HPKE."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import cryptography_vectors
import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from http_message_signatures import HTTPMessageVerifier, HTTPSignatureKeyResolver, InvalidSignature
from http_message_signatures.algorithms import HTTPSignatureAlgorithm
from tests.unit.protocol import hpke

from iars_protocol.crypto import EncryptionKey, SigningKey, seal, verify_bytes
from iars_protocol.errors import SignatureError


def published(name: str) -> str:
    with cryptography_vectors.open_vector_file(name, "r") as file:
        return str(file.read())


def hpke_vectors(name: str, kem: int) -> dict[str, Any]:
    wanted = (0, kem, 1, 3)
    for vector in json.loads(published(f"HPKE/{name}.json")):
        if (vector["mode"], vector["kem_id"], vector["kdf_id"], vector["aead_id"]) == wanted:
            return dict(vector)
    raise AssertionError(name)


def blocks(name: str, first: str) -> list[dict[str, str]]:
    """Return the records of a file in which each record begins with a line of its own."""
    found: list[dict[str, str]] = []
    for line in published(name).splitlines():
        key, _, value = line.partition(" = ")
        if key.lower() == first:
            found.append({})
        if found and value:
            found[-1][key] = value
    return found


HYBRID = hpke_vectors("hpke-pq-test-vectors", 0x647A)


def test_a_seed_expands_to_the_published_hybrid_key() -> None:
    assert EncryptionKey(bytes.fromhex(HYBRID["skRm"])).public.hex() == HYBRID["pkRm"]


def test_the_hybrid_secret_and_key_schedule_are_the_published_ones() -> None:
    shared = hpke.decapsulate(bytes.fromhex(HYBRID["skRm"]), bytes.fromhex(HYBRID["enc"]))
    key, nonce = hpke.schedule(shared, bytes.fromhex(HYBRID["info"]))
    assert shared.hex() == HYBRID["shared_secret"]
    assert hpke.SUITE_ID.hex() == HYBRID["suite_id"]
    assert (key.hex(), nonce.hex()) == (HYBRID["key"], HYBRID["base_nonce"])
    for entry in HYBRID["encryptions"]:
        sealed = (bytes.fromhex(entry[name]) for name in ("nonce", "ct", "aad"))
        assert ChaCha20Poly1305(key).decrypt(*sealed).hex() == entry["pt"]


def test_what_is_sealed_here_opens_by_the_published_steps() -> None:
    seed = bytes.fromhex(HYBRID["skRm"])
    sealed = seal(EncryptionKey(seed).public, b"info", b"text")
    key, nonce = hpke.schedule(hpke.decapsulate(seed, sealed[:1120]), b"info")
    assert ChaCha20Poly1305(key).decrypt(nonce, sealed[1120:], b"") == b"text"


def test_the_steps_are_those_of_rfc_9180() -> None:
    vector = hpke_vectors("test-vectors", 0x20)
    suite_id = b"HPKE" + bytes.fromhex("002000010003")
    key, nonce = hpke.schedule(
        bytes.fromhex(vector["shared_secret"]), bytes.fromhex(vector["info"]), suite_id
    )
    assert (key.hex(), nonce.hex()) == (vector["key"], vector["base_nonce"])


@pytest.mark.parametrize("vector", blocks("asymmetric/MLKEM/kat_MLKEM_768.rsp", "count")[:100])
def test_ml_kem_decapsulates_the_known_answers(vector: dict[str, str]) -> None:
    key = MLKEM768PrivateKey.from_seed_bytes(bytes.fromhex(vector["d"] + vector["z"]))
    assert key.public_key().public_bytes_raw().hex() == vector["pk"]
    assert key.decapsulate(bytes.fromhex(vector["ct"])).hex() == vector["ss"]


@pytest.mark.parametrize("vector", blocks("asymmetric/X25519/rfc7748.txt", "count")[:2])
def test_x25519_gives_the_answers_of_rfc_7748(vector: dict[str, str]) -> None:
    private = X25519PrivateKey.from_private_bytes(bytes.fromhex(vector["INPUT_SCALAR"]))
    public = X25519PublicKey.from_public_bytes(bytes.fromhex(vector["INPUT_U"]))
    assert private.exchange(public).hex() == vector["OUTPUT_U"]


# The signature file of the Ed25519 paper: secret ‖ public : public : message : signature ‖ message.
SIGNED = [line.split(":")[:4] for line in published("asymmetric/Ed25519/sign.input").splitlines()]


def test_ed25519_gives_the_published_signatures() -> None:
    for secret, public, message, signed in SIGNED:
        key, body = SigningKey(bytes.fromhex(secret[:64])), bytes.fromhex(message)
        assert key.public.hex() == public
        assert key.sign_bytes(body).hex() == signed[:128]
        verify_bytes(key.public, body, bytes.fromhex(signed[:128]))
    assert len(SIGNED) == 1024


# Ed25519 signatures that libraries disagree on: small-order keys and points, S above the group's order,
# encodings that are not canonical. A verifier that is strict refuses every one of these.
IDENTITY = "01" + "00" * 31
ORDER_8 = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"
DISPUTED = [
    (ORDER_8, "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a" + "00" * 32),
    (IDENTITY, IDENTITY + "00" * 32),
    ("ee" + "ff" * 30 + "7f", IDENTITY + "00" * 32),
    ("ec" + "ff" * 30 + "7f", "ec" + "ff" * 30 + "7f" + "00" * 32),
]


@pytest.mark.parametrize(("public", "signature"), DISPUTED)
def test_disputed_signatures_are_refused(public: str, signature: str) -> None:
    for message in (b"", b"text"):
        with pytest.raises(SignatureError):
            verify_bytes(bytes.fromhex(public), message, bytes.fromhex(signature))


# RFC 9421, appendices B.1.4 and B.2.6.
B_2_6 = {
    "Host": "example.com",
    "Date": "Tue, 20 Apr 2021 02:07:55 GMT",
    "Content-Type": "application/json",
    "Content-Length": "18",
    "Signature-Input": 'sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length")'
    ';created=1618884473;keyid="test-key-ed25519"',
    "Signature": "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5W"
    "PpBKRCw==:",
}
B_1_4_PUBLIC = base64.b64decode("JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=")
B_1_4_SEED = base64.b64decode("n4Ni+HpISpVObnQMW0wOhCKROaIKqKtW/2ZYb2p9KcU=")


@dataclass
class Request:
    method: str = "POST"
    url: str = "https://example.com/foo?param=Value&Pet=dog"
    headers: dict[str, str] = field(default_factory=lambda: dict(B_2_6))


class StrictEd25519(HTTPSignatureAlgorithm):
    """The library's seam, filled with this protocol's verification."""

    algorithm_id = "ed25519"

    def __init__(self, public_key: bytes, **_unused: object) -> None:
        self._public = public_key

    def sign(self, message: bytes) -> bytes:
        return SigningKey(B_1_4_SEED).sign_bytes(message)

    def verify(self, signature: bytes, message: bytes) -> None:
        verify_bytes(self._public, message, signature)
        assert self.sign(message) == signature


class PublishedKey(HTTPSignatureKeyResolver):
    def resolve_public_key(self, key_id: str) -> Any:
        assert key_id == "test-key-ed25519"
        return B_1_4_PUBLIC


def test_the_signature_of_rfc_9421_b_2_6_verifies() -> None:
    verifier = HTTPMessageVerifier(signature_algorithm=StrictEd25519, key_resolver=PublishedKey())
    (result,) = verifier.verify(Request(), max_age=timedelta(days=365_000))
    assert result.label == "sig-b26"
    assert SigningKey(B_1_4_SEED).public == B_1_4_PUBLIC


def test_the_signature_of_rfc_9421_b_2_6_holds_for_its_request_only() -> None:
    verifier = HTTPMessageVerifier(signature_algorithm=StrictEd25519, key_resolver=PublishedKey())
    with pytest.raises(InvalidSignature):
        verifier.verify(Request(method="PUT"), max_age=timedelta(days=365_000))
