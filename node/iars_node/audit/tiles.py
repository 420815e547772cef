"""The tree as it is stored: tiles of 256 hashes, of which each change touches a few.

A row for each node of the tree would cost more than the event itself; a tile is written once for many events,
and every proof reads a handful of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from iars_protocol.errors import ProofError
from iars_protocol.transparency import HASH_BYTES, Tree, node_hash

if TYPE_CHECKING:
    from collections.abc import Sequence

STEP = 8
WIDTH = 1 << STEP
TILE_BYTES = WIDTH * HASH_BYTES

MISSING = (
    "a part of the log's stored tree is missing; it can be built anew from the events: iars audit rebuild"
)

# The hashes of the tile at a row and a position, as far as it is filled.
ReadTile: TypeAlias = Callable[[int, int], bytes]


def stored_tree(size: int, read: ReadTile) -> Tree:
    """Return the tree of so many leaves that lies in tiles; each tile is read once."""
    known: dict[tuple[int, int], bytes] = {}

    def tile(row: int, position: int) -> bytes:
        if (row, position) not in known:
            known[row, position] = read(row, position)
        return known[row, position]

    def subtree(level: int, index: int) -> bytes:
        row, rest = divmod(level, STEP)
        position, first = divmod(index << rest, WIDTH)
        hashes = split(tile(row, position))[first : first + (1 << rest)]
        if len(hashes) != 1 << rest:
            raise ProofError(MISSING)
        return fold(hashes)

    return Tree(size, subtree)


def append(size: int, leaves: Sequence[bytes], read: ReadTile) -> dict[tuple[int, int], bytes]:
    """Return the tiles that change when leaves are added to a tree of so many."""
    changed: dict[tuple[int, int], bytes] = {}
    row, start, entries = 0, size, list(leaves)
    while entries:
        above: list[bytes] = []
        first, at = divmod(start, WIDTH)
        before = split(read(row, first)) if at else []
        if len(before) != at:
            # What is added to a tile with a hole would stand at other places for ever.
            raise ProofError(MISSING)
        hashes = [*before, *entries]
        for offset in range(0, len(hashes), WIDTH):
            piece = hashes[offset : offset + WIDTH]
            changed[row, first + offset // WIDTH] = b"".join(piece)
            if len(piece) == WIDTH:
                above.append(fold(piece))
        # Row by row: a tile's root enters the row above once, when the tile is full.
        row, start, entries = row + 1, start // WIDTH, above
    return changed


def split(hashes: bytes) -> list[bytes]:
    """Return the hashes of a tile one by one."""
    return [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]


def fold(hashes: Sequence[bytes]) -> bytes:
    """Return the root over a power of two of hashes."""
    level = list(hashes)
    while len(level) > 1:
        level = [node_hash(level[at], level[at + 1]) for at in range(0, len(level), 2)]
    return level[0]
