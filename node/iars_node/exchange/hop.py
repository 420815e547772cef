"""Hop authentication: HTTP Message Signatures (RFC 9421) with a key of its own (SPEC § 12).

The form that this program writes is read as it stands (`hop_form`); a library reads every other that the
specification allows. The signature itself is the protocol's Ed25519, so that one acceptance rule holds
everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from http_message_signatures import HTTPMessageVerifier, HTTPSignatureKeyResolver
from http_message_signatures.algorithms import HTTPSignatureAlgorithm
from http_message_signatures.exceptions import HTTPMessageSignaturesException, InvalidSignature

from iars_node.exchange import hop_form
from iars_node.vault.identity import seconds
from iars_protocol.crypto import verify_bytes
from iars_protocol.encoding import from_text
from iars_protocol.errors import ClockError, MalformedError, ProtocolError, SignatureError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime, timedelta

    from iars_protocol.crypto import SigningKey

RECIPIENT = "iars-recipient"
TAG = "iars-hop"
_WINDOW_SECONDS = 300
_LEAST_NONCE = 16
COVERED = ("@method", "@path", "content-digest", RECIPIENT)

# Only the path is signed: what stands before it is decided by whoever routes the request.
_ANY_HOST = "https://node"


@dataclass(slots=True)
class _Request:
    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)


class _Ed25519(HTTPSignatureAlgorithm):
    algorithm_id = "ed25519"

    def __init__(self, public_key: Any = None, private_key: Any = None) -> None:  # noqa: ANN401, ARG002 - its seam
        self._public = public_key

    def verify(self, signature: bytes, message: bytes) -> None:
        verify_bytes(self._public, message, signature)


class _PeerKey(HTTPSignatureKeyResolver):
    def __init__(self, find: Callable[[bytes], bytes | None]) -> None:
        self._find = find

    def resolve_public_key(self, key_id: str) -> Any:  # noqa: ANN401 - the library's seam
        return self._find(bytes.fromhex(key_id))


class _OutsideWindowError(InvalidSignature):
    """Made at another time than now, by this node's clock."""


class _Verifier(HTTPMessageVerifier):
    """The library's verifier, by this node's clock and this protocol's window."""

    def __init__(self, resolver: HTTPSignatureKeyResolver, now: datetime) -> None:
        super().__init__(signature_algorithm=_Ed25519, key_resolver=resolver)
        self._now = seconds(now)

    def validate_created_and_expires(self, sig_input: Any, max_age: timedelta | None = None) -> None:  # noqa: ANN401, ARG002
        created, expires = sig_input.params.get("created"), sig_input.params.get("expires")
        if type(created) is not int or type(expires) is not int:
            raise InvalidSignature("created and expires are required")
        if expires > created + _WINDOW_SECONDS:
            raise InvalidSignature("valid for too long")
        if abs(self._now - created) > _WINDOW_SECONDS or expires < self._now:
            raise _OutsideWindowError


def sign_request(  # noqa: PLR0913 - a request has these pieces, all by name
    key: SigningKey,
    *,
    method: str,
    path: str,
    body: bytes,
    recipient: bytes,
    now: datetime,
    also: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the headers that authenticate a request to a peer; `also` holds further headers to be signed."""
    headers = {hop_form.DIGEST: hop_form.digest(body), RECIPIENT: recipient.hex(), **(also or {})}
    created = seconds(now)
    return headers | hop_form.write(
        {"@method": method, "@path": path, **headers},
        created=created,
        expires=created + _WINDOW_SECONDS,
        key_id=key.key_id,
        tag=TAG,
        sign=key.sign_bytes,
    )


def verify_request(  # noqa: PLR0913 - a request has these pieces, all by name
    headers: Mapping[str, str],
    *,
    method: str,
    path: str,
    body: bytes | None,
    recipient: bytes,
    now: datetime,
    find_key: Callable[[bytes], bytes | None],
    also: tuple[str, ...] = (),
) -> bytes:
    """Verify who sent a request, by its hop key.

    `find_key` returns the public key for a key id, or None where it is no living hop key of a peer. Without
    a `body` the caller holds what it reads against the signed digest itself. `also` names further headers
    that must be signed.

    Returns the key id. Raises ClockError where the request was made at another time than now, which says no
    more than this node's clock, and SignatureError for every other reason alike.
    """
    components = {
        "@method": method,
        "@path": path,
        hop_form.DIGEST: "",
        RECIPIENT: "",
        **dict.fromkeys(also, ""),
    }
    form = hop_form.read(headers, components, TAG)
    if form is None:
        return verify_any(headers, method, path, body, recipient, now, find_key, also)
    if form.expires > form.created + _WINDOW_SECONDS:
        raise SignatureError("the request is not authenticated")
    if abs(seconds(now) - form.created) > _WINDOW_SECONDS or form.expires < seconds(now):
        raise ClockError("the request was made at another time")
    public = find_key(form.key_id)
    if not _is_nonce(form.nonce) or public is None or headers.get(RECIPIENT) != recipient.hex():
        raise SignatureError("the request is not authenticated")
    if body is not None and headers.get(hop_form.DIGEST) != hop_form.digest(body):
        raise SignatureError("the request is not authenticated")
    try:
        verify_bytes(public, form.base, form.signature)
    except ProtocolError as error:
        raise SignatureError("the request is not authenticated") from error
    return form.key_id


def _is_nonce(text: str | None) -> bool:
    try:
        return len(from_text(text or "")) >= _LEAST_NONCE
    except MalformedError:
        return False


def verify_any(  # noqa: PLR0913, PLR0917 - as above
    headers: Mapping[str, str],
    method: str,
    path: str,
    body: bytes | None,
    recipient: bytes,
    now: datetime,
    find_key: Callable[[bytes], bytes | None],
    also: tuple[str, ...],
) -> bytes:
    """Verify a signature of any form that the specification allows, by the library."""
    request = _Request(method, _ANY_HOST + path, dict(headers))
    try:
        verified = _Verifier(_PeerKey(find_key), now).verify(
            request, expect_tag=TAG, require_components=(*COVERED, *also), body=body
        )
    except _OutsideWindowError as error:
        raise ClockError("the request was made at another time") from error
    except (HTTPMessageSignaturesException, ProtocolError, ValueError) as error:
        raise SignatureError("the request is not authenticated") from error
    if headers.get(RECIPIENT) != recipient.hex() or len(verified) != 1 or not _is_nonce(verified[0].nonce):
        raise SignatureError("the request is not authenticated")
    return bytes.fromhex(str(verified[0].parameters["keyid"]))
