"""Bytes on the wire: deterministic CBOR, canonical JSON, and the framing of what is signed (SPEC § 2)."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import cbor2
import rfc8785

from iars_protocol.errors import MalformedError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

MAX_DEPTH = 16
MAX_BYTES = 16 * 1024 * 1024
MAX_INTEGER = 2**53 - 1
_LONGEST_NUMBER = len(str(-MAX_INTEGER))

# An object in canonical JSON is a permission or a listing's body: none comes near this.
MAX_JSON_BYTES = 256 * 1024

Plain: TypeAlias = "bool | int | str | bytes | list[Any] | dict[str, Any] | None"


def encode(value: Plain) -> bytes:
    """Encode a plain value as deterministic CBOR.

    Args:
        value: None, booleans, integers, text, bytes, and lists and text-keyed maps of them.

    Returns:
        The one encoding that RFC 8949 § 4.2.1 allows (SPEC § 2.1).

    Raises:
        MalformedError: another kind of value, an integer beyond 2^53 - 1, or text that is not Unicode.

    """
    _length, is_ordered = _measure(value, _NO_LIMIT)
    # Where no map has to be sorted, the plain encoding is the deterministic one, in half the time.
    return cbor2.dumps(value, canonical=not is_ordered)


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Return a map's names in the order in which deterministic CBOR writes them (RFC 8949 § 4.2.1).

    What is built in this order need not be sorted each time it is encoded.
    """
    return tuple(sorted(names, key=lambda name: (len(name.encode()), name.encode())))


def decode(octets: bytes, longest: int = MAX_BYTES) -> Any:  # noqa: ANN401 - the caller checks the form it expects
    """Decode deterministic CBOR from outside.

    Args:
        octets: nested at most 16 deep.
        longest: how many bytes are read at most.

    Returns:
        The plain value.

    Raises:
        MalformedError: too long, too deep, not well formed, trailing bytes, duplicate keys, tags,
            floats, or any other encoding than the deterministic one (SPEC § 2.1).

    """
    if len(octets) > longest:
        raise MalformedError(f"longer than {longest} bytes")
    try:
        value = cbor2.loads(
            octets,
            max_depth=MAX_DEPTH,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            strict_hashable_types=True,
            tag_hook=_refuse_tag,
            semantic_decoders=_REFUSED_TAGS,
        )
    except Exception as error:
        raise MalformedError("not well-formed CBOR") from error
    # Two encodings of one value would have two hashes: whoever can re-encode could make one
    # message look like two. Only the deterministic form is let in: every head as short as it can be, which
    # the length of the whole tells, and the keys of each map in their order.
    length, is_ordered = _measure(value, len(octets))
    if length != len(octets) or not is_ordered:
        raise MalformedError("not deterministic CBOR")
    return value


def _refuse_tag(*_ignored: object) -> NoReturn:
    raise MalformedError("CBOR tags are not used")


# The library decodes these tags itself unless told otherwise: shared references, with which a hundred
# bytes unfold into gigabytes, patterns, numbers of any size.
_REFUSED_TAGS: dict[int, Any] = dict.fromkeys(
    (0, 1, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000, 55799),
    _refuse_tag,
)

_TEXT_ONLY = frozenset({str})
_NO_LIMIT = 2**62


def _measure(value: object, budget: int) -> tuple[int, bool]:
    """Return how many bytes the shortest encoding of a value has, and whether its maps' keys are in order.

    Each item takes at least one byte: a value that comes to more than its budget shares items, and walking
    it could take for ever.
    """
    length, is_ordered = 0, True
    stack: list[Collection[Any]] = [(value,)]
    while stack:
        for item in stack.pop():
            kind = type(item)
            if kind is list:
                length += _head(len(item))
                stack.append(item)
            elif kind is dict:
                keys_length, are_ordered = _measure_keys(item)
                length += _head(len(item)) + keys_length
                is_ordered = is_ordered and are_ordered
                stack.append(item.values())
            else:
                length += _measure_single(item)
        if length > budget:
            raise MalformedError("more items than bytes")
    return length, is_ordered


def _measure_single(item: object) -> int:
    if type(item) is bytes:
        return len(item) + _head(len(item))
    if type(item) is str:
        size = len(item) if item.isascii() else len(_in_bytes(item))
        return size + _head(size)
    if type(item) is int:
        if abs(item) > MAX_INTEGER:
            raise MalformedError("an integer is out of range")
        return _head(item if item >= 0 else ~item)
    if item is None or type(item) is bool:
        return 1
    raise MalformedError("only text, bytes, integers, booleans, null, lists and maps are used")


def _measure_keys(mapping: dict[Any, Any]) -> tuple[int, bool]:
    if not _TEXT_ONLY.issuperset(map(type, mapping)):
        raise MalformedError("a map's keys are text")
    # The order is that of the encoded keys: a shorter one first, then byte by byte. In ASCII a text compares
    # as its bytes do.
    if "".join(mapping).isascii():
        keys: list[Any] = [(len(key), key) for key in mapping]
    else:
        keys = [(len(octets := _in_bytes(key)), octets) for key in mapping]
    return sum([size + _head(size) for size, _key in keys]), keys == sorted(keys)


def _in_bytes(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise MalformedError("a text is not Unicode") from error


def _head(size: int) -> int:
    """Return how many bytes a length or an amount takes in front of an item, its kind included."""
    if size < 24:  # noqa: PLR2004 - these and no others are the steps of RFC 8949 § 3
        return 1
    return 2 if size < 2**8 else 3 if size < 2**16 else 5 if size < 2**32 else 9


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
    if len(octets) > MAX_JSON_BYTES:
        raise MalformedError(f"longer than {MAX_JSON_BYTES} bytes")
    if _depth(octets) > MAX_DEPTH:
        raise MalformedError("nested too deep")
    try:
        value = json.loads(
            octets.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_int=_whole,
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
        )
    except ValueError as error:
        raise MalformedError("not well-formed JSON") from error
    if not isinstance(value, dict):
        raise MalformedError("not a JSON object")
    if _canonical(value, octets) != octets:
        raise MalformedError("not canonical JSON")
    return value


def _canonical(value: dict[str, Any], octets: bytes) -> bytes:
    if not octets.isascii():
        return encode_json(value)
    # In plain ASCII the only order of names and the only spelling of texts and whole numbers that RFC 8785
    # allows are those of the standard library's encoder, which is ten times as quick. A value that has other
    # characters behind escapes is written with them, and so differs from bytes that are plain ASCII.
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def _depth(octets: bytes) -> int:
    # Python's parser recurses, so the nesting is bounded before it starts. Brackets inside strings
    # are text: closing ones would hide the nesting behind them. Without escapes, strings are every second
    # piece between quotation marks, which is found much sooner.
    outside = _STRING.sub(b"", octets) if b"\\" in octets else b"".join(octets.split(b'"')[::2])
    deepest = depth = 0
    for bracket in outside.translate(None, _NOT_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        # json keeps the last of two equal names silently; another reader may keep the first.
        raise MalformedError("a name stands twice in one object")
    return found


def _whole(text: str) -> int:
    # Longer than the longest number that is let in: converting thousands of digits takes its time.
    if len(text) > _LONGEST_NUMBER or abs(number := int(text)) > MAX_INTEGER:
        raise MalformedError("an integer is out of range")
    return number


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
    framed = [(1 + len(pieces)).to_bytes(8, "little")]
    for piece in (purpose.encode(), *pieces):
        framed += len(piece).to_bytes(8, "little"), piece
    return b"".join(framed)


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
