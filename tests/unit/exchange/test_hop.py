"""The hop signature: one form is written and read as text, every other that RFC 9421 allows by a library."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from http_message_signatures import HTTPMessageSigner, HTTPSignatureKeyResolver
from http_message_signatures.algorithms import HTTPSignatureAlgorithm
from hypothesis import given
from hypothesis import strategies as st

from iars_node.exchange import hop, hop_form
from iars_protocol.crypto import SigningKey
from iars_protocol.errors import ClockError, SignatureError

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = SigningKey(b"\x01" * 32)
OTHER = SigningKey(b"\x02" * 32)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RECIPIENT = b"\x0a" * 32
PATH = "/iars/v1/envelopes"
BODY = b"sealed"
COMPONENTS = {"@method": "POST", "@path": PATH, "content-digest": "", "iars-recipient": ""}


def signed(key: SigningKey = KEY, also: Mapping[str, str] | None = None) -> dict[str, str]:
    """Sign a request as this program does."""
    headers = hop.sign_request(
        key, method="POST", path=PATH, body=BODY, recipient=RECIPIENT, now=NOW, also=also
    )
    return {name.lower(): value for name, value in headers.items()}


def verify(headers: Mapping[str, str], **changes: Any) -> bytes:
    """Verify a request as the one that was signed, but for the changes."""
    expected: dict[str, Any] = {"method": "POST", "path": PATH, "body": BODY, "recipient": RECIPIENT}
    return hop.verify_request(headers, find_key=find_key, **({"now": NOW} | expected | changes))


def find_key(key_id: bytes) -> bytes | None:
    """Know one key only."""
    return KEY.public if key_id == KEY.key_id else None


def by_library(headers: Mapping[str, str]) -> bytes:
    """Verify the same request by the library alone."""
    return hop.verify_any(headers, "POST", PATH, BODY, RECIPIENT, NOW, find_key, ())


def verdict(check: Any, headers: Mapping[str, str]) -> object:
    """Return what a check finds, or the class of its refusal."""
    try:
        return check(headers)
    except (SignatureError, ClockError) as error:
        return type(error)


@dataclass(slots=True)
class _Request:
    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)


class _Signs(HTTPSignatureAlgorithm):
    algorithm_id = "ed25519"

    def __init__(self, public_key: Any = None, private_key: Any = None) -> None:  # noqa: ARG002
        self._key: SigningKey = private_key

    def sign(self, message: bytes) -> bytes:
        return self._key.sign_bytes(message)

    def verify(self, signature: bytes, message: bytes) -> None:
        raise NotImplementedError


class _Keys(HTTPSignatureKeyResolver):
    def resolve_private_key(self, key_id: str) -> Any:  # noqa: ARG002
        return KEY


def test_a_request_that_is_another_than_was_signed_is_refused() -> None:
    for change in ({"body": b"other"}, {"method": "PUT"}, {"path": "/iars"}, {"recipient": b"\x0b" * 32}):
        with pytest.raises(SignatureError):
            verify(signed(), **change)


def test_a_stranger_is_refused() -> None:
    with pytest.raises(SignatureError):
        verify(signed(OTHER))


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_request_of_another_time_is_told_apart(minutes: int) -> None:
    with pytest.raises(ClockError):
        verify(signed(), now=NOW + timedelta(minutes=minutes))


def test_a_signature_that_is_valid_for_too_long_is_refused() -> None:
    components = COMPONENTS | {
        "content-digest": hop_form.digest(BODY),
        "iars-recipient": RECIPIENT.hex(),
    }
    created = int(NOW.timestamp())
    headers = hop_form.write(
        components,
        created=created,
        expires=created + 301,
        key_id=KEY.key_id,
        tag=hop.TAG,
        sign=KEY.sign_bytes,
    )
    lowered = {name.lower(): value for name, value in headers.items()}
    with pytest.raises(SignatureError):
        verify(lowered | {name: value for name, value in components.items() if name[0] != "@"})


def test_what_is_signed_has_the_form_that_needs_no_library_and_the_library_takes_it_too() -> None:
    headers = signed()
    assert hop_form.read(headers, COMPONENTS, hop.TAG) is not None
    assert verify(headers) == by_library(headers) == KEY.key_id


def test_further_headers_are_signed() -> None:
    headers = signed(also={"upload-offset": "4096"})
    assert verify(headers, also=("upload-offset",)) == KEY.key_id
    for changed in (headers | {"upload-offset": "0"}, signed()):
        with pytest.raises(SignatureError):
            verify(changed, also=("upload-offset",))


def test_another_form_of_the_same_signature_is_read_by_the_library() -> None:
    request = _Request("POST", "https://node" + PATH, {"iars-recipient": RECIPIENT.hex()})
    HTTPMessageSigner(signature_algorithm=_Signs, key_resolver=_Keys()).sign(
        request,
        key_id=KEY.key_id.hex(),
        created=NOW,
        expires=NOW + timedelta(minutes=2),
        nonce="0123456789abcdef01234567",
        label="iars",
        tag=hop.TAG,
        include_alg=True,
        covered_component_ids=("iars-recipient", "content-digest", "@path", "@method"),
        body=BODY,
    )
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert hop_form.read(headers, COMPONENTS, hop.TAG) is None
    assert verify(headers) == KEY.key_id


@given(
    st.sampled_from(["signature-input", "signature", "content-digest", "iars-recipient"]),
    st.integers(0, 400),
    st.sampled_from([*'0a9=:;" ()-_+/,\n\t\xe9', ""]),
)
def test_an_altered_header_is_never_taken_where_the_library_refuses_it(
    name: str, place: int, letter: str
) -> None:
    headers = signed()
    place %= len(headers[name])
    altered = headers[name][:place] + letter + headers[name][place + 1 :]
    found = verdict(verify, headers | {name: altered})
    if altered == headers[name]:
        assert found == KEY.key_id
    elif found == KEY.key_id:
        assert verdict(by_library, headers | {name: altered}) == KEY.key_id
