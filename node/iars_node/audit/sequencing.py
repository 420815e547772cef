"""The sequencer: puts events into the tree, in one order for ever, and signs its heads.

An event's leaf is made and stored with the event, in the transaction of what it tells of; nothing here delays
that. Whatever process holds the newest log's row is the sequencer; others find it held and come again.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from iars_node.audit import known_heads, log_store, tiles
from iars_node.audit.alarms import raise_alarm, raise_alarm_once
from iars_node.audit.log_store import NUMBER_BYTES, Log, Skipped
from iars_node.audit.service import record
from iars_node.vault.identity import identity_of
from iars_node.work import SYSTEM
from iars_protocol.checkpoint import Checkpoint, origin_of, sign_checkpoint
from iars_protocol.errors import ProofError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from sqlalchemy import Connection

    from iars_node.work import Work, Works
    from iars_protocol.checkpoint import Note

AT_ONCE = 5_000
LOG_BYTES = 16
LATE = timedelta(minutes=10)
"""A number that was passed over is looked for this long, and for as long as anybody could commit it."""

log = structlog.get_logger()


async def run(
    works: Works,
    *,
    seconds: float,
    checkpoint_seconds: float,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Take events into the tree every few seconds, for as long as the node is served."""
    while True:
        try:
            await asyncio.to_thread(turn, works, timedelta(seconds=checkpoint_seconds))
        except Exception as error:  # noqa: BLE001 - a database that is away for a moment must not end the loop
            log.warning("sequencer.paused", error=type(error).__name__)
        await pause(seconds)


def turn(works: Works, checkpoint_every: timedelta) -> int:
    """Take in what is there, and sign the tree's head where that is due; return how many were added."""
    with works.read(SYSTEM) as work:
        if not _has_to_do(work, checkpoint_every):
            return 0
    added = 0
    while True:
        try:
            with works.write(SYSTEM) as work:
                taken = sequence(work)
                added += taken
                if taken < AT_ONCE:
                    sign_head(work, every=checkpoint_every)
                    return added
        except ProofError:
            note_damage(works)
            return added


def note_damage(works: Works) -> None:
    """Raise an alarm about a stored tree that nothing can be added to."""
    with works.write(SYSTEM) as work:
        raise_alarm_once(work, "audit.damaged")


def _has_to_do(work: Work, checkpoint_every: timedelta) -> bool:
    connection = work.connection
    newest = log_store.newest_log(connection)
    if newest is None or newest.closed_at is not None:
        # Whose log it is, only an unlocked node can say.
        return work.vault.is_unlocked
    reached = log_store.newest_event(connection)
    if reached != newest.reached or log_store.skipped(connection):
        return True
    signed = log_store.newest_checkpoint(connection, newest.number)
    if signed is None:
        return newest.size > 0
    return signed.size < newest.size and work.now - signed.signed_at >= checkpoint_every


def sequence(work: Work) -> int:
    """Put up to five thousand events into the tree; return how many.

    None where another process is at it, or where no log can be opened yet.
    """
    held = _hold(work)
    if held is None:
        return 0
    if log_store.newest_event(work.connection) < held.reached:
        # Numbers only grow: somebody has cut the log's end off.
        raise_alarm(work, "audit.cut", str(held.reached))
    late = _take_late(work)
    fresh = [
        entry
        for entry in log_store.leaves_between(work.connection, held.reached + 1, None, AT_ONCE)
        if entry[0] != held.opening
    ]
    if fresh:
        _note_skipped(work, held, [number for number, _leaf in fresh])
    entries = [*late, *fresh]
    if entries:
        _append(work, held, entries)
    return len(entries)


def sign_head(work: Work, *, every: timedelta = timedelta(0)) -> Note | None:
    """Sign the tree's head if it has grown, and the last one was signed long enough ago.

    Not where it does not continue what was signed before: two heads that can't be of one log would be
    evidence against this node for ever, and an alarm can still be answered.
    """
    held = log_store.hold_newest_log(work)
    if held is None or held.closed_at is not None or held.size == 0 or not work.vault.is_unlocked:
        return None
    newest = log_store.newest_checkpoint(work.connection, held.number)
    if newest is not None and (newest.size == held.size or work.now - newest.signed_at < every):
        return None
    tree = log_store.tree(work.connection, held)
    contradicted = known_heads.contradicted_by(tree, known_heads.to_continue(work, held))
    if contradicted is not None:
        kind = "audit.rolled-back" if contradicted.size > held.size else "audit.forked"
        raise_alarm_once(work, kind, {"size": contradicted.size, "by": "itself"})
        return None
    root = tree.root()
    note = sign_checkpoint(Checkpoint(held.origin, held.size, root), identity_of(work.vault).log)
    log_store.add_checkpoint(work, held.number, held.size, note.to_bytes())
    return note


def close_log(work: Work, wait: timedelta) -> None:
    """End the log of a database that was put back: what came after it is in other hands only.

    The next one is opened when the witnesses have said how far this one had come, or after the wait.
    """
    newest = log_store.newest_log(work.connection) or _log_that_was_lost(work)
    if newest is not None and newest.closed_at is None:
        log_store.change_log(work.connection, newest.number, closed_at=work.now, wait_until=work.now + wait)
    log_store.forget_skipped(work.connection)


