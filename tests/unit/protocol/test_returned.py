from __future__ import annotations

from dataclasses import replace

import pytest
from tests.specimens import SHELTER, START, STRANGER, message

from iars_protocol.encoding import encode
from iars_protocol.envelope import read_message
from iars_protocol.errors import MalformedError, SignatureError, UnknownKeyError
from iars_protocol.returned import Returned, read_returned, verify_returned

SENT = message()
WHOLE = Returned(SENT.header_bytes, SENT.signature, SENT.parts)
CUT = replace(WHOLE, parts=(SENT.parts[0], *(None for _ in SENT.parts[1:])))


def test_a_whole_message_is_given_back_as_it_was_sent() -> None:
    assert WHOLE.to_bytes() == SENT.to_bytes()
    assert read_returned(SENT.to_bytes()).left == SENT == read_message(WHOLE.to_bytes())


def test_what_was_erased_is_missing_and_the_rest_still_proves_itself() -> None:
    found = read_returned(CUT.to_bytes())
    assert found == CUT
    assert found.left.parts == SENT.parts[:1]
    assert found.left.id == SENT.id
    assert verify_returned(found, SHELTER.history, at=START) == SENT.header


@pytest.mark.parametrize(
    "octets",
    [
        encode([SENT.header_bytes, SENT.signature]),
        encode([SENT.header_bytes, SENT.signature[1:], []]),
        encode([SENT.header_bytes, SENT.signature, [[b""]] * len(SENT.parts)]),
        encode({}),
    ],
)
def test_another_form_is_refused(octets: bytes) -> None:
    with pytest.raises(MalformedError):
        read_returned(octets)


def test_each_part_that_was_signed_has_its_place() -> None:
    with pytest.raises(SignatureError):
        read_returned(encode([SENT.header_bytes, SENT.signature, []]))


def test_only_its_author_and_its_own_parts_are_believed() -> None:
    with pytest.raises(SignatureError):
        verify_returned(CUT, STRANGER.history, at=START)
    with pytest.raises(SignatureError):
        verify_returned(replace(CUT, signature=bytes(64)), SHELTER.history, at=START)
    exchanged = replace(WHOLE, parts=tuple(reversed(WHOLE.parts)))
    with pytest.raises(SignatureError):
        verify_returned(exchanged, SHELTER.history, at=START)


def test_a_key_that_the_author_never_had_is_refused() -> None:
    forged = replace(SENT.header, signing_key=bytes(32)).to_bytes()
    with pytest.raises(UnknownKeyError):
        verify_returned(replace(CUT, header_bytes=forged), SHELTER.history, at=START)
