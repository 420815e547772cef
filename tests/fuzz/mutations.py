"""Mutations of sound inputs: bits, lengths, moved and foreign pieces, and what parsers trip over."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random  # noqa: TID251 - inputs that a seed can repeat, no secrets

LARGEST = 64 * 1024

# Heads of CBOR items, tags that libraries give a meaning, numbers at their limits, JSON's corners.
TROUBLE = (
    b"\x00", b"\xff", b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff", b"\x3b\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x9a\xff\xff\xff\xff", b"\xba\xff\xff\xff\xff", b"\x5a\xff\xff\xff\xff", b"\x7a\x00\x01\x00\x00",
    b"\x9f", b"\xbf", b"\x5f", b"\x7f", b"\xd8\x1c\x80", b"\xd8\x1d\x00", b"\xd9\x01\x00", b"\xd8\x19\x00",
    b"\xc2\x41\x01", b"\xc4\x82\x1a\xff\xff\xff\xff\x01", b"\xc5\x82\x1a\x0f\xff\xff\xff\x01", b"\xd8\x23a(",
    b"\xf9\x7e\x00", b"\xf5", b"\xf6", b"\xf7", b"\x80", b"\xa0", b"\x60", b"\x40", b"\x81" * 40,
    b"\xa1\x60" * 40, b"[" * 400, b'{"":' * 400, b"1e999", b"-0", b"NaN", b'"\\ud800"', b"9" * 5000, b"true",
    b"null", b"[]", b"{}",
)  # fmt: skip


def _flip(octets: bytearray, chance: Random, _others: Sequence[bytes]) -> None:
    if octets:
        octets[chance.randrange(len(octets))] ^= 1 << chance.randrange(8)


def _cut(octets: bytearray, chance: Random, _others: Sequence[bytes]) -> None:
    start = chance.randrange(len(octets) + 1)
    del octets[start : start + chance.choice((1, 2, 32, len(octets)))]


def _insert(octets: bytearray, chance: Random, _others: Sequence[bytes]) -> None:
    start = chance.randrange(len(octets) + 1)
    octets[start:start] = chance.choice(TROUBLE)


def _replace(octets: bytearray, chance: Random, _others: Sequence[bytes]) -> None:
    start = chance.randrange(len(octets) + 1)
    piece = chance.choice(TROUBLE)
    octets[start : start + len(piece)] = piece


def _repeat(octets: bytearray, chance: Random, _others: Sequence[bytes]) -> None:
    start = chance.randrange(len(octets) + 1)
    piece = octets[start : start + chance.choice((1, 8, 64, 512))]
    octets[start:start] = piece * chance.choice((1, 2, 64))


def _splice(octets: bytearray, chance: Random, others: Sequence[bytes]) -> None:
    other = chance.choice(others)
    start, from_other = chance.randrange(len(octets) + 1), chance.randrange(len(other) + 1)
    octets[start:] = other[from_other:]


def _garbage(octets: bytearray, chance: Random, _others: Sequence[bytes]) -> None:
    octets[:] = chance.randbytes(chance.choice((0, 1, 5, 40, 400)))


_MUTATIONS: tuple[Callable[[bytearray, Random, Sequence[bytes]], None], ...] = (
    _flip, _flip, _flip, _cut, _insert, _insert, _replace, _replace, _repeat, _splice, _garbage,
)  # fmt: skip


def mutate(sound: bytes, chance: Random, others: Sequence[bytes]) -> bytes:
    """Return an input that differs from a sound one in one to four places, at most 64 KB long."""
    octets = bytearray(sound)
    for _ in range(chance.choice((1, 1, 2, 4))):
        chance.choice(_MUTATIONS)(octets, chance, others)
    return bytes(octets[:LARGEST])
