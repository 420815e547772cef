from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.specimens import DAY, MISSION, SHELTER, START, STRANGER, header, message, offer, salted, seed

from iars_protocol import envelope
from iars_protocol.crypto import EncryptionKey, pad, seal
from iars_protocol.encoding import decode, encode
from iars_protocol.envelope import (
    Message,
    check_inner,
    check_times,
    open_envelope,
    read_header,
    read_message,
    read_outer,
    seal_envelope,
    sign_message,
    verify_message,
)
from iars_protocol.errors import (
    ClockError,
    DecryptionError,
    ExpiredError,
    KeyRefusedError,
    MalformedError,
    ProtocolError,
    SignatureError,
    UnknownKeyError,
    UnsupportedVersionError,
    WrongRecipientError,
)
from iars_protocol.keys import REVOCATION, SealingKey
from iars_protocol.parts import ScopePart

if TYPE_CHECKING:
    from iars_protocol.content import Content


def sealed(plaintext: bytes, to: Any = MISSION) -> bytes:
    return seal_envelope(plaintext, to.id, to.history.sealing_key(at=START))


def test_a_message_arrives_as_it_was_signed() -> None:
    sent = message()
    outer = read_outer(sealed(sent.to_bytes()))
    inner = read_message(open_envelope(outer, MISSION.id, MISSION.encryption))
    header = verify_message(inner, SHELTER.history, at=START)
    check_inner(header, outer)
    check_times(header, at=START)
    assert inner == sent
    assert inner.id == sent.id
    assert header == sent.header


def of_scope(text: str) -> Content:
    return offer([ScopePart("services", {}, (text,))])


def test_the_outside_names_no_sender_and_hides_the_length() -> None:
    small, large = (sealed(message(of_scope("x" * length)).to_bytes()) for length in (1, 20))
    assert SHELTER.id not in small
    assert SHELTER.signing.key_id not in small
    assert len(small) == len(large)


def test_signing_fills_in_the_key_and_the_parts() -> None:
    parts = salted(offer())
    signed = sign_message(header(), parts, SHELTER.signing)
    assert signed.header.signing_key == SHELTER.signing.key_id
    assert signed.header.parts == tuple(part.hash for part in parts)


@pytest.mark.parametrize("changes", [{"number": 0}, {"expires": START}, {"type": ""}, {"thread": b""}])
def test_a_header_that_nobody_could_read_is_not_signed(changes: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        sign_message(header(**changes), salted(offer()), SHELTER.signing)
    with pytest.raises(MalformedError):
        sign_message(header(), (), SHELTER.signing)


def changed(**changes: Any) -> bytes:
    plain = {**decode(message().header_bytes), **changes}
    return encode({name: value for name, value in plain.items() if value is not ...})


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"v": 2}, UnsupportedVersionError),
        ({"v": True}, UnsupportedVersionError),
        ({"v": ...}, UnsupportedVersionError),
        ({"more": 1}, MalformedError),
        ({"seen": ...}, MalformedError),
        ({"type": "x" * 65}, MalformedError),
        ({"type": b"x"}, MalformedError),
        ({"type": "a\x00"}, MalformedError),
        ({"sender": bytes(31)}, MalformedError),
        ({"sender": "x" * 32}, MalformedError),
        ({"thread": bytes(32)}, MalformedError),
        ({"previous": bytes(31)}, MalformedError),
        ({"previous": ""}, MalformedError),
        ({"seen": None}, MalformedError),
        ({"grant": 0}, MalformedError),
        ({"number": True}, MalformedError),
        ({"number": -1}, MalformedError),
        ({"created": -1}, MalformedError),
        ({"created": START + 30 * DAY}, MalformedError),
        ({"expires": 253_402_300_800}, MalformedError),
        ({"parts": []}, MalformedError),
        ({"parts": [bytes(32)] * 2}, MalformedError),
        ({"parts": [bytes(31)]}, MalformedError),
        ({"parts": [[bytes(32)]]}, MalformedError),
        ({"parts": [seed(str(n)) for n in range(65)]}, MalformedError),
        ({"parts": {}}, MalformedError),
    ],
)
def test_a_header_of_another_form_is_refused(changes: dict[str, Any], error: type[ProtocolError]) -> None:
    with pytest.raises(error):
        read_header(changed(**changes))


def test_a_header_that_is_no_map_or_too_long_is_refused() -> None:
    for octets in (encode([]), encode("x"), changed(type="x" * 9000), b""):
        with pytest.raises(MalformedError):
            read_header(octets)


PART = [bytes(32), b"\xa0"]


@pytest.mark.parametrize(
    "inner",
    [
        [],
        {},
        None,
        [b"", bytes(64)],
        [b"", bytes(64), [], 1],
        ["", bytes(64), []],
        [b"", bytes(63), []],
        [b"", bytes(64), {}],
        [b"", bytes(64), [PART] * 65],
        [b"", bytes(64), [[bytes(31), b""]]],
        [b"", bytes(64), [[bytes(32), ""]]],
        [b"", bytes(64), [[bytes(32)]]],
        [b"", bytes(64), [b"part"]],
    ],
)
def test_an_inner_message_of_another_form_is_refused(inner: Any) -> None:
    with pytest.raises(MalformedError):
        read_message(encode(inner))


