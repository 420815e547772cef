"""What the operations of § 12 and § 13 do, and those that ask what a node remembers or knows of itself."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from iars_node.cases.derived import derive, track_here
from iars_node.consent.ended import parts_of
from iars_node.consent.model import KeptGrant
from iars_node.exchange.hop import verify_request
from iars_node.witness.witnessing import read_opening
from iars_protocol import batch, envelope, referral
from iars_protocol.attachment import Seal, open_stream, verify_stream
from iars_protocol.checkpoint import read_note
from iars_protocol.consent import Signed
from iars_protocol.permission_json import read
from iars_protocol.permissions import Withdrawal
from iars_protocol.place import Memory, judge_number, judge_place
from iars_protocol.vocabulary import SERVICES
from tests.vectors.forms import Input, Output, grant, octets
from tests.vectors.registry import operation

if TYPE_CHECKING:
    from iars_protocol.envelope import Header


def _received(given: Input, header: Header, message: bytes) -> bytes | None:
    """Return what was received under a message's id, or else under its stream's number."""
    ids = [octets(each, "id") for each in given["received"]]
    place = (header.stream.hex(), header.number)
    under = [octets(each, "id") for each in given["received"] if (each["stream"], each["number"]) == place]
    return message if message in ids else next(iter(under), None)


@operation("judge-place")
def _judge_place(given: Input) -> Output:
    header = envelope.read_header(octets(given, "header"))
    message = envelope.message_id(octets(given, "header"))
    if judge_number(message, _received(given, header, message)):
        return {"verdict": "known", "code": ""}
    outcomes = {octets(each, "id"): each["outcome"] for each in given["received"]}
    sent = [bytes.fromhex(each) for each in given["sent"]]
    memory = Memory(octets(given, "head"), outcomes.get, sent.__contains__)
    found = judge_place(header, memory, at=given["at"])
    return {"verdict": found.outcome, "code": found.code} if found else {"verdict": "in-place", "code": ""}


@operation("check-answer")
def _check_answer(given: Input) -> Output:
    referral.check_answer(
        given["step"], given["kind"], created=given["created"], respond_by=given["respond_by"]
    )
    return {}


@operation("derive-fields")
def _derive(given: Input) -> Output:
    today = date.fromisoformat(given["today"])
    return {"fields": derive(given["identity"], given["demographics"], given["country"], today)}


@operation("derive-track")
def _derive_track(given: Input) -> Output:
    return {"fields": track_here(given["demographics"], given["there"], given["here"])}


def _withdrawal(body: str) -> Withdrawal:
    found = read(bytes.fromhex(body))
    if not isinstance(found, Withdrawal):
        raise TypeError("a withdrawal is expected")
    return found


@operation("what-stands")
def _what_stands(given: Input) -> Output:
    terms = grant(given)
    told = [_withdrawal(body) for body in given["withdrawals"]]
    ended = tuple(part for each in told for part in parts_of(each.scopes, each.purposes))
    kept = KeptGrant(
        terms.id, "in", b"", "", "", terms, Signed(b"", b"", b""), datetime.fromtimestamp(0, UTC), None, ended
    )
    left = kept.standing(SERVICES[given["service"]].purpose)
    return {"scopes": [scope.code for scope in left.scopes] if left else []}


@operation("read-opening")
def _read_opening(given: Input) -> Output:
    offered = read_note(given["note"].encode()).checkpoint
    shown = tuple(bytes.fromhex(each) for each in given["opening"])
    previous, size = read_opening(shown, [bytes.fromhex(each) for each in given["first"]], offered)
    return {"previous": previous, "size": size}


@operation("read-batch")
def _read_batch(given: Input) -> Output:
    return {"lengths": [len(each) for each in batch.read_batch(octets(given, "body"))]}


@operation("read-answers")
def _read_answers(given: Input) -> Output:
    found = batch.read_answers(octets(given, "body"), given["count"])
    return {
        "answers": [
            {"receipt": each.receipt.hex()} if each.receipt else {"error": each.error} for each in found
        ]
    }


@operation("authenticate-hop")
def _authenticate(given: Input) -> Output:
    named = verify_request(
        given["headers"],
        method=given["method"],
        path=given["path"],
        body=octets(given, "body"),
        recipient=octets(given, "recipient"),
        now=datetime.fromtimestamp(given["at"], UTC),
        find_key=lambda _key_id: octets(given, "public"),
        also=tuple(given.get("also", ())),
    )
    return {"key_id": named.hex()}


@operation("open-attachment")
def _open_attachment(given: Input) -> Output:
    sealed = octets(given, "sealed")
    seal = Seal(octets(given, "key"), given["length"], len(sealed), octets(given, "hash"))
    verify_stream([sealed], seal)
    return {"plaintext": b"".join(open_stream([sealed], seal)).hex()}
