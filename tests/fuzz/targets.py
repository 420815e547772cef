"""Everything that reads bytes from outside, each with sound inputs to begin from."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from iars_protocol import attachment, batch, consent, envelope, parts
from iars_protocol.attachment import Seal, Sealer
from iars_protocol.bundle import read_bundle
from iars_protocol.checkpoint import (
    Checkpoint,
    cosign,
    origin_of,
    read_note,
    sign_checkpoint,
    verify_checkpoint,
    verify_cosignature,
)
from iars_protocol.content import check_content, read_content
from iars_protocol.crypto import (
    EncryptionKey,
    check_encryption_public,
    check_signing_public,
    pad,
    seal,
    unpad,
    verify_bytes,
)
from iars_protocol.encoding import decode, decode_json, encode, from_text
from iars_protocol.envelope import Message, Outer
from iars_protocol.errors import ProtocolError
from iars_protocol.keys import Statement, extend, merge, read_history
from iars_protocol.listing import read_signed_listing, verify_listing
from iars_protocol.messages.administration import ResyncStreams
from iars_protocol.messages.checkpoint import SubmitCheckpoint
from iars_protocol.messages.exception import DecideException
from iars_protocol.messages.onward import NoticeOnward, PermitOnward
from iars_protocol.messages.registry import TYPES, read_body
from iars_protocol.parts import AttachmentPart, Part, ScopePart
from iars_protocol.permission_json import type_of
from iars_protocol.receipt import Receipt, SignedReceipt, read_signed_receipt, sign_receipt, verify_receipt
from iars_protocol.returned import Returned, read_returned, verify_inner, verify_returned
from iars_protocol.transparency import leaf_hash, tree_of, verify_consistency, verify_inclusion
from iars_protocol.values import KINDS, check_value
from iars_protocol.verification import verify_bundle
from iars_protocol.vocabulary import Field
from tests.specimens import (
    MISSION,
    RECORD,
    SHELTER,
    START,
    grant,
    message,
    of_body,
    offer,
    onward,
    seed,
    signed_listing,
    withdrawal,
)
from tests.vectors.bundles import bundled

if TYPE_CHECKING:
    from collections.abc import Callable

ATTACHMENT_KEY = bytes(range(32))


@dataclass(frozen=True)
class Target:
    """A reader and the inputs that it reads without complaint."""

    read: Callable[[bytes], object]
    sound: tuple[bytes, ...]


def _attachment() -> tuple[bytes, Seal]:
    sealer = Sealer(ATTACHMENT_KEY)
    octets = b"".join(attachment.seal_stream([b"a letter"], sealer))
    return octets, sealer.seal()


SEALED_ATTACHMENT, SEAL = _attachment()
ATTACHED = AttachmentPart(
    "0b" * 16, "letter.pdf", "application/pdf", 8, ATTACHMENT_KEY, len(SEALED_ATTACHMENT), SEAL.digest
)
SCOPES = (
    ScopePart("services", dict(RECORD["services"]), ("By the sea.",), (ATTACHED,)),
    ScopePart("demographics", {"age_band": "21-23", "newer": {"nested": [1, "x"]}}),
)
MESSAGE = message(offer(SCOPES))
ENVELOPE = envelope.seal_envelope(MESSAGE.to_bytes(), MISSION.id, MISSION.history.sealing_key(at=START))
RECEIPT = sign_receipt(
    Receipt(MESSAGE.id, MISSION.id, "waiting", "out-of-order", bytes(32), START, 3), MISSION.signing
)
CUT = Returned(
    MESSAGE.header_bytes, MESSAGE.signature, (*MESSAGE.parts[:2], *[None] * (len(MESSAGE.parts) - 2))
)
HEADER_ALONE = Returned(MESSAGE.header_bytes, MESSAGE.signature, (None,) * len(MESSAGE.parts))
RESYNC = of_body(ResyncStreams(asks=True, received=([bytes(16), 1, bytes(32)],), returned=([b"m", b"r"],)))
OUTCOME = of_body(DecideException("01" * 16, "approved", START, "9f" * 16))
PERMITTED = PermitOnward("01" * 16, tuple(consent.sign(onward(), SHELTER.signing).to_plain()))
NOTICED = NoticeOnward("03" * 16, "06" * 16, START, MISSION.text, ("services",), "erased")
TREE_OF_SEVEN = tree_of([leaf_hash(bytes([number])) for number in range(7)])
HEAD = Checkpoint(origin_of(SHELTER.id, bytes(16)), 7, TREE_OF_SEVEN.root())
CHECKPOINT = (
    sign_checkpoint(HEAD, SHELTER.key("log"))
    .with_signature(cosign(HEAD, MISSION.id, MISSION.key("log"), at=START))
    .to_bytes()
)
BUNDLE = "".join(bundled()).encode()
HISTORY = encode([entry.to_plain() for entry in SHELTER.statements])


def _read_history(octets: bytes) -> object:
    entries = decode(octets)
    statements = [Statement.from_plain(entry) for entry in entries] if type(entries) is list else []
    merge(SHELTER.history, statements)
    return read_history(statements)


def _signed_statement(body: bytes) -> object:
    """Read a statement whose body is anything at all, but signed by the key that may."""
    for key in (SHELTER.key("root"), SHELTER.signing):
        extend(SHELTER.history, [Statement(body, key.sign("iars/1/statement", body))])
    return None


def _signed_header(header_bytes: bytes) -> object:
    """Read a header that is anything at all, but signed."""
    signed = Message(header_bytes, SHELTER.signing.sign(envelope.SIGN_PURPOSE, header_bytes), MESSAGE.parts)
    return envelope.verify_message(signed, SHELTER.history, at=START)


def _message(inner: bytes) -> object:
    read = envelope.read_message(inner)
    return envelope.verify_message(read, SHELTER.history, at=START), _content(read)


def _returned(inner: bytes) -> object:
    read = read_returned(inner)
    return verify_returned(read, SHELTER.history, at=START), _content(read.left)


def _inner(inner: bytes) -> object:
    """Read what an envelope held as a receiver does: whole, or with parts that its author took out."""
    left = verify_inner(inner, SHELTER.history, at=START)
    # Of a header alone there is no content to read.
    _only_protocol_errors(partial(_content, left))
    return left


def _inner_signed_anew(octets: bytes) -> object:
    """Read an inner message whose header is anything at all, but signed by its author."""
    pieces = decode(octets)
    if type(pieces) is not list or len(pieces) != 3 or type(pieces[0]) is not bytes:
        return None
    pieces[1] = SHELTER.signing.sign(envelope.SIGN_PURPOSE, pieces[0])
    return _inner(encode(pieces))


def _content(read: Message) -> object:
    content = read_content(read)
    check_content(content.scopes, grant(), "sender", "acceptance")
    check_content(content.scopes, grant(feedback=("services", "demographics")), "receiver", "acceptance")
    return content


def _parts(octets: bytes) -> object:
    """Read parts that are anything at all, in a message that names them rightly."""
    pieces = decode(octets)
    if type(pieces) is not list or not pieces or any(type(piece) is not bytes for piece in pieces):
        return None
    made = [Part(seed(str(position)), piece) for position, piece in enumerate(pieces[: envelope.MOST_PARTS])]
    return _content(envelope.sign_message(MESSAGE.header, made, SHELTER.signing))


def _bodies(octets: bytes) -> object:
    plain = decode(octets)
    if type(plain) is dict:
        for name in TYPES:
            _only_protocol_errors(partial(read_body, name, plain))
        _only_protocol_errors(partial(parts.read_scope_part, plain))
    return plain


def _values(octets: bytes) -> object:
    value = decode(octets)
    for kind in KINDS:
        field = Field("field", kind, "Field", "gender")
        _only_protocol_errors(partial(check_value, field, value))
    return value


def _only_protocol_errors(read: Callable[[], object]) -> None:
    with suppress(ProtocolError):
        read()


def _envelope(octets: bytes) -> object:
    outer = envelope.read_outer(octets)
    return _message(envelope.open_envelope(outer, MISSION.id, MISSION.encryption))


def _sealed_anew(inner: bytes) -> object:
    """Open an envelope that a stranger sealed around anything at all."""
    key = MISSION.encryption
    info = encode([1, 1, MISSION.id, key.key_id])
    sealed = seal(key.public, info, inner)
    outer = Outer(MISSION.id, key.key_id, sealed[:1120], sealed[1120:])
    return _message(envelope.open_envelope(outer, MISSION.id, key))


def _permission(body: bytes) -> object:
    read = consent.read(body)
    purpose = consent.SIGN_PURPOSE[type_of(read)]
    signed = consent.Signed(body, SHELTER.signing.key_id, SHELTER.signing.sign(purpose, body))
    return consent.verify_issued(signed, SHELTER.history, at=START)


def _line(octets: bytes) -> object:
    return consent.Signed.from_line(octets.decode("latin-1"))


def _listing(octets: bytes) -> object:
    return verify_listing(read_signed_listing(octets), at=START, known=SHELTER.history)


def _listing_body(body: bytes) -> object:
    signed = replace(signed_listing(), body=body, signature=SHELTER.signing.sign("iars/1/listing", body))
    return verify_listing(signed, at=START)


def _receipt(octets: bytes) -> object:
    return verify_receipt(read_signed_receipt(octets), MISSION.history, message=MESSAGE.id, at=START)


def _receipt_body(body: bytes) -> object:
    signed = SignedReceipt(body, MISSION.signing.key_id, MISSION.signing.sign("iars/1/receipt", body))
    return verify_receipt(signed, MISSION.history, message=MESSAGE.id, at=START)


def _attached(octets: bytes) -> object:
    attachment.verify_stream([octets], SEAL)
    return b"".join(attachment.open_stream([octets], SEAL))


def _public_keys(octets: bytes) -> object:
    check_signing_public(octets[:32])
    return check_encryption_public(octets[32:])


def _signature(octets: bytes) -> None:
    verify_bytes(octets[:32], b"text", octets[32:])


def _ciphertext(octets: bytes) -> object:
    return EncryptionKey(MISSION.encryption.seed).open(octets, b"")


def _line_of(permission: consent.Permission) -> bytes:
    return consent.sign(permission, SHELTER.signing).to_line().encode()


def _checkpoint(octets: bytes) -> object:
    note = read_note(octets)
    _only_protocol_errors(partial(verify_cosignature, note, MISSION.history))
    return verify_checkpoint(note, SHELTER.history)


def _bundle(octets: bytes) -> object:
    return verify_bundle(read_bundle(octets.splitlines(keepends=True)))


def _proofs(octets: bytes) -> None:
    hashes = SubmitCheckpoint.__dataclass_fields__["proof"].metadata["check"](decode(octets))
    root = TREE_OF_SEVEN.root()
    _only_protocol_errors(partial(verify_inclusion, bytes(32), 4, 7, hashes, root))
    verify_consistency(5, 7, TREE_OF_SEVEN.root(5), root, hashes)


TARGETS: dict[str, Target] = {
    "cbor": Target(decode, (HISTORY, ENVELOPE, encode({"a": [1, None, True, b"x", {"b": -5}]}))),
    "json": Target(decode_json, (consent.sign(grant(), SHELTER.signing).body, signed_listing().body)),
    "base64": Target(lambda octets: from_text(octets.decode("latin-1")), (b"", b"YQ", b"-_8")),
    "padding": Target(unpad, (pad(b""), pad(b"text"), pad(bytes(2000)))),
    "public keys": Target(_public_keys, (SHELTER.signing.public + SHELTER.encryption.public,)),
    "signature": Target(_signature, (SHELTER.signing.public + SHELTER.signing.sign_bytes(b"text"),)),
    "ciphertext": Target(_ciphertext, (seal(MISSION.encryption.public, b"", b"text"),)),
    "history": Target(_read_history, (HISTORY,)),
    "statement": Target(_signed_statement, tuple(entry.body for entry in SHELTER.statements)),
    "listing": Target(_listing, (signed_listing().to_bytes(),)),
    "listing's body": Target(_listing_body, (signed_listing().body,)),
    "permission": Target(
        _permission,
        tuple(consent.sign(each, SHELTER.signing).body for each in (grant(), onward(), withdrawal())),
    ),
    "permission's line": Target(_line, (_line_of(grant()),)),
    "header": Target(envelope.read_header, (MESSAGE.header_bytes,)),
    "signed header": Target(_signed_header, (MESSAGE.header_bytes,)),
    "parts": Target(_parts, (encode([part.content for part in MESSAGE.parts]),)),
    "message": Target(_message, (MESSAGE.to_bytes(),)),
    "returned message": Target(_returned, (MESSAGE.to_bytes(), CUT.to_bytes())),
    "inner message": Target(_inner, (MESSAGE.to_bytes(), CUT.to_bytes(), HEADER_ALONE.to_bytes())),
    "inner message, signed anew": Target(
        _inner_signed_anew, (MESSAGE.to_bytes(), CUT.to_bytes(), HEADER_ALONE.to_bytes())
    ),
    "bodies": Target(
        _bodies,
        (
            *(encode(read_content(each).body.to_plain()) for each in (MESSAGE, RESYNC, OUTCOME)),
            encode({"signed": consent.sign(withdrawal(), SHELTER.signing).to_plain()}),
            *(encode(each.to_plain()) for each in (PERMITTED, NOTICED)),
            encode(
                {
                    "cause": "withdrawal",
                    "grant": "01" * 16,
                    "leaf": bytes(32),
                    "outcomes": [{"scope": "medical", "outcome": "failed", "access_ended": 1, "code": "x"}],
                }
            ),
        ),
    ),
    "values": Target(_values, (encode("2003~"), encode([{"service": "SHELTER", "priority": "urgent"}]))),
    "envelope": Target(_envelope, (ENVELOPE,)),
    "sealed anew": Target(_sealed_anew, (pad(MESSAGE.to_bytes()),)),
    "receipt": Target(_receipt, (RECEIPT.to_bytes(),)),
    "receipt's body": Target(_receipt_body, (RECEIPT.body,)),
    "batch": Target(batch.read_batch, (batch.write_batch([ENVELOPE, b"x"]),)),
    "answers": Target(
        lambda octets: batch.read_answers(octets, 2),
        (batch.write_answers([batch.Answer(b"sealed"), batch.Answer(error="refused")]),),
    ),
    "attachment": Target(_attached, (SEALED_ATTACHMENT,)),
    "checkpoint": Target(_checkpoint, (CHECKPOINT,)),
    "bundle": Target(_bundle, (BUNDLE,)),
    "proof": Target(_proofs, (encode(TREE_OF_SEVEN.consistency(5, 7)),)),
}
