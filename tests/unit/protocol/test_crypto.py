from __future__ import annotations

import hashlib
import json
from importlib import resources
from typing import TYPE_CHECKING

import pytest

from iars_protocol import crypto
from iars_protocol.crypto import EncryptionKey, SigningKey, pad, padded_length, unpad
from iars_protocol.errors import DecryptionError, KeyRefusedError, MalformedError, SignatureError

if TYPE_CHECKING:
    from pathlib import Path

SEED = bytes(range(32))
ORDER = 2**252 + 27742317777372353535851937790883648493


def test_the_known_answers_come_out() -> None:
    crypto.probe()


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("encryption_key_id", DecryptionError),
        ("text", DecryptionError),
        ("sealed", DecryptionError),
        ("signature", SignatureError),
        ("weak_key", SignatureError),
    ],
)
def test_any_other_answer_keeps_the_node_from_starting(
    name: str, error: type[Exception], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    known = json.loads(resources.files("iars_protocol").joinpath("known_answers.json").read_text())
    if name == "weak_key":
        key = SigningKey(SEED)
        known |= {
            "weak_key": key.public.hex(),
            "weak_signature": key.sign_bytes(known["text"].encode()).hex(),
        }
    else:
        known[name] = known[name][:-2] + ("00" if name != "text" else "??")
    (tmp_path / "known_answers.json").write_text(json.dumps(known))
    monkeypatch.setattr(resources, "files", lambda _package: tmp_path)
    with pytest.raises(error):
        crypto.probe()


def test_a_signature_holds_under_its_purpose_and_for_its_body_only() -> None:
    key = SigningKey(SEED)
    signature = key.sign("iars/1/grant", b"body")
    crypto.verify(key.public, "iars/1/grant", b"body", signature)
    for purpose, body in (("iars/1/receipt", b"body"), ("iars/1/grant", b"Body")):
        with pytest.raises(SignatureError):
            crypto.verify(key.public, purpose, body, signature)


def test_a_signature_with_the_order_added_is_refused() -> None:
    key = SigningKey(SEED)
    signature = key.sign("iars/1/grant", b"body")
    twin = signature[:32] + (int.from_bytes(signature[32:], "little") + ORDER).to_bytes(32, "little")
    with pytest.raises(SignatureError):
        crypto.verify(key.public, "iars/1/grant", b"body", twin)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_keys_and_signatures_of_another_length_are_refused(length: int) -> None:
    with pytest.raises(SignatureError):
        crypto.verify(bytes(length), "p", b"", bytes(64))
    with pytest.raises(SignatureError):
        crypto.verify(SigningKey(SEED).public, "p", b"", bytes(length))
    with pytest.raises(KeyRefusedError):
        crypto.check_signing_public(bytes(length))
    with pytest.raises(KeyRefusedError):
        crypto.check_encryption_public(bytes(length))
    with pytest.raises(KeyRefusedError):
        SigningKey(bytes(length))
    with pytest.raises(KeyRefusedError):
        EncryptionKey(bytes(length))


# Every point of order 1, 2, 4 and 8, and the spellings of some of them that are not canonical.
LOW_ORDER = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]


@pytest.mark.parametrize("public", LOW_ORDER)
def test_a_signing_key_of_low_order_is_neither_enrolled_nor_believed(public: str) -> None:
    with pytest.raises(KeyRefusedError):
        crypto.check_signing_public(bytes.fromhex(public))
    for signature in (bytes(64), b"\x01" + bytes(63), bytes.fromhex(public) + bytes(32)):
        with pytest.raises(SignatureError):
            crypto.verify_bytes(bytes.fromhex(public), b"text", signature)


def test_a_sound_key_of_each_kind_is_enrolled() -> None:
    assert crypto.check_signing_public(SigningKey(SEED).public)
    assert crypto.check_encryption_public(EncryptionKey(SEED).public)


def _with_curve(curve: bytes) -> bytes:
    return EncryptionKey(SEED).public[:1184] + curve


