"""Any change to a sealed attachment is detected; what goes in comes out."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iars_protocol import attachment
from iars_protocol.attachment import CHUNK_BYTES, FRONT_BYTES, SEALED_CHUNK_BYTES, Seal, Sealer
from iars_protocol.errors import DecryptionError, MalformedError, ProtocolError, UnsupportedVersionError

KEY = bytes(range(32))
BORDERS = (0, 1, 1023, 1024, 1025, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 300_000)
lengths = st.one_of(st.sampled_from(BORDERS), st.integers(0, 200_000))


def plaintext(length: int) -> bytes:
    return bytes(i % 251 for i in range(min(length, 251))) * (length // 251 + 1)


def sealed(length: int) -> tuple[bytes, Seal]:
    sealer = Sealer(KEY)
    octets = b"".join(attachment.seal_stream([plaintext(length)[:length]], sealer))
    return octets, sealer.seal()


def opened(octets: bytes, seal: Seal) -> bytes:
    return b"".join(attachment.open_stream([octets], seal))


def cut(octets: bytes, every: int) -> list[bytes]:
    return [octets[start : start + every] for start in range(0, len(octets), every)]


@settings(max_examples=60, deadline=None)
@given(length=lengths, piece=st.integers(900, 140_000))
def test_what_is_sealed_opens_in_pieces_of_any_size(length: int, piece: int) -> None:
    text = plaintext(length)[:length]
    sealer = Sealer(attachment.new_key())
    octets = b"".join(attachment.seal_stream(cut(text, piece), sealer))
    seal = sealer.seal()
    assert len(octets) == seal.size == attachment.sealed_length(length)
    assert seal.length == length
    attachment.verify_stream(cut(octets, piece), seal)
    assert b"".join(attachment.open_stream(cut(octets, piece), seal)) == text


@settings(max_examples=60, deadline=None)
@given(length=lengths, where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_detected(length: int, where: float, bit: int) -> None:
    octets, seal = sealed(length)
    changed = bytearray(octets)
    changed[int(where * len(octets))] ^= 1 << bit
    with pytest.raises(ProtocolError):
        opened(bytes(changed), seal)


@settings(max_examples=60, deadline=None)
@given(length=lengths, where=st.floats(0, 1, exclude_max=True))
def test_a_truncated_attachment_is_detected(length: int, where: float) -> None:
    octets, seal = sealed(length)
    with pytest.raises(ProtocolError):
        opened(octets[: int(where * len(octets))], seal)


@settings(max_examples=30, deadline=None)
@given(order=st.permutations(range(4)))
def test_moved_or_repeated_chunks_are_detected(order: list[int]) -> None:
    octets, seal = sealed(4 * CHUNK_BYTES)
    chunks = cut(octets[FRONT_BYTES:], SEALED_CHUNK_BYTES)
    if order == [0, 1, 2, 3]:
        order = [0, 1, 1, 2, 3]
    with pytest.raises(DecryptionError):
        opened(octets[:FRONT_BYTES] + b"".join(chunks[index] for index in order), seal)


@settings(max_examples=30, deadline=None)
@given(tail=st.binary(min_size=1, max_size=SEALED_CHUNK_BYTES + 5))
def test_added_bytes_are_detected(tail: bytes) -> None:
    octets, seal = sealed(2 * CHUNK_BYTES)
    with pytest.raises(DecryptionError):
        opened(octets + tail, seal)


@pytest.mark.parametrize("boundary", [FRONT_BYTES, FRONT_BYTES + SEALED_CHUNK_BYTES])
def test_a_cut_between_two_chunks_is_detected(boundary: int) -> None:
    octets, seal = sealed(3 * CHUNK_BYTES)
    with pytest.raises(DecryptionError):
        opened(octets[:boundary], seal)


@settings(max_examples=100, deadline=None)
@given(garbage=st.binary(max_size=400))
def test_garbage_raises_protocol_errors_only(garbage: bytes) -> None:
    with pytest.raises(ProtocolError):
        opened(garbage, Seal(KEY, 10, len(garbage), bytes(32)))


@settings(max_examples=40, deadline=None)
@given(claimed=st.integers(0, 5000))
def test_another_length_than_was_sealed_shows_no_padding_as_content(claimed: int) -> None:
    octets, seal = sealed(1500)
    if claimed == seal.length:
        claimed += 1
    other = Seal(KEY, claimed, seal.size, seal.digest)
    try:
        text = opened(octets, other)
    except DecryptionError:
        return
    # Within one bucket a longer claim is indistinguishable from zeros at the end of the file.
    assert attachment.sealed_length(claimed) == seal.size
    assert text == plaintext(1500)[:1500].ljust(claimed, b"\x00")


def test_equal_buckets_give_equal_lengths() -> None:
    sizes = {attachment.sealed_length(length) for length in range(1_000_000, 1_010_000)}
    assert len(sizes) <= 2
    assert all(attachment.sealed_length(n) <= 1.13 * n + 100 for n in (10_000, 123_456, 300_000_000))


def test_another_key_opens_nothing() -> None:
    octets, seal = sealed(10)
    with pytest.raises(DecryptionError):
        opened(octets, Seal(bytes(32), seal.length, seal.size, seal.digest))


def test_another_version_and_another_file_are_told_apart() -> None:
    octets, seal = sealed(10)
    with pytest.raises(UnsupportedVersionError):
        opened(octets[:7] + b"\x02" + octets[8:], seal)
    with pytest.raises(MalformedError):
        opened(b"%PDF-1.7" + octets[8:], seal)


def test_the_hash_binds_the_exact_bytes() -> None:
    first, seal = sealed(10)
    second, _ = sealed(10)
    attachment.verify_stream([first], seal)
    with pytest.raises(DecryptionError):
        attachment.verify_stream([second], seal)
    assert list(itertools.chain(attachment.open_stream([second], seal)))


def test_a_seal_shows_neither_key_nor_length() -> None:
    _, seal = sealed(777)
    assert KEY.hex() not in repr(seal)
    assert repr(KEY) not in repr(seal)
    assert "777" not in repr(seal)
