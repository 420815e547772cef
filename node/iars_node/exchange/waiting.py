"""What waits in the outbox, as an administrator sees it, and trying it again at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import case, func, select, update

from iars_node.accounts.access import require
from iars_node.audit.service import record
from iars_node.exchange import outbox
from iars_node.exchange.model import PARKED, PENDING
from iars_node.exchange.tables import outbox as outbox_table
from iars_node.exchange.tables import resync, route

if TYPE_CHECKING:
    from datetime import datetime

    from iars_node.work import Work


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for one peer: how much, since when, and what went wrong last.

    While `is_restoring`, nothing is signed for the peer before it has said what a restored node missed.
    """

    peer: bytes
    pending: int
    parked: int
    oldest_at: datetime | None
    failures: int
    failing_since: datetime | None
    retry_at: datetime | None
    last_error: str
    is_restoring: bool


def waiting(work: Work) -> list[Waiting]:
    """Return what waits for each peer that something waits for, or that could not be reached."""
    require(work.actor, "node.read")
    lines = outbox_table.c
    rows = work.connection.execute(
        select(
            lines.peer,
            func.count(case((lines.state == PENDING, 1))).label("pending"),
            func.count(case((lines.state == PARKED, 1))).label("parked"),
            func.min(lines.queued_at, type_=lines.queued_at.type).label("oldest_at"),
            func.max(lines.last_error).label("last_error"),
        ).group_by(lines.peer)
    )
    counted = {bytes(row.peer): row for row in rows}
    routes = {bytes(row.peer): row for row in work.connection.execute(select(route))}
    failing = {peer for peer, row in routes.items() if row.failures}
    asked = work.connection.execute(select(resync.c.peer).where(resync.c.answered_at.is_(None)))
    restoring = {bytes(peer) for peer in asked.scalars()}
    found = []
    for peer in sorted(counted.keys() | failing | restoring):
        line, way = counted.get(peer), routes.get(peer)
        found.append(
            Waiting(
                peer,
                line.pending if line else 0,
                line.parked if line else 0,
                line.oldest_at if line else None,
                way.failures if way else 0,
                way.failing_since if way else None,
                way.retry_at if way and way.failures else None,
                (way.last_error if way else "") or (line.last_error if line else ""),
                peer in restoring,
            )
        )
    return found


def retry_now(work: Work, peer: bytes) -> int:
    """Try everything that waits for a peer again at once, what was parked too; return how much it is."""
    require(work.actor, "node.manage")
    outbox.unpark(work, peer)
    tried = work.connection.execute(
        update(outbox_table)
        .where(outbox_table.c.peer == peer, outbox_table.c.state == PENDING)
        .values(due_at=work.now)
    ).rowcount
    record(work, "exchange.unparked", peer_id=peer.hex(), detail={"lines": tried})
    return tried
