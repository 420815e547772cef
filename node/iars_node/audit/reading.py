"""Reading events for an auditor: as they are stored, also where somebody has changed them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from iars_node.audit import log_store, store
from iars_node.audit.tables import audit_event
from iars_node.audit.tiles import WIDTH
from iars_protocol.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

    from iars_node.audit.model import AuditFilter, RecordedEvent

UNREADABLE = b"unreadable"
"""Stands for a row out of which no event can be made any more: it commits to nothing."""


def contents(connection: Connection, numbers: Sequence[int]) -> dict[int, dict[str, bytes]]:
    """Return the salts and contents of events by their numbers; what is not there is left out."""
    if not numbers:
        return {}
    rows = connection.execute(select(audit_event).where(audit_event.c.seq.in_(numbers)))
    found = {}
    for row in rows:
        try:
            content = store.event_of(row).event.content()
        except (ValueError, TypeError, AttributeError, OverflowError, ProtocolError):
            content = UNREADABLE
        found[row.seq] = {"salt": bytes(row.salt), "content": content}
    return found


def numbers(connection: Connection) -> Iterator[list[int]]:
    """Yield the numbers of all events, in their order, some thousand at a time."""
    column = audit_event.c.seq
    query = select(column).order_by(column).limit(10_000)
    found = list(connection.execute(query).scalars())
    while found:
        yield found
        found = list(connection.execute(query.where(column > found[-1])).scalars())


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the log's own order: which log, and before which of its leaves."""

    log: int = 0
    position: int = 0


def end(connection: Connection) -> Place:
    """Return the place behind the newest leaf."""
    newest = log_store.newest_log(connection)
    return Place() if newest is None else Place(newest.number, newest.size)


def following(connection: Connection, place: Place) -> tuple[list[RecordedEvent], Place]:
    """Return some of the events behind a place, in the log's order, and the place behind them.

    By their places in the tree, not by their numbers: a number may be committed after a later one.
    """
    newest = log_store.newest_log(connection)
    if newest is None or (newest.number, newest.size) == (place.log, place.position):
        return [], place
    position = place.position if newest.number == place.log else 0
    first, skip = divmod(position, WIDTH)
    _hashes, packed = log_store.read_tile(connection, newest.number, 0, first)
    here = log_store.unpack(packed)[skip:]
    rows = connection.execute(select(audit_event).where(audit_event.c.seq.in_(here)))
    found = {row.seq: store.event_of(row) for row in rows}
    events = [found[number] for number in here if number in found]
    return events, Place(newest.number, position + len(here))


def all_pages(connection: Connection, filters: AuditFilter) -> Iterator[RecordedEvent]:
    """Yield every event that a filter lets through, the newest first."""
    cursor: int | None = None
    while True:
        page = store.page(connection, filters, cursor, store.MAX_PAGE)
        yield from page.events
        cursor = page.next_cursor
        if cursor is None:
            return
