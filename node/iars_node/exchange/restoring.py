"""After a restore: the node asks what it has forgotten before it signs anything else.

A restored node that went on signing would give one number of a stream two meanings, which looks like
fraud. It opens new streams, names the heads it remembers, and gets back from each peer what both once
had: the peer's own messages, and copies of its own, which it knows by its own signature.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from iars_node.audit.alarms import raise_alarm
from iars_node.audit.sequencing import close_log
from iars_node.audit.service import record
from iars_node.errors import RefusedError
from iars_node.exchange import messages, outbox, streams
from iars_node.exchange.model import FIRST, IN, OUT, Draft, PutBack, Resynced
from iars_node.exchange.tables import message as message_table
from iars_node.exchange.tables import resync
from iars_node.jobs.service import schedule
from iars_node.peers.service import every
from iars_node.prepared import Prepared
from iars_protocol.content import Content
from iars_protocol.messages.administration import ResyncStreams

if TYPE_CHECKING:
    from datetime import datetime

    from iars_node.exchange.model import Direction
    from iars_node.jobs.model import Job
    from iars_node.peers.model import Peer
    from iars_node.work import Work

GAPS_JOB = "exchange.gaps"
GAPS_EVERY = timedelta(minutes=10)
ASK_AGAIN = timedelta(minutes=1)
RESYNC_LIFE = timedelta(days=30)
WITNESSES_TIME = timedelta(hours=1)
"""How long the next log waits for what the witnesses have seen of the one that was put back."""

RESTORING = "restoring"
"""Why nothing is signed for a peer whose answer is awaited."""


def mark_restored(work: Work) -> int:
    """Begin after a restore: open new streams, ask every peer; return how many were asked."""
    peers = [peer for peer in every(work) if peer.is_exchanged_with]
    record(work, "backup.restored", detail={"peers": len(peers)})
    close_log(work, WITNESSES_TIME if peers else timedelta(0))
    work.announce(PutBack())
    for peer in peers:
        _await_answer(work, peer)
        remembered = heads_of(work, peer, OUT)
        streams.open_out(work.connection, peer.node_id, work.now)
        queue_resync(work, peer, ResyncStreams(asks=True, received=_settled(work, peer), sent=remembered))
        record(work, "exchange.resync-asked", peer_id=peer.node_text)
    return len(peers)


def _await_answer(work: Work, peer: Peer) -> None:
    dialect = sqlite if work.is_sqlite else postgresql
    fresh = dialect.insert(resync).values(peer=peer.node_id, asked_at=work.now, decided_by="")
    work.connection.execute(
        fresh.on_conflict_do_update(
            index_elements=["peer"], set_={"asked_at": work.now, "answered_at": None, "decided_by": ""}
        )
    )


_AWAITED = Prepared(
    select(resync.c.peer).where(resync.c.peer == bindparam("wanted"), resync.c.answered_at.is_(None))
)


def is_restoring(work: Work, peer: bytes) -> bool:
    """Say whether a peer's answer is still awaited."""
    return _AWAITED.first(work.connection, {"wanted": peer}) is not None


def awaited(work: Work, *, asked_before: datetime | None = None) -> set[bytes]:
    """Return every peer whose answer is still awaited, or who was asked before a moment."""
    query = select(resync.c.peer).where(resync.c.answered_at.is_(None))
    if asked_before is not None:
        query = query.where(resync.c.asked_at <= asked_before)
    return {bytes(found) for found in work.connection.execute(query).scalars()}


def refuse_while_restoring(work: Work, peer: bytes) -> None:
    """Refuse to sign for a peer before it has said what we have forgotten."""
    if is_restoring(work, peer):
        raise RefusedError(
            "This node was restored from a backup and first asks the other organisation what it has missed; "
            "nothing was sent. Try again when it has answered.",
            RESTORING,
        )


def decide_without(work: Work, peer: Peer) -> None:
    """Go on without a peer's answer: an administrator's decision, because the peer is gone for good."""
    work.connection.execute(
        update(resync)
        .where(resync.c.peer == peer.node_id)
        .values(answered_at=work.now, decided_by=work.actor.id)
    )
    record(work, "exchange.stream-skipped", peer_id=peer.node_text)
    work.announce(Resynced(peer.node_id))


