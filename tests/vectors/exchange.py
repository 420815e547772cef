"""Vectors of § 5, § 8, § 12.1 and § 13: envelopes, receipts, batches, attachments."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

from iars_protocol import keys
from iars_protocol.attachment import sealed_length
from iars_protocol.batch import Answer, write_answers, write_batch
from iars_protocol.crypto import pad
from iars_protocol.encoding import decode, encode
from iars_protocol.envelope import Outer, sign_message
from iars_protocol.parts import AttachmentPart, ScopePart
from iars_protocol.receipt import Receipt, SignedReceipt, sign_receipt
from iars_protocol.returned import Returned
from tests.specimens import (
    DAY,
    MISSION,
    RECORD,
    SHELTER,
    START,
    STRANGER,
    Node,
    message,
    offer,
    seed,
)
from tests.vectors.cases import Group
from tests.vectors.forms import write_statements
from tests.vectors.sealed import sealed, sealed_attachment

ATTACHMENT_KEY = bytes(range(32))
LETTER = b"a letter"
SEALED_LETTER = sealed_attachment("13 letter", ATTACHMENT_KEY, LETTER)
ATTACHED = AttachmentPart(
    "0b" * 16,
    "letter.pdf",
    "application/pdf",
    len(LETTER),
    ATTACHMENT_KEY,
    sealed_length(len(LETTER)),
    hashlib.sha256(SEALED_LETTER).digest(),
)
SCOPES = (
    ScopePart("services", dict(RECORD["services"]), ("On the ground floor, please.",), (ATTACHED,)),
    ScopePart("demographics", {"age_band": "21-23", "track": "national"}),
)
MESSAGE = message(offer(SCOPES))


def info(node: Node, to: Node | None = None) -> bytes:
    return encode([1, 1, node.id, (to or node).encryption.key_id])


def outer(label: str, padded: bytes, node: Node = MISSION) -> Outer:
    """Return the envelope of a padded plaintext, sealed once and kept."""
    octets = sealed(label, node.encryption, info(node), padded)
    return Outer(node.id, node.encryption.key_id, octets[:1120], octets[1120:])


ENVELOPE = outer("5.4 offer", pad(MESSAGE.to_bytes()))


def outers() -> Group:
    group = Group("5.1-outer", "5.1", "read-outer")
    pieces = [1, 1, bytes(32), bytes(32), bytes(1120), bytes(16)]
    group.add("sound", envelope=ENVELOPE.to_bytes())
    for name, changed in {
        "a piece too few": pieces[:5],
        "a piece too many": [*pieces, b""],
        "a recipient too short": [1, 1, bytes(31), *pieces[3:]],
        "an enc too short": [*pieces[:4], bytes(1119), bytes(16)],
        "a ciphertext too short": [*pieces[:5], bytes(15)],
        "no list": {},
    }.items():
        group.add(name, "malformed", envelope=encode(changed))  # type: ignore[arg-type]
    group.add("version 2", "unsupported-version", envelope=encode([2, 1, *pieces[2:]]))
    group.add("suite 2", "unsupported-version", envelope=encode([1, 2]))
    for name, front in {
        "a version that is true": [True, 1, *pieces[2:]],
        "a suite that is true": [1, True, *pieces[2:]],
        "no suite": [1],
        "nothing in it": [],
    }.items():
        group.add(name, "unsupported-version", envelope=encode(front))  # type: ignore[arg-type]
    group.add("a byte behind", "malformed", envelope=ENVELOPE.to_bytes() + b"\x00")
    return group


def parts() -> list[Group]:
    hashing = Group("5.2-parts", "5.2", "hash-part")
    for number, part in enumerate(MESSAGE.parts, 1):
        hashing.add(f"part {number}: {part.plain['part']}", salt=part.salt, content=part.content)
    reading = Group("5.2-scope-parts", "5.2", "read-scope-part")
    sound = MESSAGE.parts[2].plain
    attached = sound["attachments"][0]
    reading.add("sound", content=encode(sound))
    reading.add("the same text twice", content=encode({**sound, "texts": ["Yes.", "Yes."]}))
    dots = [{**attached, "name": "..."}]
    reading.add("an attachment's name of three dots", content=encode({**sound, "attachments": dots}))
    faulty: dict[str, dict[str, Any]] = {
        "a scope that is no code": {"scope": "Mira!"},
        "fields that are no map": {"fields": []},
        "an empty text": {"texts": [""]},
        "a control character": {"texts": ["a\x00b"]},
        "an entry too many": {"more": 1},
        "an attachment's name with a folder": {"attachments": [{**attached, "name": "../a"}]},
        "an attachment's name of one dot": {"attachments": [{**attached, "name": "."}]},
        "an attachment's name of two dots": {"attachments": [{**attached, "name": ".."}]},
        "two attachments of one id": {"attachments": [attached, {**attached, "name": "other.pdf"}]},
        "fifty-one texts": {"texts": [str(number) for number in range(51)]},
        "an attachment's name with a line end": {"attachments": [{**attached, "name": "a\r\nb"}]},
        "an attachment's type with parameters": {"attachments": [{**attached, "media_type": "a/b; c=d"}]},
        "a sealed size that does not fit": {"attachments": [{**attached, "sealed_size": 1}]},
        "an attachment's key too short": {"attachments": [{**attached, "key": bytes(31)}]},
    }
    for name, changes in faulty.items():
        reading.add(name, "malformed", content=encode({**sound, **changes}))
    return [hashing, reading]


def _header(**changes: Any) -> bytes:
    plain = {**decode(MESSAGE.header_bytes), **changes}
    return encode({name: value for name, value in plain.items() if value is not ...})


def headers() -> list[Group]:
    reading = Group("5.3-headers", "5.3", "read-header")
    reading.add("sound", header=MESSAGE.header_bytes)
    later = _header(previous=seed("a"), seen=seed("b"), number=2)
    reading.add("later in its thread", header=later)
    reading.add("of a type that is not known", header=_header(type="referral.offer/9"))
    faulty: dict[str, dict[str, Any]] = {
        "an entry too few": {"seen": ...},
        "an entry too many": {"more": 1},
        "number zero": {"number": 0},
        "a number that is true": {"number": True},
        "a sender too short": {"sender": bytes(31)},
        "a thread too long": {"thread": bytes(32)},
        "previous of another length": {"previous": bytes(16)},
        "no parts": {"parts": []},
        "a part twice": {"parts": [bytes(32)] * 2},
        "sixty-five parts": {"parts": [seed(str(n)) for n in range(65)]},
        "expired before it was made": {"expires": START},
        "a type that is too long": {"type": "x" * 65},
    }
    for name, changes in faulty.items():
        reading.add(name, "malformed", header=_header(**changes))
    for name, version in (("version 2", 2), ("a version that is true", True), ("no version", ...)):
        reading.add(name, "unsupported-version", header=_header(v=version))
    times = Group("5.5-times", "5.5", "check-times")
    for name, expect, at in (
        ("now", "ok", START),
        ("five minutes early", "ok", START - 300),
        ("from the future", "clock", START - 301),
        ("the last second", "ok", START + 30 * DAY - 1),
        ("past its time", "expired", START + 30 * DAY),
    ):
        times.add(name, expect, header=MESSAGE.header_bytes, at=at)
    return [reading, times]


def messages() -> Group:
    group = Group("5.3-messages", "5.3", "verify-message")

    def add(name: str, expect: str, octets: bytes, sender: Any = "shelter", at: int = START) -> None:
        group.add(name, expect, message=octets, sender=sender, at=at)

    add("sound", "ok", MESSAGE.to_bytes())
    cut = Returned(MESSAGE.header_bytes, MESSAGE.signature, (*MESSAGE.parts[:-1], None))
    add("a part taken out before it left", "ok", cut.to_bytes())
    add("all but its first part", "ok", replace(cut, parts=(None, *MESSAGE.parts[1:])).to_bytes())
    add("only its header", "ok", replace(cut, parts=(None,) * len(MESSAGE.parts)).to_bytes())
    short = encode([MESSAGE.header_bytes, MESSAGE.signature, [[], []]])
    add("places for two parts of four", "signature", short)
    none = encode([MESSAGE.header_bytes, MESSAGE.signature, []])
    add("no places for parts", "signature", none)
    exchanged = (None, *MESSAGE.parts[:-1])
    add("a part taken out, the others moved", "signature", replace(cut, parts=exchanged).to_bytes())
    add("a part taken out by another", "signature", cut.to_bytes(), "stranger")
    add("another sender's history", "signature", MESSAGE.to_bytes(), "stranger")
    add("a header changed", "signature", replace(MESSAGE, header_bytes=_header(number=2)).to_bytes())
    add("a part left out", "signature", replace(MESSAGE, parts=MESSAGE.parts[:-1]).to_bytes())
    add("parts in another order", "signature", replace(MESSAGE, parts=MESSAGE.parts[::-1]).to_bytes())
    other = (replace(MESSAGE.parts[0], salt=bytes(32)), *MESSAGE.parts[1:])
    add("another salt", "signature", replace(MESSAGE, parts=other).to_bytes())
    by_hop = sign_message(MESSAGE.header, MESSAGE.parts, SHELTER.key("hop"))
    add("signed by the hop key", "unknown-key", by_hop.to_bytes())
    as_receipt = SHELTER.signing.sign("iars/1/receipt", MESSAGE.header_bytes)
    add("signed for another purpose", "signature", replace(MESSAGE, signature=as_receipt).to_bytes())
    gone = {"key_id": SHELTER.signing.key_id, "revoked_at": START + DAY, "suspect_since": START}
    revoked = write_statements(SHELTER.with_statement(keys.REVOCATION, gone, "root").statements)
    add("signed by a key that is revoked from tomorrow on", "ok", MESSAGE.to_bytes(), revoked)
    add("signed by a revoked key", "signature", MESSAGE.to_bytes(), revoked, START + DAY)
    add("a piece too few", "malformed", encode([MESSAGE.header_bytes, MESSAGE.signature]))
    add(
        "a salt too short", "malformed", encode([MESSAGE.header_bytes, MESSAGE.signature, [[bytes(31), b""]]])
    )
    return group


def envelopes() -> Group:
    group = Group("5.4-envelopes", "5.4", "open-envelope")
    stranger = {"node_id": STRANGER.id, "seed": STRANGER.encryption.seed}
    mission = {"node_id": MISSION.id, "seed": MISSION.encryption.seed, "sender": "shelter", "at": START}

    def add(name: str, expect: str, envelope: Outer, **changes: Any) -> None:
        group.add(name, expect, **{**mission, "envelope": envelope.to_bytes(), **changes})

    add("sound", "ok", ENVELOPE)
    add("at another node", "wrong-recipient", ENVELOPE, node_id=STRANGER.id)
    add("with another key", "unknown-key", ENVELOPE, seed=STRANGER.encryption.seed)
    add("at another node, with another key", "wrong-recipient", ENVELOPE, **stranger)
    named = replace(ENVELOPE, sealing_key=STRANGER.encryption.key_id)
    add("sealed for another key than it names", "decryption", named, seed=STRANGER.encryption.seed)
    add(
        "with the recipient changed",
        "decryption",
        replace(ENVELOPE, recipient=STRANGER.id),
        node_id=STRANGER.id,
    )
    add("with the key's id changed", "unknown-key", replace(ENVELOPE, sealing_key=bytes(32)))
    flipped = bytes([ENVELOPE.ciphertext[0] ^ 1]) + ENVELOPE.ciphertext[1:]
    add("with a bit flipped", "decryption", replace(ENVELOPE, ciphertext=flipped))
    unpadded = outer("5.4 wrong padding", pad(MESSAGE.to_bytes())[:-1] + b"\x01")
    add("padded wrongly", "decryption", unpadded)
    on = outer("5.4 sealed on", pad(message(offer(SCOPES), recipient=STRANGER).to_bytes()))
    add("a message for another node, sealed on", "wrong-recipient", on)
    unsigned = outer("5.4 unsigned", pad(replace(MESSAGE, signature=bytes(64)).to_bytes()))
    add("not signed", "signature", unsigned)
    add("garbage inside", "malformed", outer("5.4 garbage", pad(b"\xff")))
    receipt = sign_receipt(RECEIPT, SHELTER.signing).to_bytes()
    add("a receipt inside", "malformed", outer("5.4 receipt", pad(receipt)))
    left = Returned(MESSAGE.header_bytes, MESSAGE.signature, (*MESSAGE.parts[:-1], None)).to_bytes()
    add("a message of which a part was taken out", "ok", outer("5.4 part taken out", pad(left)))
    older = message(offer(SCOPES), sealing_key=bytes(32)).to_bytes()
    add("a message that was first sealed for another key", "ok", outer("5.4 sealed anew", pad(older)))
    return group


RECEIPT = Receipt(MESSAGE.id, MISSION.id, "applied", "ok", bytes(32), START)


def _signed_receipt(**changes: Any) -> bytes:
    body = encode({**decode(RECEIPT.to_bytes()), **changes})
    return SignedReceipt(
        body, MISSION.signing.key_id, MISSION.signing.sign("iars/1/receipt", body)
    ).to_bytes()


def receipts() -> Group:
    group = Group("8.1-receipts", "8.1", "verify-receipt")

    def add(
        name: str, expect: str, receipt: bytes, issuer: str = "mission", message: bytes = MESSAGE.id
    ) -> None:
        group.add(name, expect, receipt=receipt, issuer=issuer, message=message, at=START)

    add("applied", "ok", _signed_receipt())
    add("refused", "ok", _signed_receipt(outcome="refused", code="outside-grant"))
    add("waiting", "ok", _signed_receipt(outcome="waiting", code="out-of-order", missing=3))
    add("waiting for a number that is not known", "ok", _signed_receipt(outcome="waiting", code="x"))
    add("another issuer", "signature", _signed_receipt(), "shelter")
    add("for another message", "signature", _signed_receipt(), message=bytes(32))
    add("signed by the hop key", "unknown-key", sign_receipt(RECEIPT, MISSION.key("hop")).to_bytes())
    forged = replace(sign_receipt(RECEIPT, MISSION.signing), signature=bytes(64))
    add("not signed", "signature", forged.to_bytes())
    add("version 2", "unsupported-version", _signed_receipt(v=2))
    faulty: dict[str, dict[str, Any]] = {
        "refused, yet ok": {"outcome": "refused"},
        "waiting, yet ok": {"outcome": "waiting", "missing": 3},
        "applied, with the code of a refusal": {"code": "outside-grant"},
        "a number missing that is true": {"outcome": "waiting", "code": "out-of-order", "missing": True},
        "another outcome": {"outcome": "eaten"},
        "a number missing though applied": {"missing": 1},
        "a sentence as code": {"code": "Mira was here"},
        "an entry too many": {"more": 1},
    }
    for name, changes in faulty.items():
        add(name, "malformed", _signed_receipt(**changes))
    add("a message instead", "malformed", MESSAGE.to_bytes())
    return group


def batches() -> list[Group]:
    reading = Group("12.1-batches", "12.1", "read-batch")
    for lengths in ([1], [0, 23, 24, 255, 256], [1] * 100):
        reading.add(f"{len(lengths)} envelopes", body=write_batch([bytes(length) for length in lengths]))
    for name, octets in {
        "none": encode([]),
        "a hundred and one": encode([b"x"] * 101),
        "a text": encode(["x"]),
        "a map": encode({"a": b"x"}),
        "a byte behind": encode([b"x"]) + b"\x00",
        "cut off": encode([b"xy"])[:-1],
        "a length longer than needed": b"\x81\x58\x01x",
        "of indefinite length": b"\x9f\x41x\xff",
    }.items():
        reading.add(name, "malformed", body=octets)
    answers = Group("12.1-answers", "12.1", "read-answers")
    two = write_answers([Answer(b"sealed receipt"), Answer(error="refused")])
    answers.add("a receipt and a hint", body=two, count=2)
    answers.add("too few", "malformed", body=two, count=3)
    answers.add("another hint", "malformed", body=encode([{"error": "because"}]), count=1)
    answers.add("both", "malformed", body=encode([{"error": "refused", "receipt": b"x"}]), count=1)
    return [reading, answers]


def attachments() -> Group:
    group = Group("13.2-attachments", "13.2", "open-attachment")
    given = {"key": ATTACHMENT_KEY, "length": len(LETTER)}

    def add(name: str, expect: str, octets: bytes, **changes: Any) -> None:
        hashed = hashlib.sha256(octets).digest()
        group.add(name, expect, **{**given, "sealed": octets, "hash": hashed, **changes})

    add("a letter", "ok", SEALED_LETTER)
    empty = sealed_attachment("13 empty", ATTACHMENT_KEY, b"")
    add("nothing", "ok", empty, length=0)
    add("another hash", "decryption", SEALED_LETTER, hash=bytes(32))
    add("another key", "decryption", SEALED_LETTER, key=bytes(32))
    add("another length", "decryption", SEALED_LETTER, length=2000)
    add("a shorter length", "decryption", SEALED_LETTER, length=7)
    add("cut off", "decryption", SEALED_LETTER[:-1])
    add("a byte behind", "decryption", SEALED_LETTER + b"\x00")
    add("version 2", "unsupported-version", SEALED_LETTER[:7] + b"\x02" + SEALED_LETTER[8:])
    add("another file", "malformed", b"%PDF-1.7" + SEALED_LETTER[8:])
    add("nothing at all", "malformed", b"")
    return group


def groups() -> list[Group]:
    """Return every group of these sections."""
    return [
        outers(), *parts(), *headers(), messages(), envelopes(), receipts(), *batches(),
        attachments(),
    ]  # fmt: skip