FIELD = 2**255 - 19
ALIAS = EncryptionKey(SEED).public[-32:-1] + bytes([EncryptionKey(SEED).public[-1] | 0x80])


@pytest.mark.parametrize(
    "curve",
    [bytes(32), b"\x01" + bytes(31), FIELD.to_bytes(32, "little"), (FIELD + 9).to_bytes(32, "little"), ALIAS],
    ids=["zero", "one", "field", "above the field", "with the high bit"],
)
def test_a_weak_or_second_spelling_of_the_curve_half_is_refused(curve: bytes) -> None:
    with pytest.raises(KeyRefusedError):
        crypto.check_encryption_public(_with_curve(curve))


def test_a_weak_or_malformed_lattice_half_is_refused() -> None:
    sound = EncryptionKey(SEED).public
    for lattice in (bytes(1184), bytes(1152) + sound[1152:1184], b"\xff" * 1184):
        with pytest.raises(KeyRefusedError):
            crypto.check_encryption_public(lattice + sound[1184:])


def test_nothing_is_sealed_for_an_unsound_key() -> None:
    for public in (_with_curve(bytes(32)), b"\xff" * 1216, bytes(3)):
        with pytest.raises(KeyRefusedError):
            crypto.seal(public, b"", b"text")


def test_what_is_sealed_opens_with_its_key_and_info_only() -> None:
    key = EncryptionKey(SEED)
    sealed = crypto.seal(key.public, b"info", b"text")
    assert key.open(sealed, b"info") == b"text"
    assert len(sealed) == 4 + 1136
    for holder, octets, info in (
        (key, sealed, b"Info"),
        (EncryptionKey(bytes(32)), sealed, b"info"),
        (key, sealed[:-1], b"info"),
        (key, sealed[:1135], b"info"),
        (key, b"", b"info"),
    ):
        with pytest.raises(DecryptionError):
            holder.open(octets, info)


def test_an_empty_curve_half_in_a_ciphertext_does_not_open() -> None:
    key = EncryptionKey(SEED)
    sealed = crypto.seal(key.public, b"", b"text")
    with pytest.raises(DecryptionError):
        key.open(sealed[:1088] + bytes(32) + sealed[1120:], b"")


def test_a_key_shows_its_id_and_never_its_seed() -> None:
    for key in (SigningKey(SEED), EncryptionKey(SEED)):
        assert key.key_id.hex()[:16] in repr(key)
        assert SEED.hex() not in repr(key)
        assert repr(SEED) not in repr(key)


def test_a_key_id_depends_on_the_algorithm() -> None:
    public = SigningKey(SEED).public
    assert crypto.key_id(1, public) == hashlib.sha256(b"\x01" + public).digest()
    assert crypto.key_id(1, public) != crypto.key_id(2, public)


def test_a_new_seed_is_new() -> None:
    assert len({crypto.new_seed() for _ in range(3)}) == 3


def test_the_hash_of_pieces_depends_on_the_purpose() -> None:
    assert crypto.digest("a", b"b") != crypto.digest("b", b"b")


# From the description of Padmé: floor(log2(L)) = E, floor(log2(E)) + 1 = S, the last E - S bits are zero.
@pytest.mark.parametrize(
    ("length", "bucket"),
    [
        (0, 1024),
        (1024, 1024),
        (1025, 1088),
        (1088, 1088),
        (1089, 1152),
        (10_000, 10_240),
        (2**20, 2**20),
        (2**20 + 1, 1_081_344),
    ],
)
def test_lengths_fall_into_padme_buckets(length: int, bucket: int) -> None:
    assert padded_length(length) == bucket


def test_padding_of_any_other_form_is_refused() -> None:
    padded = pad(b"text")
    for octets in (
        padded[:-1],
        padded + b"\x00",
        padded[:-1] + b"\x01",
        b"\x00\x00\x04\x00" + bytes(1020),
        b"\xff\xff\xff\xff" + bytes(1020),
        pad(b"text").ljust(1088, b"\x00"),
        b"",
    ):
        with pytest.raises(MalformedError):
            unpad(octets)
    assert unpad(padded) == b"text"
