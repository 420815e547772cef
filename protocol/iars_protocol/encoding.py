"""Bytes on the wire: deterministic CBOR, canonical JSON, and the framing that keeps signatures apart (SPEC § 2)."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, NoReturn, TypeAlias

import cbor2
import rfc8785

from iars_protocol.errors import MalformedError

MAX_DEPTH = 16
MAX_BYTES = 16 * 1024 * 1024
MAX_INTEGER = 2**53 - 1

Plain: TypeAlias = "None | bool | int | str | bytes | list[Any] | dict[str, Any]"


def encode(value: Plain) -> bytes:
    """Encode a plain value as deterministic CBOR.

    Args:
        value: None, booleans, integers, text, bytes, and lists and text-keyed maps of them.

    Returns:
        The one encoding that RFC 8949 § 4.2.1 allows (SPEC § 2.1).

    """
    return cbor2.dumps(value, canonical=True)


def decode(octets: bytes) -> Any:  # noqa: ANN401 - the caller checks the form it expects
    """Decode deterministic CBOR from outside.

    Args:
        octets: at most 16 MiB, nested at most 16 deep.

    Returns:
        The plain value.

    Raises:
        MalformedError: too long, too deep, not well formed, trailing bytes, duplicate keys, tags,
            floats, or any other encoding than the deterministic one (SPEC § 2.1).

    """
    if len(octets) > MAX_BYTES:
        raise MalformedError("longer than 16 MiB")
    try:
        value = cbor2.loads(
            octets,
            max_depth=MAX_DEPTH,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            strict_hashable_types=True,
            tag_hook=_refuse_tag,
        )
        # Two encodings of one value would have two hashes: whoever can re-encode could make one
        # message look like two. Only the deterministic form is let in.
        is_deterministic = cbor2.dumps(value, canonical=True) == octets
    except MalformedError:
        raise
    except Exception as error:
        raise MalformedError("not well-formed CBOR") from error
    _check_plain(value)
    if not is_deterministic:
        raise MalformedError("not deterministic CBOR")
    return value


def _refuse_tag(*_ignored: object) -> NoReturn:
    raise MalformedError("CBOR tags are not used")


_SCALARS = (str, bytes, bool, type(None))


def _check_plain(value: object) -> None:
    stack = [value]
    while stack:
        item = stack.pop()
        kind = type(item)
        if kind is dict:
            for key, inner in item.items():  # type: ignore[attr-defined]
                if type(key) is not str:
                    raise MalformedError("a map's keys are text")
                stack.append(inner)
        elif kind is list:
            stack.extend(item)  # type: ignore[arg-type]
        elif kind is int:
            if not -MAX_INTEGER <= item <= MAX_INTEGER:  # type: ignore[operator]
                raise MalformedError("an integer is out of range")
        elif kind not in _SCALARS:
            raise MalformedError("only text, bytes, integers, booleans, null, lists and maps are used")


def encode_json(value: dict[str, Any]) -> bytes:
    """Encode an object that needs a hash as canonical JSON (RFC 8785).

    Raises:
        MalformedError: a value that canonical JSON can't express (SPEC § 2.2).

    """
    try:
        return rfc8785.dumps(value)
    except rfc8785.CanonicalizationError as error:
        raise MalformedError("not expressible as canonical JSON") from error


def decode_json(octets: bytes) -> dict[str, Any]:
    """Decode an object in canonical JSON from outside.

    Raises:
        MalformedError: not UTF-8, not JSON, duplicate names, floats, too deep, not an object, or not
            the canonical form (SPEC § 2.2).

    """
    if len(octets) > MAX_BYTES:
        raise MalformedError("longer than 16 MiB")
    if _depth(octets) > MAX_DEPTH:
        raise MalformedError("nested too deep")
    try:
        value = json.loads(
            octets.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
        )
    except MalformedError:
        raise
    except ValueError as error:
        raise MalformedError("not well-formed JSON") from error
    if not isinstance(value, dict):
        raise MalformedError("not a JSON object")
    if encode_json(value) != octets:
        raise MalformedError("not canonical JSON")
    return value


def _depth(octets: bytes) -> int:
    # A bound from above: brackets inside strings count too. Python's parser recurses, so the
    # nesting is bounded before it starts.
    deepest = depth = 0
    for octet in octets:
        if octet in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif octet in b"]}":
            depth -= 1
    return deepest


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        # json keeps the last of two equal names silently; another reader may keep the first.
        raise MalformedError("a name stands twice in one object")
    return found


def _refuse_number(_text: str) -> NoReturn:
    raise MalformedError("only whole numbers are used")


def frame(purpose: str, *pieces: bytes) -> bytes:
    """Join a purpose and byte strings so that no two different lists give the same bytes.

    Args:
        purpose: what the result is for, such as `iars/1/message`.
        pieces: the byte strings, in order.

    Returns:
        count ‖ (length ‖ bytes) for the purpose and each piece, numbers as 8-byte little-endian
        integers: the pre-authentication encoding of SPEC § 2.3.

    """
    every = (purpose.encode(), *pieces)
    framed = bytearray(len(every).to_bytes(8, "little"))
    for piece in every:
        framed += len(piece).to_bytes(8, "little")
        framed += piece
    return bytes(framed)


def to_text(octets: bytes) -> str:
    """Write bytes as URL-safe base64 without padding (RFC 4648 § 5)."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def from_text(text: str) -> bytes:
    """Read URL-safe base64 without padding.

    Raises:
        MalformedError: other characters, padding, or unused bits that are not zero.

    """
    try:
        octets = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError) as error:
        raise MalformedError("not base64") from error
    if to_text(octets) != text:
        raise MalformedError("not canonical base64")
    return octets
