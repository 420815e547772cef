"""Vectors of § 2 and § 3: encoding, framing, keys, signatures, sealing, padding."""

from __future__ import annotations

import hashlib
from typing import Any

from iars_protocol.crypto import EncryptionKey, SigningKey, pad
from iars_protocol.encoding import encode, encode_json, frame
from tests.specimens import SHELTER, seed
from tests.vectors.cases import Group
from tests.vectors.sealed import sealed

SEED = bytes(range(32))
ORDER = 2**252 + 27742317777372353535851937790883648493
FIELD = 2**255 - 19

# A key with a part of low order, and a signature that only a verifier who multiplies by the cofactor takes.
MIXED = bytes.fromhex("40a4cf5c611d737a2f1c6fcca84d9cabfed80987f186a5a6c57e629bff1af27f")
COFACTORED = bytes.fromhex(
    "1d84c09c915b1e355f4130b3950f6754270b37696f36f1b6ca5d4a9b4cf48860"
    "020432f61b705819c92007cb4b1d3b7f15d3c587a1ecf8f94197fc7e141eb105"
)

MALFORMED_CBOR = {
    "an integer longer than needed": "1801",
    "a length longer than needed": "580100",
    "an array of indefinite length": "9f00ff",
    "a byte string of indefinite length": "5f4100ff",
    "keys out of order": "a2616201616102",
    "a longer key before a shorter one": "a262616101616202",
    "a key twice": "a2616101616102",
    "a key that is a number": "a10001",
    "a key that is a byte string": "a1410001",
    "bytes after the value": "0000",
    "nothing": "",
    "cut off": "6261",
    "text that is not UTF-8": "62c328",
    "half a surrogate pair": "63eda080",
    "undefined": "f7",
    "another simple value": "e0",
    "a float": "f93c00",
    "an integer above 2^53 - 1": "1b0020000000000000",
    "an integer below -(2^53 - 1)": "3b001fffffffffffff",
    "a big number": "c24101",
    "a time": "c100",
    "a tag that libraries skip": "d9d9f700",
    "shared references": "82d81c80d81d00",
    "seventeen levels": "81" * 17 + "00",
    "an array of more entries than bytes": "9affffffff",
}
MALFORMED_JSON = {
    "names out of order": b'{"b":1,"a":2}',
    "a space": b'{"a": 1}',
    "a line end": b'{"a":1}\n',
    "a float": b'{"a":1.0}',
    "an exponent": b'{"a":1e2}',
    "minus zero": b'{"a":-0}',
    "an integer above 2^53 - 1": b'{"a":9007199254740992}',
    "a name twice": b'{"a":1,"a":1}',
    "an escape that is not needed": b'{"a":"\\u0041"}',
    "half a surrogate pair": b'{"a":"\\ud800"}',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "bytes that are not UTF-8": b'{"a":"\xff"}',
    "an array": b"[]",
    "seventeen levels": b'{"a":' * 17 + b"1" + b"}" * 17,
    "deep behind closing brackets in a string": b'{"a":["'
    + b"]" * 20
    + b'",'
    + b"[" * 20
    + b"]" * 20
    + b"]}",
}