def test_another_sender_key_or_content_is_not_believed() -> None:
    sent = message()
    with pytest.raises(SignatureError):
        verify_message(sent, STRANGER.history, at=START)
    with pytest.raises(UnknownKeyError):
        verify_message(sign_message(header(), sent.parts, SHELTER.key("hop")), SHELTER.history, at=START)
    for other in (
        replace(sent, signature=bytes(64)),
        replace(sent, header_bytes=changed(number=2)),
        replace(sent, parts=sent.parts[:-1]),
        replace(sent, parts=sent.parts[::-1]),
        replace(sent, parts=(replace(sent.parts[0], salt=bytes(32)), *sent.parts[1:])),
    ):
        with pytest.raises(SignatureError):
            verify_message(
                Message(other.header_bytes, other.signature, other.parts), SHELTER.history, at=START
            )


def test_a_revoked_key_signs_nothing_any_more() -> None:
    gone = {"key_id": SHELTER.signing.key_id, "revoked_at": START + DAY, "suspect_since": START}
    history = SHELTER.with_statement(REVOCATION, gone, "root").history
    assert verify_message(message(), history, at=START).number == 1
    with pytest.raises(SignatureError):
        verify_message(message(), history, at=START + DAY)


def test_a_message_has_its_time() -> None:
    sent = message().header
    check_times(sent, at=START - 300)
    with pytest.raises(ClockError):
        check_times(sent, at=START - 301)
    with pytest.raises(ExpiredError):
        check_times(sent, at=START + 30 * DAY)


def test_a_message_cannot_be_sealed_on_to_another_node() -> None:
    sent = message()
    outer = read_outer(sealed(sent.to_bytes(), STRANGER))
    inner = read_message(open_envelope(outer, STRANGER.id, STRANGER.encryption))
    with pytest.raises(WrongRecipientError):
        check_inner(inner.header, outer)
    with pytest.raises(WrongRecipientError):
        open_envelope(outer, MISSION.id, MISSION.encryption)


def test_the_outside_cannot_be_changed() -> None:
    outer = read_outer(sealed(b"text"))
    for other in (
        replace(outer, enc=bytes(1120)),
        replace(outer, ciphertext=outer.ciphertext[:-1]),
    ):
        with pytest.raises(DecryptionError):
            open_envelope(other, MISSION.id, MISSION.encryption)
    renamed = replace(outer, recipient=STRANGER.id)
    with pytest.raises(DecryptionError):
        open_envelope(renamed, STRANGER.id, MISSION.encryption)


def test_an_envelope_for_another_key_of_the_node_is_told_apart() -> None:
    outer = read_outer(sealed(b"text"))
    with pytest.raises(UnknownKeyError):
        open_envelope(outer, MISSION.id, EncryptionKey(bytes(32)))
    with pytest.raises(UnknownKeyError):
        open_envelope(replace(outer, sealing_key=bytes(32)), MISSION.id, MISSION.encryption)
    with pytest.raises(WrongRecipientError):
        open_envelope(outer, STRANGER.id, EncryptionKey(bytes(32)))


def test_wrong_padding_looks_like_any_other_failure() -> None:
    info = encode([1, 1, MISSION.id, MISSION.encryption.key_id])
    for padded in (b"", pad(b"x")[:-1], pad(b"x")[:-1] + b"\x01"):
        octets = seal(MISSION.encryption.public, info, padded)
        outer = envelope.Outer(MISSION.id, MISSION.encryption.key_id, octets[:1120], octets[1120:])
        with pytest.raises(DecryptionError, match="does not open"):
            open_envelope(read_outer(outer.to_bytes()), MISSION.id, MISSION.encryption)


OUTER = [1, 1, bytes(32), bytes(32), bytes(1120), bytes(16)]


@pytest.mark.parametrize(
    ("pieces", "error"),
    [
        ([], UnsupportedVersionError),
        ([1], UnsupportedVersionError),
        ({}, MalformedError),
        (["1", 1], UnsupportedVersionError),
        ([True, 1, *OUTER[2:]], UnsupportedVersionError),
        ([1, True, *OUTER[2:]], UnsupportedVersionError),
        ([2, 1, *OUTER[2:]], UnsupportedVersionError),
        ([1, 2], UnsupportedVersionError),
        (OUTER[:5], MalformedError),
        ([*OUTER, b""], MalformedError),
        ([1, 1, bytes(31), *OUTER[3:]], MalformedError),
        ([1, 1, bytes(32), "x", *OUTER[4:]], MalformedError),
        ([*OUTER[:4], bytes(1119), bytes(16)], MalformedError),
        ([*OUTER[:5], bytes(15)], MalformedError),
        ([*OUTER[:5], None], MalformedError),
    ],
)
def test_an_envelope_of_another_form_is_refused(pieces: Any, error: type[ProtocolError]) -> None:
    with pytest.raises(error):
        read_outer(encode(pieces))


def test_an_envelope_has_at_most_one_mebibyte() -> None:
    with pytest.raises(MalformedError):
        read_outer(bytes(1024 * 1024 + 1))
    with pytest.raises(MalformedError):
        sealed(bytes(1024 * 1024))
    largest = sealed(bytes(983_036))
    assert len(largest) <= 1024 * 1024
    assert open_envelope(read_outer(largest), MISSION.id, MISSION.encryption) == bytes(983_036)


def test_nothing_is_sealed_for_an_unsound_key() -> None:
    with pytest.raises(KeyRefusedError):
        seal_envelope(b"", MISSION.id, SealingKey(bytes(32), b"\xff" * 1216, 1, 1))


def test_parts_show_nothing() -> None:
    part = message().parts[1]
    assert part.salt.hex() not in repr(part)
    assert repr(part) == f"Part({part.hash.hex()[:16]})"
