"""Streams: numbered messages from one node to another, so that a gap shows."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, and_, bindparam, case, func, insert, literal, select, update

from iars_node.db import Instant
from iars_node.exchange.model import IN, OUT, Direction
from iars_node.exchange.tables import message, stream
from iars_node.peers.tables import peer as peer_table
from iars_node.prepared import Prepared

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from iars_node.work import Work

STREAM_BYTES = 16
PEERS_AT_ONCE = 500

_OUT = and_(stream.c.peer == bindparam("with_peer"), stream.c.direction == OUT)
_NEXT = Prepared(
    update(stream)
    .where(_OUT, stream.c.closed_at.is_(None))
    .values(number=stream.c.number + 1)
    .returning(stream.c.id, stream.c.number)
)
_MOVE_HEAD = Prepared(
    update(stream).where(_OUT, stream.c.id == bindparam("wanted")).values(head=bindparam("newest"))
)
# The usual case in one statement: the next number of a stream that has no gap.
_FOLLOWS = Prepared(
    update(stream)
    .where(
        stream.c.peer == bindparam("with_peer"),
        stream.c.direction == IN,
        stream.c.id == bindparam("wanted"),
        stream.c.number == bindparam("number_before"),
        stream.c.settled == bindparam("number_before"),
    )
    .values(number=bindparam("number_now"), settled=bindparam("number_now"), head=bindparam("newest"))
)


@dataclass(frozen=True, slots=True)
class Stream:
    """How far one stream is known: the highest number and the message that has it."""

    peer: bytes
    direction: Direction
    id: bytes
    number: int
    settled: int
    head: bytes


_CLOSED = Prepared(
    select(stream.c.id, stream.c.remembered).where(
        stream.c.peer == bindparam("with_peer"), stream.c.direction == IN, stream.c.closed_at.is_not(None)
    )
)


def next_out(work: Work, peer: bytes) -> tuple[bytes, int]:
    """Allot the next number of the open stream to a peer; the row stays locked until the commit."""
    row = _NEXT.first(work.connection, {"with_peer": peer})
    if row is None:
        # The peer's row is the lock: two replicas must not open two streams for the first message.
        work.connection.execute(
            select(peer_table.c.node_id).where(peer_table.c.node_id == peer).with_for_update()
        )
        row = _NEXT.first(work.connection, {"with_peer": peer})
    if row is None:
        opened = open_out(work.connection, peer, work.now)
        work.connection.execute(update(stream).where(stream.c.id == opened).values(number=1))
        return opened, 1
    return bytes(row.id), row.number


def next_out_of_each(work: Work, peers: Sequence[bytes]) -> dict[bytes, tuple[bytes, int]]:
    """Allot one number of the open stream to each of several peers, in few statements."""
    found: dict[bytes, tuple[bytes, int]] = {}
    for start in range(0, len(peers), PEERS_AT_ONCE):
        rows = work.connection.execute(
            update(stream)
            .where(
                stream.c.peer.in_(peers[start : start + PEERS_AT_ONCE]),
                stream.c.direction == OUT,
                stream.c.closed_at.is_(None),
            )
            .values(number=stream.c.number + 1)
            .returning(stream.c.peer, stream.c.id, stream.c.number)
        )
        found |= {bytes(row.peer): (bytes(row.id), row.number) for row in rows}
    return found | {peer: next_out(work, peer) for peer in peers if peer not in found}


def open_out(connection: Connection, peer: bytes, now: datetime) -> bytes:
    """Open a new stream to a peer and close the ones before it."""
    fresh = secrets.token_bytes(STREAM_BYTES)
    connection.execute(
        update(stream)
        .where(stream.c.peer == peer, stream.c.direction == OUT, stream.c.closed_at.is_(None))
        .values(closed_at=now)
    )
    _add(connection, peer, OUT, fresh, now)
    return fresh


def move_head(connection: Connection, peer: bytes, stream_id: bytes, head: bytes) -> None:
    """Remember the newest message of an own stream."""
    _MOVE_HEAD.run(connection, {"with_peer": peer, "wanted": stream_id, "newest": head})


def move_heads(connection: Connection, newest: Mapping[tuple[bytes, bytes], bytes]) -> None:
    """Remember the newest message of each of several own streams: (peer, stream) → message."""
    rows = [
        {"with_peer": peer, "wanted": stream_id, "newest": head} for (peer, stream_id), head in newest.items()
    ]
    _MOVE_HEAD.run_many(connection, rows)


def remember_out(work: Work, peer: bytes, stream_id: bytes, number: int, head: bytes) -> None:
    """Remember a number of an own stream that a restored database has forgotten; it stays closed."""
    here = and_(stream.c.peer == peer, stream.c.direction == OUT, stream.c.id == stream_id)
    known = work.connection.execute(select(stream.c.number).where(here)).scalar()
    if known is None:
        _add(work.connection, peer, OUT, stream_id, work.now)
        work.connection.execute(update(stream).where(here).values(closed_at=work.now))
    if number > (known or 0):
        work.connection.execute(update(stream).where(here).values(number=number, head=head))


def receive(work: Work, peer: bytes, stream_id: bytes, number: int, head: bytes) -> None:
    """Move a peer's stream forward by a message that is stored already."""
    connection = work.connection
    place = {
        "with_peer": peer,
        "wanted": stream_id,
        "newest": head,
        "number_now": number,
        "number_before": number - 1,
    }
    if _FOLLOWS.run(connection, place) == 1:
        return
    here = and_(stream.c.peer == peer, stream.c.direction == IN, stream.c.id == stream_id)
    row = connection.execute(select(stream.c.number, stream.c.settled).where(here)).first()
    if row is None:
        _add(connection, peer, IN, stream_id, work.now)
    known, settled = (0, 0) if row is None else (row.number, row.settled)
    moved: dict[str, int | bytes] = {"settled": _settle(connection, peer, stream_id, settled, number)}
    if number > known:
        moved |= {"number": number, "head": head}
    if row is None or moved != {"settled": settled}:
        connection.execute(update(stream).where(here).values(**moved))


