"""Every query about the log's tree: logs, tiles, checkpoints, cosignatures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, delete, exists, func, insert, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from iars_node.audit import tiles
from iars_node.audit.tables import (
    audit_checkpoint,
    audit_cosignature,
    audit_event,
    audit_log,
    audit_skipped,
    audit_tile,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from iars_node.work import Work
    from iars_protocol.transparency import Tree

NUMBER_BYTES = 8
AT_ONCE = 500

_SNAPSHOT = text(
    "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest, "
    "pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next"
)
_TILE = select(audit_tile.c.hashes, audit_tile.c.numbers).where(
    audit_tile.c.log == bindparam("in_log"),
    audit_tile.c.row == bindparam("in_row"),
    audit_tile.c.position == bindparam("at_position"),
)


@dataclass(frozen=True, slots=True)
class Log:
    """One log of this node: its origin, how many leaves it has, and how far the events were taken into it."""

    number: int
    origin: str
    opened_at: datetime
    size: int
    reached: int
    opening: int
    closed_at: datetime | None
    wait_until: datetime | None
    newest_note: bytes | None


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """A checkpoint as it was signed, and when."""

    log: int
    size: int
    note: bytes
    signed_at: datetime
    shown_at: datetime | None


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A witness's statement about a checkpoint."""

    log: int
    size: int
    witness: bytes
    at: datetime
    signature: bytes


@dataclass(frozen=True, slots=True)
class Skipped:
    """Numbers, the first and the last included, that were not there when later ones were."""

    first: int
    last: int
    noted_at: datetime
    horizon: int


def newest_log(connection: Connection) -> Log | None:
    """Return the log that was opened last."""
    row = connection.execute(select(audit_log).order_by(audit_log.c.number.desc()).limit(1)).first()
    return None if row is None else Log(**row._mapping)  # noqa: SLF001 - SQLAlchemy's documented name


def hold_newest_log(work: Work) -> Log | None:
    """Return the newest log, held until the commit; None where there is none, or another process holds it.

    The row's lock is the sequencer's lease: it ends with the process that has it, and nobody else numbers
    leaves meanwhile. SQLite has one writer at a time anyway.
    """
    # By its number: the newest of those that are not locked would be an older one.
    newest = select(func.max(audit_log.c.number)).scalar_subquery()
    query = select(audit_log).where(audit_log.c.number == newest).with_for_update(skip_locked=True)
    row = work.connection.execute(query).first()
    return None if row is None else Log(**row._mapping)  # noqa: SLF001 - SQLAlchemy's documented name


def logs(connection: Connection) -> list[Log]:
    """Return all logs, the first opened first."""
    rows = connection.execute(select(audit_log).order_by(audit_log.c.number)).mappings()
    return [Log(**row) for row in rows]


def add_log(work: Work, number: int, origin: str, reached: int, opening: int) -> None:
    """Open a log, unless another process has just done it."""
    dialect = sqlite if work.is_sqlite else postgresql
    fresh = dialect.insert(audit_log).values(
        number=number, origin=origin, opened_at=work.now, size=0, reached=reached, opening=opening
    )
    work.connection.execute(fresh.on_conflict_do_nothing())


def change_log(connection: Connection, number: int, **values: Any) -> None:  # noqa: ANN401 - columns of the table
    """Change columns of a log."""
    connection.execute(update(audit_log).where(audit_log.c.number == number).values(**values))


def newest_event(connection: Connection) -> int:
    """Return the highest number of an event, 0 where there is none."""
    return connection.execute(select(func.max(audit_event.c.seq))).scalar_one() or 0


def number_of(connection: Connection, leaf: bytes, since: int) -> int:
    """Return the number of the event with a leaf, among those after a number."""
    query = select(audit_event.c.seq).where(audit_event.c.seq > since, audit_event.c.leaf == leaf)
    return int(connection.execute(query).scalar_one())


