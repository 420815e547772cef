"""Building the stored tree anew from the events, where the table that holds it was damaged.

The tiles of leaves also hold the log's order. Where one of them is gone, its events are those that stand in
no other, in the order of their numbers; whether that was the order, the signed heads say. Nothing is written
that does not continue every head which this node has signed.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice, takewhile
from typing import TYPE_CHECKING

from iars_node.audit import known_heads, log_store, tiles
from iars_node.audit.log_store import NUMBER_BYTES
from iars_node.audit.service import record
from iars_node.errors import ConflictError, RefusedError
from iars_node.vault.identity import identity_of
from iars_protocol.checkpoint import read_note, verify_checkpoint
from iars_protocol.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iars_node.audit.log_store import Log
    from iars_node.work import Work
    from iars_protocol.checkpoint import Checkpoint

# By row and position: hashes and, in row 0, numbers.
StoredTiles = dict[tuple[int, int], tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What building one log's tree anew gave, compared with what is stored and with what was signed.

    `signed` is the size of the largest signed head, `agreed` that of the one up to which the events give all.
    """

    number: int
    origin: str
    size: int
    damaged: int
    lost: int
    signed: int
    agreed: int

    @property
    def continues(self) -> bool:
        """Whether the events give every head that was signed over them."""
        return not self.lost and self.agreed == self.signed


def rebuild(work: Work, *, write: bool) -> list[Rebuilt]:
    """Build every log's tree anew, and say what is found; with `write`, put it in the damaged one's place.

    Raises ConflictError where the tree is being added to, RefusedError where a log's events are not those
    that were signed: then nothing is written.
    """
    if write and log_store.hold_newest_log(work) is None:
        raise ConflictError("The log is being added to at this moment, or is empty: try again.")
    plans = [_plan(work, log) for log in log_store.logs(work.connection)]
    found = [rebuilt for rebuilt, _tiles in plans]
    if not write:
        return found
    if not all(rebuilt.continues for rebuilt in found):
        raise RefusedError(
            "The events are not those over which this node has signed the log's head. Nothing was written: "
            "keep a copy of the database, and find out who had access.",
            "forked",
        )
    for rebuilt, built in plans:
        if rebuilt.damaged:
            rows = [(row, position, *octets) for (row, position), octets in built.items()]
            log_store.replace_tiles(work, rebuilt.number, rows)
            detail: dict[str, str | int] = {"tiles": rebuilt.damaged, "size": rebuilt.size}
            record(work, "audit.rebuilt", subject=rebuilt.origin.rpartition("/")[2], detail=detail)
    return found


def _plan(work: Work, log: Log) -> tuple[Rebuilt, StoredTiles]:
    stored = log_store.every_tile(work.connection, log.number)
    numbers = _order(work, log, stored)
    leaves = _leaves(work, numbers, stored)
    lost = log.size - len(leaves)
    built = _tiles_of(numbers, leaves) if not lost else {}
    heads = sorted(_signed_heads(work, log), key=lambda head: head.size)
    fitting = takewhile(lambda head: not lost and not _is_contradicted(log, built, head), heads)
    rebuilt = Rebuilt(
        log.number,
        log.origin,
        log.size,
        sum(built.get(place) != stored.get(place) for place in built.keys() | stored.keys()) if built else 0,
        lost,
        max((head.size for head in heads), default=0),
        max((head.size for head in fitting), default=0),
    )
    return rebuilt, built


def _is_contradicted(log: Log, built: StoredTiles, head: Checkpoint) -> bool:
    tree = tiles.stored_tree(log.size, lambda row, position: built[row, position][0])
    return known_heads.contradicted_by(tree, [head]) is not None


def _order(work: Work, log: Log, stored: StoredTiles) -> list[int]:
    """Return the numbers of a log's events in its order; fewer than it has leaves where some are gone."""
    unplaced = _unplaced(work, log)
    order: list[int] = []
    for numbers, width in _kept_numbers(log, stored):
        order += numbers or islice(unplaced, width)
    return order


def _kept_numbers(log: Log, stored: StoredTiles) -> Iterator[tuple[list[int], int]]:
    """Yield the numbers in each tile of leaves, none where it is not whole, and how many there should be."""
    for position in range(-(-log.size // tiles.WIDTH)):
        width = min(tiles.WIDTH, log.size - position * tiles.WIDTH)
        _hashes, packed = stored.get((0, position), (b"", b""))
        yield log_store.unpack(packed) if len(packed) == width * NUMBER_BYTES else [], width


def _unplaced(work: Work, log: Log) -> Iterator[int]:
    """Yield the numbers of the events that belong into a log and stand in no tile, the opening one first."""
    every = log_store.logs(work.connection)
    begin = max((each.reached for each in every if each.number < log.number), default=0)
    placed = {
        number
        for each in every
        for numbers, _width in _kept_numbers(each, log_store.every_tile(work.connection, each.number))
        for number in numbers
    }
    coming = [range(each.first, each.last + 1) for each in log_store.skipped(work.connection)]
    if log.opening and log.opening not in placed:
        yield log.opening
    for number, _leaf in log_store.leaves_between(work.connection, begin + 1, log.reached, None):
        if number not in placed and number != log.opening and not any(number in each for each in coming):
            yield number


def _leaves(work: Work, numbers: Sequence[int], stored: StoredTiles) -> list[bytes]:
    """Return the leaves of events, or what a tile still holds; it ends where there is neither."""
    events = dict(log_store.leaves_of(work.connection, numbers))
    leaves: list[bytes] = []
    for place, number in enumerate(numbers):
        position, at = divmod(place, tiles.WIDTH)
        kept = tiles.split(stored.get((0, position), (b"", b""))[0])
        leaf = events.get(number) or (kept[at] if at < len(kept) else None)
        if leaf is None:
            break
        leaves.append(leaf)
    return leaves


def _tiles_of(numbers: Sequence[int], leaves: Sequence[bytes]) -> StoredTiles:
    packed = [number.to_bytes(NUMBER_BYTES, "big") for number in numbers]
    built = tiles.append(0, leaves, lambda _row, _position: b"")
    return {
        (row, position): (
            hashes,
            b"".join(packed[position * tiles.WIDTH : (position + 1) * tiles.WIDTH]) if row == 0 else b"",
        )
        for (row, position), hashes in built.items()
    }


def _signed_heads(work: Work, log: Log) -> Iterator[Checkpoint]:
    """Yield the heads of a log that this node did sign: those of the database, and the key store's."""
    history = identity_of(work.vault).history
    notes = [stored.note for stored in log_store.checkpoints(work.connection, log.number)]
    kept = work.vault.document(known_heads.LOG_HEAD)
    for octets in [*notes, *([] if kept is None else [kept])]:
        try:
            head = verify_checkpoint(read_note(octets), history, seen=0)
        except ProtocolError:
            continue
        # Of a log that a restore has closed, the loss is told where the next one begins.
        is_lost = log.closed_at is not None and head.size > log.size
        if head.origin == log.origin and not is_lost:
            yield head