def _settle(connection: Connection, peer: bytes, stream_id: bytes, settled: int, number: int) -> int:
    if number != settled + 1:
        return settled
    later = connection.execute(
        select(message.c.number)
        .where(
            message.c.direction == IN,
            message.c.peer == peer,
            message.c.stream == stream_id,
            message.c.number > number,
        )
        .order_by(message.c.number)
    )
    for found in later.scalars():
        if found != number + 1:
            break
        number = found
    return number


def close_in(work: Work, peer: bytes, opened: bytes, heads: Mapping[bytes, int]) -> None:
    """Close a restored peer's streams but the one that it has opened.

    Beyond what it says that it remembers it has forgotten them: what was on its way from before the restore,
    and comes late, is taken in by nobody, though later numbers were. Restored once more, from an older
    backup, it remembers less.
    """
    for known in known_streams(work.connection, peer, IN):
        if known.id == opened:
            continue
        head = heads.get(known.id, 0)
        work.connection.execute(
            update(stream)
            .where(stream.c.peer == peer, stream.c.direction == IN, stream.c.id == known.id)
            .values(
                closed_at=func.coalesce(stream.c.closed_at, literal(work.now, Instant)),
                number=max(known.number, head),
                remembered=case((stream.c.remembered < head, stream.c.remembered), else_=head),
            )
        )


def closed_in(connection: Connection, peer: bytes) -> dict[bytes, int]:
    """Return a peer's closed streams, and up to which number what is not here yet still counts."""
    rows = _CLOSED.all(connection, {"with_peer": peer})
    return {bytes(row.id): row.remembered for row in rows}


def known_streams(connection: Connection, peer: bytes, direction: Direction) -> list[Stream]:
    """Return the streams with a peer in one direction, the oldest first."""
    rows = connection.execute(
        select(stream)
        .where(stream.c.peer == peer, stream.c.direction == direction)
        .order_by(stream.c.opened_at, stream.c.id)
    )
    return [_stream(row) for row in rows]


def _stream(row: Row[Any]) -> Stream:
    return Stream(bytes(row.peer), row.direction, bytes(row.id), row.number, row.settled, bytes(row.head))


def _add(connection: Connection, peer: bytes, direction: Direction, stream_id: bytes, now: datetime) -> None:
    connection.execute(
        insert(stream).values(
            peer=peer, direction=direction, id=stream_id, number=0, settled=0, head=b"", opened_at=now
        )
    )
