"""Batches: the envelopes of one request and the answers to them (SPEC § 12.1).

A request is read before anything about it is known, so its envelopes are cut out by their lengths alone:
the cost is bounded by their number, whatever the bytes are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from iars_protocol import fields
from iars_protocol.encoding import decode, encode
from iars_protocol.envelope import MAX_ENVELOPE
from iars_protocol.errors import MalformedError

MOST_ENVELOPES = 100
MAX_BATCH = 16 * 1024 * 1024

# The public hints: all that is said in clear about an envelope that was not applied.
REFUSED = "refused"
UNKNOWN_RECIPIENT_KEY = "unknown-recipient-key"
CLOCK = "clock"
LOCKED = "locked"
HINTS = (REFUSED, UNKNOWN_RECIPIENT_KEY, CLOCK, LOCKED)

_ONE_BYTE, _FOUR_BYTES = 24, 26
_BYTE_STRING, _ARRAY = 2, 4


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one envelope: a sealed receipt, or a hint in clear. The other one is empty."""

    receipt: bytes = b""
    error: str = ""


def write_batch(envelopes: list[bytes]) -> bytes:
    """Encode the body of a request.

    Raises:
        MalformedError: none, more than 100, or longer than a recipient reads.

    """
    body = encode(list(envelopes))
    read_batch(body)
    return body


def read_batch(body: bytes) -> list[bytes]:
    """Cut a request's body into its envelopes without looking into them.

    Raises:
        MalformedError: not a deterministic list of 1 to 100 byte strings of at most 1 MiB each, or longer
            than 16 MiB.

    """
    if len(body) > MAX_BATCH:
        raise MalformedError(f"longer than {MAX_BATCH} bytes")
    count, start = _head(body, 0, _ARRAY, MOST_ENVELOPES)
    envelopes = []
    for _ in range(count):
        length, begin = _head(body, start, _BYTE_STRING, MAX_ENVELOPE)
        start = begin + length
        envelopes.append(body[begin:start])
    if not envelopes or start != len(body):
        raise MalformedError("the body does not end with its last envelope")
    return envelopes


def _head(body: bytes, start: int, major: int, most: int) -> tuple[int, int]:
    first = body[start] if start < len(body) else 0xFF
    argument, begin = first & 0x1F, start + 1
    if _ONE_BYTE <= argument <= _FOUR_BYTES:
        begin += 1 << argument - _ONE_BYTE
        argument = int.from_bytes(body[start + 1 : begin], "big")
    if first >> 5 != major or argument > most or body[start:begin] != _shortest(major, argument):
        raise MalformedError("not a list of at most 100 envelopes of at most 1 MiB")
    return argument, begin


def _shortest(major: int, argument: int) -> bytes:
    if argument < _ONE_BYTE:
        return bytes([major << 5 | argument])
    power = 0 if argument < 1 << 8 else 1 if argument < 1 << 16 else 2
    return bytes([major << 5 | _ONE_BYTE + power]) + argument.to_bytes(1 << power, "big")


def write_answers(answers: list[Answer]) -> bytes:
    """Encode the answers to a batch, in its order."""
    return encode([{"error": each.error} if each.error else {"receipt": each.receipt} for each in answers])


def read_answers(body: bytes, count: int) -> list[Answer]:
    """Read the answers to a batch of `count` envelopes.

    Raises:
        MalformedError: another number of answers, or an answer of another form.

    """
    entries = fields.typed(decode(body), list, "answers")
    if len(entries) != count:
        raise MalformedError("another number of answers than of envelopes")
    return [_read_answer(entry) for entry in entries]


def _read_answer(entry: Any) -> Answer:  # noqa: ANN401 - checked here
    found = fields.mapping(entry, frozenset(), frozenset({"receipt", "error"}))
    if len(found) != 1:
        raise MalformedError("an answer is a receipt or a hint")
    if "error" in found:
        return Answer(error=fields.known(found["error"], HINTS, "error"))
    receipt = fields.typed(found["receipt"], bytes, "receipt")
    if not receipt:
        raise MalformedError("the receipt is empty")
    return Answer(receipt)