def ask_for_gaps(work: Work, older_than: timedelta) -> int:
    """Ask each peer for numbers of its streams that stayed away; return how many were asked."""
    asked = 0
    for peer in every(work):
        if not peer.is_exchanged_with or not _has_gap(work, peer, older_than):
            continue
        record(work, "exchange.gap", peer_id=peer.node_text)
        body = ResyncStreams(asks=True, received=_settled(work, peer), sent=heads_of(work, peer, OUT))
        queue_resync(work, peer, body)
        asked += 1
    return asked


def ask_again(work: Work) -> bool:
    """Ask once more whoever was silent for a minute since a restore; say whether anybody is awaited.

    Nothing else may be signed for it meanwhile: it hears nothing from here that would tell it to try again.
    """
    still = awaited(work)
    silent = awaited(work, asked_before=work.now - ASK_AGAIN)
    for peer in every(work):
        if peer.node_id not in silent or not peer.is_exchanged_with:
            continue
        if outbox.has_waiting(work, peer.node_id, ResyncStreams.type):
            continue
        body = ResyncStreams(asks=True, received=_settled(work, peer), sent=heads_of(work, peer, OUT))
        queue_resync(work, peer, body)
        work.connection.execute(update(resync).where(resync.c.peer == peer.node_id).values(asked_at=work.now))
        record(work, "exchange.resync-asked", peer_id=peer.node_text)
    return bool(still)


def ask_for_gaps_job(work: Work, _job: Job) -> None:
    """Look for gaps that lasted, and again later: requests that overtake each other fill theirs at once."""
    is_restoring_still = ask_again(work)
    ask_for_gaps(work, GAPS_EVERY)
    schedule(work, GAPS_JOB, work.now + (ASK_AGAIN if is_restoring_still else GAPS_EVERY))


def _has_gap(work: Work, peer: Peer, older_than: timedelta) -> bool:
    open_streams = [
        known
        for known in streams.known_streams(work.connection, peer.node_id, IN)
        if known.settled < known.number
    ]
    newest = [_newest_above(work, peer, known) for known in open_streams]
    return any(moment is not None and moment <= work.now - older_than for moment in newest)


def _newest_above(work: Work, peer: Peer, known: streams.Stream) -> datetime | None:
    newest: datetime | None = work.connection.execute(
        select(func.max(message_table.c.recorded_at)).where(
            message_table.c.direction == IN,
            message_table.c.peer == peer.node_id,
            message_table.c.stream == known.id,
            message_table.c.number > known.settled,
        )
    ).scalar_one()
    return newest


def heads_of(work: Work, peer: Peer, direction: Direction) -> tuple[list[object], ...]:
    """Return how far the streams in one direction are known, as they stand in a resync."""
    found = streams.known_streams(work.connection, peer.node_id, direction)
    return tuple([known.id, known.number, known.head] for known in found)


def _settled(work: Work, peer: Peer) -> tuple[list[object], ...]:
    found = streams.known_streams(work.connection, peer.node_id, IN)
    return tuple([known.id, known.settled, b""] for known in found)


def queue_resync(work: Work, peer: Peer, body: ResyncStreams, thread: bytes = b"") -> None:
    """Queue a question or an answer about streams, before everything else."""
    content = Content(body)
    draft = Draft(
        peer,
        thread or secrets.token_bytes(16),
        content,
        ((messages.own_key(work),),),
        work.now + RESYNC_LIFE,
        precedence=FIRST,
    )
    outbox.queue(work, draft)


def end_waiting(work: Work, peer: Peer) -> None:
    """End the waiting for a peer that has answered, or see what is missing still."""
    ended = work.connection.execute(
        update(resync)
        .where(resync.c.peer == peer.node_id, resync.c.answered_at.is_(None))
        .values(answered_at=work.now)
    )
    if ended.rowcount:
        work.announce(Resynced(peer.node_id))
    elif any(
        known.settled < known.number for known in streams.known_streams(work.connection, peer.node_id, IN)
    ):
        # The peer has answered and something is missing still: lost at its side, or on its way there.
        raise_alarm(work, "exchange.gap", peer.node_text)
