from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from tests.property.protocol.strategies import (
    HEADERS,
    JSON,
    ONWARD,
    PLAIN,
    RECEIPTS,
    WITHDRAWALS,
    grants,
    scope_parts,
)
from tests.specimens import SHELTER

from iars_protocol import consent
from iars_protocol.batch import read_batch, write_batch
from iars_protocol.crypto import pad, padded_length, unpad
from iars_protocol.encoding import decode, decode_json, encode, encode_json, frame, from_text, to_text
from iars_protocol.envelope import Header, Message, read_header, read_message
from iars_protocol.parts import Part, ScopePart, read_scope_part
from iars_protocol.receipt import Receipt, SignedReceipt, read_signed_receipt, sign_receipt

if TYPE_CHECKING:
    from iars_protocol.encoding import Plain


@given(PLAIN)
def test_every_plain_value_reads_as_it_was_written(value: Plain) -> None:
    assert decode(encode(value)) == value


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), JSON, max_size=5))
def test_every_object_in_canonical_json_reads_as_it_was_written(value: dict[str, object]) -> None:
    assert decode_json(encode_json(value)) == value


@given(st.text(), st.lists(st.binary(max_size=10)), st.text(), st.lists(st.binary(max_size=10)))
def test_no_two_lists_frame_alike(first: str, some: list[bytes], second: str, others: list[bytes]) -> None:
    if first.isascii() and second.isascii() and (first, some) != (second, others):
        assert frame(first, *some) != frame(second, *others)


@given(st.binary())
def test_bytes_survive_base64(octets: bytes) -> None:
    assert from_text(to_text(octets)) == octets


@given(st.integers(0, 5000), st.binary(max_size=20))
def test_padding_comes_off_and_costs_at_most_an_eighth(length: int, start: bytes) -> None:
    plaintext = start.ljust(length, b"x")
    padded = pad(plaintext)
    assert unpad(padded) == plaintext
    assert len(padded) == padded_length(len(plaintext) + 4)
    assert len(padded) <= max(1024, (len(plaintext) + 4) * 1.125)


@given(grants() | ONWARD | WITHDRAWALS)
def test_every_permission_reads_as_it_was_signed(permission: consent.Permission) -> None:
    signed = consent.sign(permission, SHELTER.signing)
    assert consent.Signed.from_line(signed.to_line()).content == permission


@given(HEADERS)
def test_every_header_reads_as_it_was_written(header: Header) -> None:
    assert read_header(header.to_bytes()) == header


@given(st.lists(scope_parts(), max_size=3))
def test_every_message_reads_as_it_was_written(scopes: list[ScopePart]) -> None:
    parts = tuple(scope.to_part() for scope in scopes)
    message = read_message(Message(b"header", bytes(64), parts).to_bytes())
    assert message.parts == parts
    assert [read_scope_part(Part(part.salt, part.content).plain) for part in message.parts] == scopes


@given(RECEIPTS)
def test_every_receipt_reads_as_it_was_signed(receipt: Receipt) -> None:
    signed = sign_receipt(receipt, SHELTER.signing)
    assert read_signed_receipt(signed.to_bytes()) == signed
    assert SignedReceipt(signed.body, signed.key_id, signed.signature).receipt == receipt


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=100))
def test_every_batch_reads_as_it_was_written(envelopes: list[bytes]) -> None:
    assert read_batch(write_batch(envelopes)) == decode(write_batch(envelopes)) == envelopes
