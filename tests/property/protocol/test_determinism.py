"""Of all the encodings that one value has, exactly the one that the library writes canonically is read."""

from __future__ import annotations

from random import Random  # noqa: TID251 - encodings that a seed can repeat, no secrets
from typing import TYPE_CHECKING

import cbor2
from hypothesis import example, given
from hypothesis import strategies as st
from tests.property.protocol.strategies import PLAIN

from iars_protocol.encoding import decode, encode
from iars_protocol.errors import MalformedError

if TYPE_CHECKING:
    from iars_protocol.encoding import Plain

WIDTHS = (0, 1, 2, 4, 8)
KEYS = ("a", "b", "aa", "z" * 23, "z" * 24, "é", "éé", "zz", "zzz", "€", "😀", "\uffff")


def loosely(value: Plain, chance: Random) -> bytes:
    """Encode a value, here and there with a longer head than needed or with keys out of order."""
    if value is None or isinstance(value, bool):
        return cbor2.dumps(value)
    if isinstance(value, int):
        return head(1 if value < 0 else 0, ~value if value < 0 else value, chance)
    if isinstance(value, str):
        octets = value.encode()
        return head(3, len(octets), chance) + octets
    if isinstance(value, bytes):
        return head(2, len(value), chance) + value
    if isinstance(value, list):
        return head(4, len(value), chance) + b"".join(loosely(item, chance) for item in value)
    pairs = sorted(
        ((cbor2.dumps(key), loosely(key, chance), loosely(item, chance)) for key, item in value.items()),
        key=lambda pair: pair[0],
    )
    if chance.random() < 0.1:
        chance.shuffle(pairs)
    return head(5, len(pairs), chance) + b"".join(key + item for _canonical, key, item in pairs)


def head(kind: int, amount: int, chance: Random) -> bytes:
    fitting = [width for width in WIDTHS if amount < (24 if width == 0 else 1 << 8 * width)]
    width = chance.choice(fitting) if chance.random() < 0.05 else fitting[0]
    if width == 0:
        return bytes([kind << 5 | amount])
    return bytes([kind << 5 | 23 + WIDTHS.index(width)]) + amount.to_bytes(width, "big")


def is_read(octets: bytes) -> bool:
    try:
        decode(octets)
    except MalformedError:
        return False
    return True


@given(PLAIN, st.integers(0, 2**32))
def test_only_the_one_encoding_of_a_value_is_read(value: Plain, choice: int) -> None:
    octets = loosely(value, Random(choice))  # noqa: S311 - a repeatable choice of encodings, no secret
    assert is_read(octets) == (octets == cbor2.dumps(value, canonical=True))


@given(PLAIN)
@example(dict.fromkeys(KEYS))
@example({"b": {key: [key] for key in reversed(KEYS)}, "a": b"x" * 256, "c": "x" * 65_536, "d": 2**32})
def test_a_value_is_written_as_the_library_writes_it_canonically(value: Plain) -> None:
    assert encode(value) == cbor2.dumps(value, canonical=True)


@given(st.permutations(KEYS))
def test_keys_are_read_in_their_order_only(keys: list[str]) -> None:
    octets = b"\xac" + b"".join(cbor2.dumps(key) + b"\x00" for key in keys)
    assert is_read(octets) == (octets == cbor2.dumps(dict.fromkeys(keys, 0), canonical=True))