def encodings() -> list[Group]:
    cbor = Group("2.1-cbor", "2.1", "decode-cbor")
    for name, value in (
        ("numbers at their limits", [0, 23, 24, 255, 256, 2**32, 2**53 - 1, -1, -24, -(2**53) + 1]),
        ("texts and bytes", ["", "Strehëza", b"", b"\x00\xff"]),
        ("true, false, null", [True, False, None]),
        ("keys by length, then by bytes", {"b": 1, "aa": 2, "a": 3}),
        ("sixteen levels", [[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]),
    ):
        cbor.add(name, cbor=encode(value))
    for name, written in MALFORMED_CBOR.items():
        cbor.add(name, "malformed", cbor=written)
    json = Group("2.2-json", "2.2", "decode-json")
    json.add(
        "names by UTF-16 code units",
        json=encode_json({"€": 1, "\r": 2, "\ufb33": 3, "1": 4, "😀": 5, "ö": 6}),
    )
    json.add(
        "escapes", json=encode_json({"text": '€$\x0f\n\\"/', "none": None, "flags": [True, False], "n": -7})
    )
    for name, octets in MALFORMED_JSON.items():
        json.add(name, "malformed", json=octets)
    framing = Group("2.3-framing", "2.3", "frame")
    framing.add("no pieces", purpose="iars/1/example", pieces=[])
    framing.add("two pieces", purpose="iars/1/example", pieces=[b"ab", b"c"])
    framing.add("the same bytes in other pieces", purpose="iars/1/example", pieces=[b"a", b"bc"])
    framing.add("an empty piece", purpose="iars/1/example", pieces=[b"abc", b""])
    base64 = Group("2.4-base64", "2.4", "decode-base64")
    for text in ("", "YQ", "-_8"):
        base64.add(f"'{text}'", text=text)
    faulty = {"padding": "YQ==", "unused bits": "YR", "the other alphabet": "+/8", "a space": "Y Q"}
    for name, text in faulty.items():
        base64.add(name, "malformed", text=text)
    return [cbor, json, framing, base64]


def keys() -> list[Group]:
    ids = Group("3.1-key-ids", "3.1", "key-id")
    ids.add("Ed25519", algorithm=1, public=SigningKey(SEED).public)
    ids.add("the hybrid", algorithm=2, public=EncryptionKey(SEED).public)
    seeds = Group("3.1-seeds", "3.1", "expand-seed")
    seeds.add("counting up", seed=SEED)
    seeds.add("zeros", seed=bytes(32))
    seeds.add("too short", "key-refused", seed=bytes(31))
    seeds.add("too long", "key-refused", seed=bytes(33))
    signing = Group("3.1-signing-keys", "3.1", "enrol-signing-key")
    signing.add("sound", public=SigningKey(SEED).public)
    for name, octets in {
        "zero, a point of order 4": bytes(32),
        "the identity": b"\x01" + bytes(31),
        "of order 2": bytes.fromhex("ec" + "ff" * 30 + "7f"),
        "of order 8": bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
        "with a part of low order": MIXED,
        "not canonical": bytes.fromhex("ee" + "ff" * 30 + "7f"),
        "not on the curve": b"\x02" + bytes(31),
        "too short": bytes(31),
    }.items():
        signing.add(name, "key-refused", public=octets)
    encryption = Group("3.1-encryption-keys", "3.1", "enrol-encryption-key")
    sound = EncryptionKey(SEED).public
    encryption.add("sound", public=sound)
    for name, octets in {
        "zero": bytes(1216),
        "a lattice half whose vector is zero": bytes(1152) + sound[1152:],
        "coefficients out of range": b"\xff" * 1152 + sound[1152:],
        "a curve half of zero": sound[:1184] + bytes(32),
        "a curve half of order 1": sound[:1184] + b"\x01" + bytes(31),
        "a curve half with its highest bit set": sound[:-1] + bytes([sound[-1] | 0x80]),
        "a curve half above the field": sound[:1184] + (FIELD + 9).to_bytes(32, "little"),
        "too short": sound[:-1],
    }.items():
        encryption.add(name, "key-refused", public=octets)
    return [ids, seeds, signing, encryption]


def _response(point: bytes, public: bytes, body: bytes) -> bytes:
    """Return the S by which a chosen R fits the equation of R3-6, made with the key of `SEED`."""
    signed = frame("iars/1/example", b"\x01", hashlib.sha256(body).digest())
    secret = int.from_bytes(hashlib.sha512(SEED).digest()[:32], "little") & ((1 << 254) - 8) | (1 << 254)
    challenge = int.from_bytes(hashlib.sha512(point + public + signed).digest(), "little") % ORDER
    return (challenge * secret % ORDER).to_bytes(32, "little")


def signatures() -> list[Group]:
    sign = Group("3.2-sign", "3.2", "sign")
    sign.add("a body", seed=SEED, purpose="iars/1/example", body=b"body")
    sign.add("an empty body", seed=SEED, purpose="iars/1/example", body=b"")
    key = SigningKey(SEED)
    given: dict[str, Any] = {"public": key.public, "purpose": "iars/1/example", "body": b"body"}
    signature = key.sign("iars/1/example", b"body")
    verify = Group("3.2-verify", "3.2", "verify")
    verify.add("sound", **given, signature=signature)
    verify.add("another purpose", "signature", **{**given, "purpose": "iars/1/other"}, signature=signature)
    verify.add("another body", "signature", **{**given, "body": b"Body"}, signature=signature)
    verify.add("another key", "signature", **{**given, "public": SHELTER.signing.public}, signature=signature)
    verify.add("the body signed without its framing", "signature", **given, signature=key.sign_bytes(b"body"))
    twin = signature[:32] + (int.from_bytes(signature[32:], "little") + ORDER).to_bytes(32, "little")
    verify.add("S above the group's order", "signature", **given, signature=twin)
    verify.add("too short", "signature", **given, signature=signature[:63])
    identity = b"\x01" + bytes(31)
    bare = identity + _response(identity, key.public, b"body")
    verify.add("R of low order", "signature", **given, signature=bare)
    mixed: dict[str, Any] = {"public": MIXED, "purpose": "iars/1/example", "body": b"x0"}
    verify.add("accepted only with the cofactor", "signature", **mixed, signature=COFACTORED)
    weak = {**given, "public": b"\x01" + bytes(31)}
    verify.add("a key of low order", "signature", **weak, signature=b"\x01" + bytes(63))
    return [sign, verify]


def sealing() -> list[Group]:
    key = EncryptionKey(SEED)
    octets = sealed("3.3 text", key, b"info", b"text")
    opening = Group("3.3-open", "3.3", "open")
    opening.add("sound", seed=SEED, info=b"info", sealed=octets)
    opening.add("another info", "decryption", seed=SEED, info=b"Info", sealed=octets)
    opening.add("another key", "decryption", seed=seed("another"), info=b"info", sealed=octets)
    for name, where in {"lattice": 0, "curve": 1100, "text": 1120, "tag": len(octets) - 1}.items():
        changed = octets[:where] + bytes([octets[where] ^ 1]) + octets[where + 1 :]
        opening.add(f"a bit flipped in the {name}", "decryption", seed=SEED, info=b"info", sealed=changed)
    opening.add("cut off", "decryption", seed=SEED, info=b"info", sealed=octets[:1135])
    padding = Group("3.4-pad", "3.4", "pad")
    padding.add("a text", plaintext=b"text")
    lengths = Group("3.4-lengths", "3.4", "padded-length")
    for length in (
        0,
        1,
        1023,
        1024,
        1025,
        1088,
        1089,
        2048,
        2049,
        10_000,
        65_536,
        65_537,
        1_000_000,
        300_000_000,
    ):
        lengths.add(str(length), length=length)
    unpadding = Group("3.4-unpad", "3.4", "unpad")
    unpadding.add("sound", padded=pad(b"text"))
    unpadding.add("full to the last byte", padded=pad(bytes(1020)))
    unpadding.add("a fill that is not zero", "malformed", padded=pad(b"text")[:-1] + b"\x01")
    unpadding.add("another bucket", "malformed", padded=pad(b"text") + bytes(64))
    unpadding.add("a length beyond the end", "malformed", padded=b"\x00\x00\x04\x00" + bytes(1020))
    unpadding.add("too short", "malformed", padded=pad(b"text")[:-1])
    return [opening, padding, lengths, unpadding]


def groups() -> list[Group]:
    """Return every group of these sections."""
    return [*encodings(), *keys(), *signatures(), *sealing()]