def _log_that_was_lost(work: Work) -> Log | None:
    """Return the log that the key store knows of where the backup is older than it, with nothing in it."""
    lost = known_heads.head_in_key_store(work)
    if lost is None:
        return None
    log_store.add_log(work, 1, lost.origin, 0, 0)
    return log_store.newest_log(work.connection)


def _hold(work: Work) -> Log | None:
    """Return the open log, held; open one where there is none and the node can say whose it is."""
    held = log_store.hold_newest_log(work)
    if held is not None and held.closed_at is None:
        return held
    if not work.vault.is_unlocked or (held is None and log_store.newest_log(work.connection) is not None):
        return None
    if held is None:
        log_store.add_log(work, 1, _new_origin(work), 0, 0)
    elif held.wait_until is None or held.wait_until <= work.now:
        _open_after(work, held)
    else:
        return None
    return log_store.hold_newest_log(work)


def _new_origin(work: Work) -> str:
    return origin_of(identity_of(work.vault).node_id, secrets.token_bytes(LOG_BYTES))


def _open_after(work: Work, closed: Log) -> None:
    """Open the log after a restore; its first leaf names the newest cosigned checkpoint, and the gap."""
    known = known_heads.newest_known(work, closed)
    origin = _new_origin(work)
    size, root = (known.size, known.root.hex()) if known else (0, "")
    gap = "unknown" if closed.wait_until is not None and closed.wait_until > closed.closed_at else "known"  # type: ignore[operator]
    if size <= closed.size and gap == "known":
        gap = "none"
    leaf = record(
        work,
        "audit.origin-opened",
        subject=origin.rpartition("/")[2],
        detail={"previous": closed.origin, "size": size, "root": root, "kept": closed.size, "gap": gap},
    )
    opening = log_store.number_of(work.connection, leaf, closed.reached)
    log_store.add_log(work, closed.number + 1, origin, closed.reached, opening)
    opened = log_store.newest_log(work.connection)
    if opened is not None and opened.origin == origin:
        _append(work, replace(opened, reached=closed.reached), [(opening, leaf)], reached=closed.reached)


def _take_late(work: Work) -> list[tuple[int, bytes]]:
    """Return events that were committed after later ones; forget numbers that nobody can commit any more."""
    ranges = log_store.skipped(work.connection)
    if not ranges:
        return []
    oldest, _next = log_store.snapshot(work)
    found: list[tuple[int, bytes]] = []
    left: list[Skipped] = []
    for each in ranges:
        width = each.last - each.first + 1
        here = log_store.leaves_between(work.connection, each.first, each.last, width)
        found += here
        is_over = oldest >= each.horizon and work.now - each.noted_at >= LATE
        if not is_over:
            numbers = [number for number, _leaf in here]
            left += [replace(each, first=a, last=b) for a, b in _missing(numbers, each.first, each.last)]
    log_store.replace_skipped(work.connection, ranges, left)
    return found


def _note_skipped(work: Work, held: Log, numbers: Sequence[int]) -> None:
    # SQLite has one writer: a number that is not there now was never given out, or was taken away.
    if work.is_sqlite:
        return
    there = sorted({*numbers, held.opening} if held.opening > held.reached else numbers)
    missing = list(_missing(there, held.reached + 1, numbers[-1]))
    if missing:
        # After the numbers were read: whoever has one of them began before this transaction's number.
        _oldest, following = log_store.snapshot(work)
        added = [Skipped(first, last, work.now, following) for first, last in missing]
        log_store.replace_skipped(work.connection, (), added)


def _missing(numbers: Sequence[int], first: int, last: int) -> Iterator[tuple[int, int]]:
    """Yield the ranges between first and last in which no number stands; the numbers are in order."""
    expected = first
    for number in numbers:
        if number > last:
            break
        if number > expected:
            yield expected, number - 1
        expected = number + 1
    if expected <= last:
        yield expected, last


def _append(
    work: Work, held: Log, entries: Sequence[tuple[int, bytes]], *, reached: int | None = None
) -> None:
    connection = work.connection
    leaves = [leaf for _number, leaf in entries]

    def read(row: int, position: int) -> bytes:
        return log_store.read_tile(connection, held.number, row, position)[0]

    changed = tiles.append(held.size, leaves, read)
    numbers = _numbers(connection, held, [number for number, _leaf in entries])
    rows = [
        (row, position, hashes, numbers[position] if row == 0 else b"")
        for (row, position), hashes in changed.items()
    ]
    log_store.write_tiles(work, held.number, rows)
    highest = max(number for number, _leaf in entries)
    values = {"size": held.size + len(entries), "reached": max(highest, held.reached)}
    log_store.change_log(
        connection, held.number, **values | ({} if reached is None else {"reached": reached})
    )


def _numbers(connection: Connection, held: Log, added: Sequence[int]) -> dict[int, bytes]:
    """Return the numbers of the events in each tile of leaves that changes."""
    first, at = divmod(held.size, tiles.WIDTH)
    before = log_store.read_tile(connection, held.number, 0, first)[1] if at else b""
    packed = before + b"".join(number.to_bytes(NUMBER_BYTES, "big") for number in added)
    width = tiles.WIDTH * NUMBER_BYTES
    return {
        first + offset // width: packed[offset : offset + width] for offset in range(0, len(packed), width)
    }
