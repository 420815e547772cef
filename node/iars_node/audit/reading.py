"""Reading events for an auditor: as they are stored, also where somebody has changed them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from iars_node.audit import store
from iars_node.audit.tables import audit_event
from iars_protocol.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

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
    last = 0
    query = select(audit_event.c.seq).order_by(audit_event.c.seq).limit(10_000)
    while found := list(connection.execute(query.where(audit_event.c.seq > last)).scalars()):
        yield found
        last = found[-1]
