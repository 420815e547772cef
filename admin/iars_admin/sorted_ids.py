"""Sets of ids of any number in little memory: each sorted, in a file, and read beside another."""

from __future__ import annotations

import heapq
import os
import tempfile
import weakref
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

from iars_node.vault.key_pool import KEY_ID_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

PIECE = 50_000
"""So many ids are sorted in memory at a time: some five megabytes."""

READ_AT_ONCE = 512
"""How many ids of a sorted piece are read at once: some hundred pieces may be read side by side."""


class SortedIds:
    """Ids in ascending order, each once, in a file that has no name and goes with this object.

    The ids of keys lie in it and no key.
    """

    def __init__(self, file: BinaryIO, start: int, count: int) -> None:
        self._file = file
        self._start = start
        self._count = count

    def __len__(self) -> int:
        """Return how many there are."""
        return self._count

    def __iter__(self) -> Iterator[bytes]:
        """Yield them from the first on; several may read at once, each from its own place."""
        place, end = self._start, self._start + self._count * KEY_ID_BYTES
        while place < end:
            read = os.pread(self._file.fileno(), min(READ_AT_ONCE * KEY_ID_BYTES, end - place), place)
            yield from _split(read)
            place += len(read)


def collect(ids: Iterable[bytes]) -> SortedIds:
    """Sort ids of any number, in pieces that fit into memory; each is there once in the end."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed with the ids that lie in it
    pieces = [_write(file, piece) for piece in _sorted_pieces(ids)]
    whole = pieces[0] if len(pieces) == 1 else _write(file, _once(heapq.merge(*pieces)))
    weakref.finalize(whole, file.close)
    return whole


def without(ones: Iterable[bytes], others: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the ids of one sorted stream that are not in another."""
    rest = iter(others)
    beside = next(rest, None)
    for one in ones:
        while beside is not None and beside < one:
            beside = next(rest, None)
        if beside != one:
            yield one


def both(ones: SortedIds, others: SortedIds) -> Iterator[bytes]:
    """Yield the ids that are in two sorted streams."""
    return without(ones, without(ones, others))


def in_pieces(ids: Iterable[bytes], most: int) -> Iterator[list[bytes]]:
    """Yield ids in lists of no more than so many."""
    rest = iter(ids)
    while piece := list(islice(rest, most)):
        yield piece


def _sorted_pieces(ids: Iterable[bytes]) -> Iterator[Sequence[bytes]]:
    held: set[bytes] = set()
    for each in ids:
        held.add(each)
        if len(held) >= PIECE:
            yield sorted(held)
            held.clear()
    yield sorted(held)


def _once(ids: Iterable[bytes]) -> Iterator[bytes]:
    last = None
    for each in ids:
        if each != last:
            yield each
        last = each


def _write(file: BinaryIO, ids: Iterable[bytes]) -> SortedIds:
    start = file.seek(0, os.SEEK_END)
    count = 0
    for piece in in_pieces(ids, READ_AT_ONCE * 16):
        file.write(b"".join(piece))
        count += len(piece)
    file.flush()
    return SortedIds(file, start, count)


def _split(octets: bytes) -> Iterator[bytes]:
    return (octets[at : at + KEY_ID_BYTES] for at in range(0, len(octets), KEY_ID_BYTES))
