"""Merkle trees after RFC 6962: roots, and proofs of inclusion and consistency (SPEC § 14.1).

A tree is read through its complete subtrees, so that whoever stores those can prove without all leaves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from iars_protocol.errors import ProofError

if TYPE_CHECKING:
    from collections.abc import Sequence

HASH_BYTES = 32
SALT_BYTES = 32
MOST_HASHES = 2 * 64
"""Hashes in one proof at the most: no tree of 2^63 leaves needs more."""

EMPTY_ROOT = hashlib.sha256(b"").digest()

# The hash of the complete subtree of 2^level leaves that begins at leaf (index << level).
Subtree: TypeAlias = Callable[[int, int], bytes]


def commitment(salt: bytes, content: bytes) -> bytes:
    """Commit to an event without showing it.

    Args:
        salt: 32 random bytes; without them nobody can guess the event.
        content: the event's exact bytes.

    Returns:
        SHA-256(salt ‖ content), 32 bytes: what stands in the tree (SPEC § 14.1).

    """
    return hashlib.sha256(salt + content).digest()


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of a leaf that holds an entry, 32 bytes (RFC 6962 § 2.1)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of the node above two others, 32 bytes (RFC 6962 § 2.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True)
class Tree:
    """A Merkle tree of `size` leaves, read through its complete subtrees."""

    size: int
    subtree: Subtree

    def root(self, size: int | None = None) -> bytes:
        """Return the root of the tree, or of what it was when it had `size` leaves.

        Raises:
            ProofError: the tree never had so many leaves.

        """
        end = self.size if size is None else size
        self._check(0, end)
        return self._range(0, end) if end else EMPTY_ROOT

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """Prove that the leaf at an index is in the tree of `size` leaves (RFC 6962 § 2.1.1).

        Raises:
            ProofError: there is no such leaf or size.

        """
        self._check(index + 1, size)
        return self._path(index, 0, size)

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Prove that the tree of `new` leaves begins with the one of `old` (RFC 6962 § 2.1.2).

        Returns:
            The proof; empty where `old` is 0 or equals `new`.

        Raises:
            ProofError: the sizes are out of order, or beyond the tree.

        """
        self._check(old, new)
        return [] if old in (0, new) else self._subproof(old, 0, new, is_known=True)

    def _check(self, least: int, size: int) -> None:
        if not 0 <= least <= size <= self.size:
            raise ProofError("the tree has no such size")

    def _range(self, start: int, end: int) -> bytes:
        width = end - start
        level = width.bit_length() - 1
        if width == 1 << level:
            return self.subtree(level, start >> level)
        middle = start + _split(width)
        return node_hash(self._range(start, middle), self._range(middle, end))

    def _path(self, index: int, start: int, end: int) -> list[bytes]:
        if end - start == 1:
            return []
        middle = start + _split(end - start)
        if index < middle:
            return [*self._path(index, start, middle), self._range(middle, end)]
        return [*self._path(index, middle, end), self._range(start, middle)]

    def _subproof(self, old: int, start: int, end: int, *, is_known: bool) -> list[bytes]:
        if old == end:
            return [] if is_known else [self._range(start, end)]
        middle = start + _split(end - start)
        if old <= middle:
            return [*self._subproof(old, start, middle, is_known=is_known), self._range(middle, end)]
        return [*self._subproof(old, middle, end, is_known=False), self._range(start, middle)]


def tree_of(leaves: Sequence[bytes]) -> Tree:
    """Return the tree over leaf hashes, 32 bytes each, in their order."""
    levels = [list(leaves)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append([node_hash(*below[at : at + 2]) for at in range(0, len(below) - 1, 2)])
    return Tree(len(leaves), lambda level, index: levels[level][index])


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Verify that a leaf stands at an index of the tree with a root.

    Args:
        leaf: the leaf's hash, 32 bytes.
        index: its place, from 0.
        size: how many leaves the tree has.
        proof: at most 128 hashes of 32 bytes.
        root: the tree's root, 32 bytes.

    Raises:
        ProofError: the proof does not lead from this leaf to this root (RFC 9162 § 2.1.3.2; SPEC § 14.1).

    """
    if not 0 <= index < size:
        raise ProofError("the leaf lies outside the tree")
    at, last, found = index, size - 1, leaf
    for step in proof:
        if last == 0:
            raise ProofError("the proof is too long")
        if at & 1 or at == last:
            found = node_hash(step, found)
            at, last = _climb(at, last)
        else:
            found = node_hash(found, step)
        at, last = at >> 1, last >> 1
    if last != 0 or found != root:
        raise ProofError("the proof does not lead to the root")


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Verify that the tree of `new` leaves begins with the tree of `old` leaves.

    Args:
        old: how many leaves the earlier tree has.
        new: how many the later one has.
        old_root: 32 bytes.
        new_root: 32 bytes.
        proof: at most 128 hashes of 32 bytes.

    Raises:
        ProofError: the proof does not connect the roots (RFC 9162 § 2.1.4.2; SPEC § 14.1).

    """
    if not 0 <= old <= new:
        raise ProofError("the later tree is the smaller one")
    if old in (0, new):
        if proof or old_root != (EMPTY_ROOT if old == 0 else new_root):
            raise ProofError("the roots differ, or the proof should be empty")
        return
    # The earlier tree's own root, where it is one complete subtree, is not sent.
    steps = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not steps or _connected(old, new, steps) != (old_root, new_root):
        raise ProofError("the proof does not connect the roots")


def _connected(old: int, new: int, steps: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Return the two roots that a proof of consistency leads to."""
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    before = after = steps[0]
    for step in steps[1:]:
        if last == 0:
            raise ProofError("the proof is too long")
        if at & 1 or at == last:
            before, after = node_hash(step, before), node_hash(step, after)
            at, last = _climb(at, last)
        else:
            after = node_hash(after, step)
        at, last = at >> 1, last >> 1
    if last != 0:
        raise ProofError("the proof is too short")
    return before, after


def _split(width: int) -> int:
    """Return the largest power of two below a width of at least two."""
    return 1 << ((width - 1).bit_length() - 1)


def _climb(at: int, last: int) -> tuple[int, int]:
    """Go up while the node is a left one: the last node of a level has no neighbour there."""
    while at and not at & 1:
        at, last = at >> 1, last >> 1
    return at, last