def leaves_between(
    connection: Connection, first: int, last: int | None, limit: int | None
) -> list[tuple[int, bytes]]:
    """Return the numbers and leaves of events from a number on, in the order of their numbers."""
    column = audit_event.c
    query = select(column.seq, column.leaf).where(column.seq >= first).order_by(column.seq).limit(limit)
    if last is not None:
        query = query.where(column.seq <= last)
    return [(row.seq, bytes(row.leaf)) for row in connection.execute(query)]


def leaves_of(connection: Connection, numbers: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    """Yield the numbers and leaves of events that are there."""
    column = audit_event.c
    for start in range(0, len(numbers), AT_ONCE):
        part = numbers[start : start + AT_ONCE]
        rows = connection.execute(select(column.seq, column.leaf).where(column.seq.in_(part)))
        yield from ((row.seq, bytes(row.leaf)) for row in rows)


def snapshot(work: Work) -> tuple[int, int]:
    """Return the oldest transaction that still runs and the next to begin; 0, 0 on SQLite, which has one."""
    if work.is_sqlite:
        return 0, 0
    row = work.connection.execute(_SNAPSHOT).one()
    return row.oldest, row.next


def skipped(connection: Connection) -> list[Skipped]:
    """Return the ranges of numbers that were passed over."""
    rows = connection.execute(select(audit_skipped).order_by(audit_skipped.c.first)).mappings()
    return [Skipped(**row) for row in rows]


def replace_skipped(connection: Connection, taken: Sequence[Skipped], left: Sequence[Skipped]) -> None:
    """Replace ranges of numbers that were passed over by what is left of them."""
    if taken:
        firsts = [each.first for each in taken]
        connection.execute(delete(audit_skipped).where(audit_skipped.c.first.in_(firsts)))
    if left:
        rows = [
            {"first": each.first, "last": each.last, "noted_at": each.noted_at, "horizon": each.horizon}
            for each in left
        ]
        connection.execute(insert(audit_skipped), rows)


def forget_skipped(connection: Connection) -> None:
    """Forget what was passed over: the numbers of another server's transactions mean nothing here."""
    connection.execute(delete(audit_skipped))


def read_tile(connection: Connection, log: int, row: int, position: int) -> tuple[bytes, bytes]:
    """Return a tile's hashes and, in row 0, the numbers of its events; empty where it is not there."""
    found = connection.execute(_TILE, {"in_log": log, "in_row": row, "at_position": position}).first()
    return (b"", b"") if found is None else (bytes(found.hashes), bytes(found.numbers))


def write_tiles(work: Work, log: int, rows: Sequence[tuple[int, int, bytes, bytes]]) -> None:
    """Write tiles, each as row, position, hashes and numbers."""
    dialect = sqlite if work.is_sqlite else postgresql
    fresh = dialect.insert(audit_tile)
    kept = fresh.on_conflict_do_update(
        index_elements=["log", "row", "position"],
        set_={"hashes": fresh.excluded.hashes, "numbers": fresh.excluded.numbers},
    )
    names = ("row", "position", "hashes", "numbers")
    work.connection.execute(kept, [{"log": log, **dict(zip(names, each, strict=True))} for each in rows])


def every_tile(connection: Connection, log: int) -> dict[tuple[int, int], tuple[bytes, bytes]]:
    """Return all tiles of a log by row and position: hashes and numbers."""
    rows = connection.execute(select(audit_tile).where(audit_tile.c.log == log))
    return {(row.row, row.position): (bytes(row.hashes), bytes(row.numbers)) for row in rows}


def replace_tiles(work: Work, log: int, rows: Sequence[tuple[int, int, bytes, bytes]]) -> None:
    """Put tiles in the place of all that are stored of a log."""
    work.connection.execute(delete(audit_tile).where(audit_tile.c.log == log))
    write_tiles(work, log, rows)


def tree(connection: Connection, log: Log) -> Tree:
    """Return the tree of a log, read from its tiles as far as it is asked."""
    return tiles.stored_tree(log.size, lambda row, at: read_tile(connection, log.number, row, at)[0])


def stored_leaves(connection: Connection, log: Log) -> Iterator[list[tuple[int, bytes]]]:
    """Yield the numbers and leaves of a log in its order, a tile at a time, as far as they are stored."""
    for position in range(-(-log.size // tiles.WIDTH)):
        hashes, numbers = read_tile(connection, log.number, 0, position)
        yield list(zip(unpack(numbers), tiles.split(hashes), strict=False))


def unpack(numbers: bytes) -> list[int]:
    """Return the numbers of events that stand in a tile."""
    return [
        int.from_bytes(numbers[at : at + NUMBER_BYTES], "big") for at in range(0, len(numbers), NUMBER_BYTES)
    ]


def add_checkpoint(work: Work, log: int, size: int, note: bytes) -> None:
    """Keep a signed checkpoint; the one before it goes where nobody was shown it."""
    dialect = sqlite if work.is_sqlite else postgresql
    column = audit_checkpoint.c
    cosigned = exists().where(audit_cosignature.c.log == column.log, audit_cosignature.c.size == column.size)
    unseen = and_(column.log == log, column.size < size, column.shown_at.is_(None), ~cosigned)
    work.connection.execute(delete(audit_checkpoint).where(unseen))
    fresh = dialect.insert(audit_checkpoint).values(log=log, size=size, note=note, signed_at=work.now)
    work.connection.execute(fresh.on_conflict_do_nothing())


def newest_checkpoint(connection: Connection, log: int) -> StoredCheckpoint | None:
    """Return the newest checkpoint of a log."""
    query = select(audit_checkpoint).where(audit_checkpoint.c.log == log)
    row = connection.execute(query.order_by(audit_checkpoint.c.size.desc()).limit(1)).mappings().first()
    return None if row is None else StoredCheckpoint(**row)


def checkpoint_at(connection: Connection, log: int, size: int) -> StoredCheckpoint | None:
    """Return the checkpoint of a log at a size."""
    query = select(audit_checkpoint).where(audit_checkpoint.c.log == log, audit_checkpoint.c.size == size)
    row = connection.execute(query).mappings().first()
    return None if row is None else StoredCheckpoint(**row)


def checkpoints(connection: Connection, log: int) -> list[StoredCheckpoint]:
    """Return the checkpoints of a log, the smallest first."""
    query = select(audit_checkpoint).where(audit_checkpoint.c.log == log).order_by(audit_checkpoint.c.size)
    return [StoredCheckpoint(**row) for row in connection.execute(query).mappings()]


def note_shown(connection: Connection, shown: StoredCheckpoint, at: datetime) -> None:
    """Remember that somebody was shown a checkpoint: from then on it is kept."""
    same = and_(audit_checkpoint.c.log == shown.log, audit_checkpoint.c.size == shown.size)
    connection.execute(update(audit_checkpoint).where(same).values(shown_at=at))


def add_cosignature(work: Work, added: Cosignature) -> None:
    """Keep a witness's newest cosignature of a checkpoint."""
    dialect = sqlite if work.is_sqlite else postgresql
    fresh = dialect.insert(audit_cosignature).values(
        log=added.log, size=added.size, witness=added.witness, at=added.at, signature=added.signature
    )
    work.connection.execute(
        fresh.on_conflict_do_update(
            index_elements=["log", "size", "witness"], set_={"at": added.at, "signature": added.signature}
        )
    )


def cosignatures(connection: Connection, log: int) -> list[Cosignature]:
    """Return the cosignatures of a log's checkpoints, the smallest first."""
    query = select(audit_cosignature).where(audit_cosignature.c.log == log)
    rows = connection.execute(query.order_by(audit_cosignature.c.size, audit_cosignature.c.at)).mappings()
    return [Cosignature(**row) for row in rows]


def has_grown(connection: Connection, since: int) -> bool:
    """Say whether anything happened after an event but the log's own traffic, which would never end."""
    column = audit_event.c
    own = or_(column.action.like("audit.%"), column.detail.like('%"checkpoint.%'))
    query = select(column.seq).where(column.seq > since, ~own).limit(1)
    return connection.execute(query).first() is not None
