from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from tests.specimens import DAY, SHELTER, START, STRANGER, listing, signed_listing

from iars_protocol.encoding import encode, encode_json
from iars_protocol.errors import (
    ForkError,
    MalformedError,
    SignatureError,
    UnknownKeyError,
    UnsupportedVersionError,
)
from iars_protocol.keys import ENDPOINT, REVOCATION
from iars_protocol.listing import (
    MAX_LISTING,
    SignedListing,
    read_signed_listing,
    sign_listing,
    verify_listing,
)


def test_a_listing_comes_out_as_it_was_signed() -> None:
    signed = read_signed_listing(signed_listing().to_bytes())
    assert verify_listing(signed, at=START) == (listing(), SHELTER.history)
    assert verify_listing(signed, at=START, known=SHELTER.history) == (listing(), SHELTER.history)


def test_a_name_is_found_in_the_language_or_the_first() -> None:
    assert listing().name("sq") == "Strehëza"
    assert listing().name("ru") == "The Shelter"


def test_a_listing_counts_under_its_own_nodes_signature_only() -> None:
    of_another = sign_listing(listing(STRANGER), SHELTER.statements, SHELTER.signing)
    with pytest.raises(SignatureError):
        verify_listing(of_another, at=START)
    with pytest.raises(UnknownKeyError):
        verify_listing(sign_listing(listing(), SHELTER.statements, SHELTER.key("hop")), at=START)
    with pytest.raises(SignatureError):
        verify_listing(replace(signed_listing(), signature=bytes(64)), at=START)
    with pytest.raises(SignatureError):
        verify_listing(signed_listing(STRANGER), at=START, known=SHELTER.history)


def test_a_listing_brings_a_newer_history_and_shows_a_fork() -> None:
    newer = SHELTER.with_statement(ENDPOINT, {"urls": []}, "signing")
    forked = SHELTER.with_statement(ENDPOINT, {"urls": ["https://b"]}, "signing")
    signed = sign_listing(listing(), newer.statements, SHELTER.signing)
    assert verify_listing(signed, at=START, known=SHELTER.history)[1] == newer.history
    with pytest.raises(ForkError):
        verify_listing(signed, at=START, known=forked.history)


def test_a_revoked_key_lists_nothing_any_more() -> None:
    gone = {"key_id": SHELTER.signing.key_id, "revoked_at": START + DAY, "suspect_since": START}
    revoked = SHELTER.with_statement(REVOCATION, gone, "root")
    signed = sign_listing(listing(), revoked.statements, SHELTER.signing)
    with pytest.raises(SignatureError):
        verify_listing(signed, at=START + DAY)


def of(**changes: Any) -> SignedListing:
    plain = {**listing().to_json(), **changes}
    body = encode_json({name: value for name, value in plain.items() if value is not ...})
    key = SHELTER.signing
    return SignedListing(body, key.key_id, key.sign("iars/1/listing", body), SHELTER.statements)


@pytest.mark.parametrize(
    "changes",
    [
        {"node": "00"},
        {"number": 0},
        {"number": True},
        {"created": -1},
        {"names": {}},
        {"names": []},
        {"names": {"en": ""}},
        {"names": {"English": "x"}},
        {"names": {"en": "a\x00"}},
        {"names": {f"a{letter}": "x" for letter in "abcdefghijklmnopqrstu"}},
        {"organisation_type": "Club"},
        {"organisation_type": []},
        {"organisation_type": {}},
        {"country": "al"},
        {"country": []},
        {"zone": "../../etc/passwd"},
        {"zone": ""},
        {"languages": ["Albanian"]},
        {"languages": "sq"},
        {"services": "SHELTER"},
        {"services": [1]},
        {"training": 0},
        {"training": ...},
        {"more": 1},
    ],
)
def test_a_listing_of_another_form_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        verify_listing(of(**changes), at=START)


def test_a_service_of_a_newer_version_is_left_out() -> None:
    assert verify_listing(of(services=["SHELTER", "TELEPATHY"]), at=START)[0].services == ("SHELTER",)


def test_a_listing_of_another_version_is_refused_as_such() -> None:
    with pytest.raises(UnsupportedVersionError):
        verify_listing(of(type="listing/2"), at=START)
    with pytest.raises(UnsupportedVersionError):
        read_signed_listing(encode(["listing/2"]))


SIGNED = signed_listing()


@pytest.mark.parametrize(
    "pieces",
    [
        {},
        ["listing/1", b"", bytes(32), bytes(64)],
        ["listing/1", "", bytes(32), bytes(64), []],
        ["listing/1", b"", bytes(31), bytes(64), []],
        ["listing/1", b"", bytes(32), bytes(63), []],
        ["listing/1", b"", bytes(32), bytes(64), {}],
        ["listing/1", b"", bytes(32), bytes(64), [b""]],
    ],
)
def test_the_outer_form_has_five_pieces(pieces: Any) -> None:
    with pytest.raises(MalformedError):
        read_signed_listing(encode(pieces))


@pytest.mark.parametrize("pieces", [[], [1], ["listing/2"], [b"listing/1"]])
def test_a_listing_that_does_not_begin_with_its_version_is_refused_as_such(pieces: Any) -> None:
    with pytest.raises(UnsupportedVersionError):
        read_signed_listing(encode(pieces))


def test_a_listing_that_is_too_long_is_not_looked_at() -> None:
    with pytest.raises(MalformedError):
        read_signed_listing(bytes(MAX_LISTING + 1))


def test_what_nobody_could_read_is_not_signed() -> None:
    with pytest.raises(MalformedError):
        signed_listing(country="Albania")
    assert json.loads(SIGNED.body)["country"] == "AL"
