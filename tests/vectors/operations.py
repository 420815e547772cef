"""What each vector's operation does: input in, output out, or a protocol error."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from iars_protocol import (
    consent,
    crypto,
    encoding,
    envelope,
    fields,
    keys,
    parts,
    receipt,
    referral,
    returned,
)
from iars_protocol.approvals import approval_of, settle
from iars_protocol.consent import Denied, Signed
from iars_protocol.content import check_content, covers_service, is_withheld, read_content
from iars_protocol.listing import read_signed_listing, verify_listing
from iars_protocol.messages.registry import read_body
from iars_protocol.parts import Part
from iars_protocol.record import cut
from iars_protocol.values import check_value
from iars_protocol.vocabulary import SCOPES
from tests.vectors import exchange_operations, transparency_operations
from tests.vectors.forms import (
    Input,
    Output,
    annotate,
    grant,
    history,
    octets,
    onward,
    statements,
)
from tests.vectors.registry import OPERATIONS, operation

if TYPE_CHECKING:
    from types import ModuleType

    from iars_protocol.consent import Answer
    from iars_protocol.envelope import Message


__all__ = ["OPERATIONS"]

# Importing it is what registers its operations.
REGISTERED: ModuleType = exchange_operations


@operation("decode-cbor")
def _decode_cbor(given: Input) -> Output:
    return {"value": annotate(encoding.decode(octets(given, "cbor")))}


@operation("decode-json")
def _decode_json(given: Input) -> Output:
    return {"value": encoding.decode_json(octets(given, "json"))}


@operation("frame")
def _frame(given: Input) -> Output:
    pieces = [bytes.fromhex(piece) for piece in given["pieces"]]
    return {
        "framed": encoding.frame(given["purpose"], *pieces).hex(),
        "digest": crypto.digest(given["purpose"], *pieces).hex(),
    }


@operation("decode-base64")
def _decode_base64(given: Input) -> Output:
    return {"bytes": encoding.from_text(given["text"]).hex()}


@operation("key-id")
def _key_id(given: Input) -> Output:
    return {"key_id": crypto.key_id(given["algorithm"], octets(given, "public")).hex()}


@operation("enrol-signing-key")
def _enrol_signing(given: Input) -> Output:
    crypto.check_signing_public(octets(given, "public"))
    return {}


@operation("enrol-encryption-key")
def _enrol_encryption(given: Input) -> Output:
    crypto.check_encryption_public(octets(given, "public"))
    return {}


@operation("expand-seed")
def _expand(given: Input) -> Output:
    signing, encryption = (kind(octets(given, "seed")) for kind in (crypto.SigningKey, crypto.EncryptionKey))
    return {
        "signing_public": signing.public.hex(),
        "signing_key_id": signing.key_id.hex(),
        "encryption_public": encryption.public.hex(),
        "encryption_key_id": encryption.key_id.hex(),
    }


@operation("sign")
def _sign(given: Input) -> Output:
    key = crypto.SigningKey(octets(given, "seed"))
    return {"signature": key.sign(given["purpose"], octets(given, "body")).hex()}


@operation("verify")
def _verify(given: Input) -> Output:
    crypto.verify(
        octets(given, "public"), given["purpose"], octets(given, "body"), octets(given, "signature")
    )
    return {}


@operation("open")
def _open(given: Input) -> Output:
    key = crypto.EncryptionKey(octets(given, "seed"))
    return {"plaintext": key.open(octets(given, "sealed"), octets(given, "info")).hex()}


@operation("pad")
def _pad(given: Input) -> Output:
    return {"padded": crypto.pad(octets(given, "plaintext")).hex()}


@operation("padded-length")
def _padded_length(given: Input) -> Output:
    return {"padded_length": crypto.padded_length(given["length"])}


@operation("unpad")
def _unpad(given: Input) -> Output:
    return {"plaintext": crypto.unpad(octets(given, "padded")).hex()}


def _describe(found: keys.KeyHistory) -> Output:
    return {
        "node_id": found.node_id.hex(),
        "head": found.head.hex(),
        "root": found.root.hex(),
        "signing": [key.hex() for key in found.signing],
        "log": [key.hex() for key in found.log],
        "hop": [key.hex() for key in found.hop],
        "encryption": [key.hex() for key in found.encryption],
        "revoked": {key.hex(): asdict(entry) for key, entry in found.revoked.items()},
        "endpoints": list(found.endpoints),
    }


@operation("read-history")
def _read_history(given: Input) -> Output:
    return _describe(history(given["history"]))


@operation("extend-history")
def _extend_history(given: Input) -> Output:
    return _describe(keys.extend(history(given["history"]), statements(given["statements"])))


@operation("merge-histories")
def _merge(given: Input) -> Output:
    return _describe(keys.merge(history(given["known"]), statements(given["offered"])))


@operation("find-signing-key")
def _find_signing(given: Input) -> Output:
    found = history(given["history"]).signing_public(octets(given, "key_id"), at=given["at"])
    return {"public": found.hex()}


@operation("find-sealing-key")
def _find_sealing(given: Input) -> Output:
    return {"key_id": history(given["history"]).sealing_key(at=given["at"]).key_id.hex()}


@operation("verify-listing")
def _verify_listing(given: Input) -> Output:
    known = history(given["known"]) if "known" in given else None
    listing, found = verify_listing(
        read_signed_listing(octets(given, "listing")), at=given["at"], known=known
    )
    return {"listing": listing.to_json(), "head": found.head.hex()}


@operation("fingerprint")
def _fingerprint(given: Input) -> Output:
    return {"fingerprint": keys.fingerprint(octets(given, "node_id"))}


@operation("read-outer")
def _read_outer(given: Input) -> Output:
    outer = envelope.read_outer(octets(given, "envelope"))
    return {
        "recipient": outer.recipient.hex(),
        "sealing_key": outer.sealing_key.hex(),
        "info": outer.info.hex(),
    }


@operation("hash-part")
def _hash_part(given: Input) -> Output:
    return {"hash": Part(octets(given, "salt"), octets(given, "content")).hash.hex()}


@operation("read-scope-part")
def _read_scope_part(given: Input) -> Output:
    found = parts.read_scope_part(Part(bytes(32), octets(given, "content")).plain)
    return {"scope": found.scope, "fields": annotate(found.fields)}


@operation("read-header")
def _read_header(given: Input) -> Output:
    header = envelope.read_header(octets(given, "header"))
    plain = {
        name: list(value) if isinstance(value, tuple) else value for name, value in asdict(header).items()
    }
    return {"id": envelope.message_id(octets(given, "header")).hex(), "header": annotate(plain)}


@operation("check-times")
def _check_times(given: Input) -> Output:
    envelope.check_times(envelope.read_header(octets(given, "header")), at=given["at"])
    return {}


def _message(read: Message) -> Output:
    return {"id": read.id.hex(), "type": read.header.type, "sender": read.header.sender.hex()}


@operation("verify-message")
def _verify_message(given: Input) -> Output:
    inner = octets(given, "message")
    return _message(returned.verify_inner(inner, history(given["sender"]), at=given["at"]))


@operation("open-envelope")
def _open_envelope(given: Input) -> Output:
    outer = envelope.read_outer(octets(given, "envelope"))
    key = crypto.EncryptionKey(octets(given, "seed"))
    inner = envelope.open_envelope(outer, octets(given, "node_id"), key)
    read = returned.verify_inner(inner, history(given["sender"]), at=given["at"])
    envelope.check_inner(read.header, outer)
    return {**_message(read), "message": inner.hex()}


@operation("check-value")
def _check_value(given: Input) -> Output:
    check_value(SCOPES[given["scope"]].fields[given["field"]], given["value"])
    return {}


@operation("read-permission")
def _read_permission(given: Input) -> Output:
    consent.read(octets(given, "body"))
    return {}


@operation("settle-exception")
def _settle(given: Input) -> Output:
    basis = grant(given).basis
    outcome = settle(basis, given["known"] or None, given["told"])
    return {"outcome": outcome, "approval": approval_of(basis, outcome)}


@operation("verify-permission")
def _verify_permission(given: Input) -> Output:
    signed = Signed.from_plain([octets(given, name) for name in ("body", "key_id", "signature")])
    consent.verify_issued(signed, history(given["issuer"]), at=given["at"])
    return {"hash": signed.hash.hex()}


def _answer(found: Answer) -> Output:
    return {"answer": found.reason if isinstance(found, Denied) else "allowed"}


@operation("covers-service")
def _covers(given: Input) -> Output:
    return _answer(covers_service(grant(given), given["service"], at=given["at"]))


@operation("onward-permits")
def _onward_permits(given: Input) -> Output:
    return _answer(onward(given).permits(grant(given), given["recipient_class"], given["at"]))


@operation("hash-recipient")
def _hash_recipient(given: Input) -> Output:
    return {"hash": consent.recipient_hash(given["salt"], given["node_id"])}


@operation("cut")
def _cut(given: Input) -> Output:
    return {"released": cut(given["record"], grant(given), given["step"])}


@operation("check-content")
def _check_content(given: Input) -> Output:
    found = [parts.read_scope_part(Part(bytes(32), bytes.fromhex(each)).plain) for each in given["parts"]]
    check_content(found, grant(given), given["by"], given["step"])
    return {}


@operation("verify-receipt")
def _verify_receipt(given: Input) -> Output:
    signed = receipt.read_signed_receipt(octets(given, "receipt"))
    found = receipt.verify_receipt(
        signed, history(given["issuer"]), message=octets(given, "message"), at=given["at"]
    )
    return {"outcome": found.outcome, "code": found.code, "missing": found.missing, "time": found.at}


@operation("advance")
def _advance(given: Input) -> Output:
    return {"state": referral.advance(given["state"], given["step"], given["by"])}


def _taken(entries: list[Input]) -> list[referral.Taken]:
    return [
        referral.Taken(octets(entry, "message"), entry["by"], entry["step"], octets(entry, "seen"))
        for entry in entries
    ]


@operation("arrive")
def _arrive(given: Input) -> Output:
    seen = referral.view(_taken(given["taken"]), given["by"], octets(given, "seen"))
    after = referral.arrive(given["state"], given["step"], given["by"], seen=seen)
    return {"authors_state": seen, "state": after}


@operation("state-of")
def _state_of(given: Input) -> Output:
    return {"state": referral.state_of(_taken(given["taken"]))}


@operation("read-body")
def _read_body(given: Input) -> Output:
    body = read_body(given["type"], fields.typed(encoding.decode(octets(given, "body")), dict, "body"))
    return {"body": annotate(body.to_plain())}


@operation("read-content")
def _read_content(given: Input) -> Output:
    message = returned.read_returned(octets(given, "message")).left
    if is_withheld(message):
        return {"withheld": True}
    content = read_content(message)
    return {
        "withheld": False,
        "body": annotate(content.body.to_plain()),
        "grant": content.grant.hash.hex() if content.grant else "",
        "onward": content.onward.hash.hex() if content.onward else "",
        "scopes": [scope.scope for scope in content.scopes],
    }


OPERATIONS |= transparency_operations.OPERATIONS
