"""Every query about witnesses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, select, union, update
from sqlalchemy.dialects import postgresql, sqlite

from iars_node.db import new_id
from iars_node.exchange.tables import message, message_part, outbox, resync, thread_head
from iars_node.witness.model import Held, Witness
from iars_node.witness.tables import witness, witness_evidence, witness_message, witnessed

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from iars_node.work import Work


def find_witness(connection: Connection, peer: bytes) -> Witness | None:
    """Return what a peer has cosigned of our log."""
    row = connection.execute(select(witness).where(witness.c.peer == peer)).mappings().first()
    return None if row is None else Witness(**row)


def set_witness(work: Work, peer: bytes, **values: Any) -> None:  # noqa: ANN401 - columns of the table
    """Set columns of a witness, which is added where it is new."""
    dialect = sqlite if work.is_sqlite else postgresql
    blank: dict[str, Any] = {"origin": "", "size": 0, "asked_reached": 0, "is_awaited": False}
    fresh = dialect.insert(witness).values(peer=peer, **{**blank, **values})
    work.connection.execute(fresh.on_conflict_do_update(index_elements=["peer"], set_=values))


def is_anybody_awaited(connection: Connection) -> bool:
    """Say whether, after a restore, a peer has still to say what it knows of our log."""
    asked = select(witness.c.peer).where(witness.c.is_awaited).limit(1)
    held_up = select(resync.c.peer).where(resync.c.answered_at.is_(None)).limit(1)
    return any(connection.execute(query).first() is not None for query in (asked, held_up))


def is_queued(connection: Connection, message: bytes) -> bool:
    """Say whether a message still waits in the outbox."""
    return (
        connection.execute(select(outbox.c.sequence).where(outbox.c.message == message)).first() is not None
    )


def held_logs(connection: Connection, peer: bytes | None = None) -> list[Held]:
    """Return the newest cosigned checkpoint of each log of a peer, or of all, the newest log last."""
    query = select(witnessed).order_by(witnessed.c.peer, witnessed.c.number)
    if peer is not None:
        query = query.where(witnessed.c.peer == peer)
    return [Held(**row) for row in connection.execute(query).mappings()]


def hold(work: Work, peer: bytes, origin: str, note: bytes, size: int) -> None:
    """Keep the checkpoint of a peer's log that is cosigned now."""
    same = (witnessed.c.peer == peer) & (witnessed.c.origin == origin)
    changed = work.connection.execute(
        update(witnessed).where(same).values(note=note, size=size, cosigned_at=work.now)
    )
    if changed.rowcount == 0:
        of_peer = select(func.max(witnessed.c.number)).where(witnessed.c.peer == peer)
        number = (work.connection.execute(of_peer).scalar_one() or 0) + 1
        work.connection.execute(
            insert(witnessed).values(
                peer=peer, origin=origin, number=number, note=note, size=size, cosigned_at=work.now
            )
        )


def keep_evidence(  # noqa: PLR0913 - two notes, whose they are, and what brought them
    work: Work, *, peer: bytes, kind: str, held: bytes, offered: bytes, message_id: bytes
) -> str:
    """Keep two notes that do not agree; return the evidence's id."""
    evidence = new_id()
    work.connection.execute(
        insert(witness_evidence).values(
            id=evidence, at=work.now, peer=peer, kind=kind, held=held, offered=offered, message=message_id
        )
    )
    return evidence


def note_message(work: Work, message_id: bytes) -> None:
    """Remember that a message was about logs, to be forgotten in its time."""
    work.connection.execute(insert(witness_message).values(id=message_id, at=work.now))


def forget_messages(connection: Connection, before: datetime, limit: int) -> int:
    """Delete messages about logs from before a moment, but for evidence and what waits; return how many."""
    column = witness_message.c
    kept = union(select(outbox.c.message), select(witness_evidence.c.message))
    old = select(column.id).where(column.at < before, column.id.not_in(kept)).order_by(column.at).limit(limit)
    ids = [bytes(each) for each in connection.execute(old).scalars()]
    if ids:
        threads = select(message.c.thread).where(message.c.id.in_(ids))
        connection.execute(delete(thread_head).where(thread_head.c.thread.in_(threads)))
        connection.execute(delete(message_part).where(message_part.c.message.in_(ids)))
        connection.execute(delete(message).where(message.c.id.in_(ids)))
        connection.execute(delete(witness_message).where(column.id.in_(ids)))
    return len(ids)


def evidence(connection: Connection) -> list[dict[str, Any]]:
    """Return everything that did not agree, the newest first."""
    rows = connection.execute(select(witness_evidence).order_by(witness_evidence.c.at.desc())).mappings()
    return [dict(row) for row in rows]
