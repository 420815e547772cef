"""After a restore: the node asks what it has forgotten before it signs anything else.

A restored node that went on signing would give one number of a stream two meanings, which looks like
fraud. It opens new streams, names the heads it remembers, and gets back from each peer what both once
had: the peer's own messages, and copies of its own, which it knows by its own signature.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from iars_node.audit.alarms import raise_alarm
from iars_node.audit.service import record
from iars_node.db import EPOCH
from iars_node.errors import LockedError, NodeError, RefusedError
from iars_node.exchange import messages, outbox, streams
from iars_node.exchange.model import FIRST, IN, KEEP_SIGNED, OUT, Draft, Handler, Incoming, Resynced
from iars_node.exchange.tables import message as message_table
from iars_node.exchange.tables import resync
from iars_node.jobs.service import schedule
from iars_node.peers.model import Peer
from iars_node.peers.service import every
from iars_node.vault.identity import identity_of, seconds
from iars_node.work import Work
from iars_protocol.content import Content, read_content
from iars_protocol.envelope import Message, read_message, verify_message
from iars_protocol.errors import MalformedError, ProtocolError
from iars_protocol.messages.administration import AnnounceListing, ResyncStreams, StreamHead, read_head
from iars_protocol.receipt import read_signed_receipt, verify_receipt

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement

    from iars_node.exchange.model import Direction
    from iars_node.jobs.model import Job
    from iars_protocol.receipt import SignedReceipt

GAPS_JOB = "exchange.gaps"
GAPS_EVERY = timedelta(minutes=10)
RESYNC_LIFE = timedelta(days=30)
ANSWER_BYTES = 300_000

RESTORING = "restoring"
"""Why nothing is signed for a peer whose answer is awaited."""

# What a message of our own that a peer gives back does here, by its type.
Recover: TypeAlias = Callable[[Work, Peer, Message, Content], None]
# What a message of the peer that it gives once more does here.
ApplyAgain: TypeAlias = Callable[[Work, Peer, Message], None]


@dataclass(frozen=True, slots=True)
class _Known:
    """The heads that one side named: stream → number."""

    heads: Mapping[bytes, int]

    @classmethod
    def of(cls, entries: Iterable[object]) -> _Known:
        found: list[StreamHead] = [read_head(entry) for entry in entries]
        return cls({head.stream: head.number for head in found})


def mark_restored(work: Work) -> int:
    """Begin after a restore: open new streams, ask every peer; return how many were asked."""
    peers = [peer for peer in every(work) if peer.is_exchanged_with]
    record(work, "backup.restored", detail={"peers": len(peers)})
    for peer in peers:
        _await_answer(work, peer)
        remembered = _heads(work, peer, OUT)
        streams.open_out(work.connection, peer.node_id, work.now)
        _queue(work, peer, ResyncStreams(asks=True, received=_settled(work, peer), sent=remembered))
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


def is_restoring(work: Work, peer: bytes) -> bool:
    """Say whether a peer's answer is still awaited."""
    return (
        work.connection.execute(
            select(resync.c.peer).where(resync.c.peer == peer, resync.c.answered_at.is_(None))
        ).first()
        is not None
    )


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
        body = ResyncStreams(asks=True, received=_settled(work, peer), sent=_heads(work, peer, OUT))
        _queue(work, peer, body)
        asked += 1
    return asked


def ask_for_gaps_job(work: Work, _job: Job) -> None:
    """Look for gaps that lasted, and again later: requests that overtake each other fill theirs at once."""
    ask_for_gaps(work, GAPS_EVERY)
    schedule(work, GAPS_JOB, work.now + GAPS_EVERY)


def _has_gap(work: Work, peer: Peer, older_than: timedelta) -> bool:
    open_streams = [
        known
        for known in streams.known_streams(work.connection, peer.node_id, IN)
        if known.settled < known.number
    ]
    return any(_newest_above(work, peer, known) <= work.now - older_than for known in open_streams)


def _newest_above(work: Work, peer: Peer, known: streams.Stream) -> datetime:
    newest: datetime = work.connection.execute(
        select(func.max(message_table.c.recorded_at)).where(
            message_table.c.direction == IN,
            message_table.c.peer == peer.node_id,
            message_table.c.stream == known.id,
            message_table.c.number > known.settled,
        )
    ).scalar_one()
    return newest


def _heads(work: Work, peer: Peer, direction: Direction) -> tuple[list[object], ...]:
    found = streams.known_streams(work.connection, peer.node_id, direction)
    return tuple([known.id, known.number, known.head] for known in found)


def _settled(work: Work, peer: Peer) -> tuple[list[object], ...]:
    found = streams.known_streams(work.connection, peer.node_id, IN)
    return tuple([known.id, known.settled, b""] for known in found)


def _queue(work: Work, peer: Peer, body: ResyncStreams, thread: bytes = b"") -> None:
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


def resync_handler(recover: Mapping[str, Recover], apply_again: ApplyAgain) -> Handler:
    """Return what a resync from a peer does here.

    `recover` takes back our own messages by type; `apply_again` applies the peer's as if they came alone.
    """

    def apply(work: Work, incoming: Incoming) -> None:
        body = incoming.content.body
        if not isinstance(body, ResyncStreams):
            raise MalformedError("a resync has another form")
        for inner, receipt in body.returned:
            _take_one_back(work, incoming.peer, inner, receipt, recover, apply_again)
        if body.asks:
            _answer(work, incoming.peer, body)
        elif not body.more:
            _finish(work, incoming.peer)

    return Handler(apply=apply, part_keys=lambda _work, incoming: ((),) * len(incoming.message.parts))


def _finish(work: Work, peer: Peer) -> None:
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


def _answer(work: Work, peer: Peer, asked: ResyncStreams) -> None:
    """Give back what the peer has forgotten, its own messages and ours, in the order in which they came."""
    theirs = _above(IN, _Known.of(asked.sent))
    ours = _above(OUT, _Known.of(asked.received))
    lost = _lost(work, peer, theirs, ours)
    record(work, "exchange.resync-answered", peer_id=peer.node_text, detail={"returned": len(lost)})
    if _has_forgotten(work, peer, theirs):
        record(work, "exchange.restored-peer", peer_id=peer.node_text)
        raise_alarm(work, "peer.restored", peer.node_text)
    thread = secrets.token_bytes(16)
    chunks = _chunks(_whole(work, lost))
    for number, chunk in enumerate(chunks):
        is_last = number == len(chunks) - 1
        heads = {"received": _heads(work, peer, IN), "sent": _heads(work, peer, OUT)} if is_last else {}
        _queue(
            work, peer, ResyncStreams(asks=False, returned=tuple(chunk), more=not is_last, **heads), thread
        )


def _above(direction: Direction, known: _Known) -> ColumnElement[bool]:
    """Say which messages lie above the heads that the peer named."""
    above = [
        and_(message_table.c.stream == stream, message_table.c.number > number)
        for stream, number in known.heads.items()
    ]
    return and_(
        message_table.c.direction == direction,
        or_(message_table.c.stream.not_in(list(known.heads)), *above),
    )


def _lost(work: Work, peer: Peer, theirs: ColumnElement[bool], ours: ColumnElement[bool]) -> list[bytes]:
    """Return what the peer has lost: what one of us applied, and what led to it."""
    column = message_table.c
    is_lost = and_(
        column.peer == peer.node_id,
        column.recorded_at > work.now - KEEP_SIGNED,
        column.type.not_in((ResyncStreams.type, AnnounceListing.type)),
        or_(theirs, ours),
    )
    applied = and_(is_lost, column.outcome == "applied")
    # The peer may have applied a message of ours and answered it, though its receipt never came: without it
    # the answer that we give back would hang in the air.
    unanswered = and_(
        is_lost,
        column.direction == OUT,
        column.outcome.is_(None),
        column.thread.in_(select(column.thread).where(applied)),
    )
    rows = work.connection.execute(
        select(column.id).where(or_(applied, unanswered)).order_by(column.sequence)
    )
    return [bytes(found) for found in rows.scalars()]


def _has_forgotten(work: Work, peer: Peer, theirs: ColumnElement[bool]) -> bool:
    condition = and_(
        theirs,
        message_table.c.peer == peer.node_id,
        message_table.c.type.not_in((ResyncStreams.type, AnnounceListing.type)),
    )
    return work.connection.execute(select(message_table.c.id).where(condition).limit(1)).first() is not None


def _whole(work: Work, lost: Sequence[bytes]) -> list[list[bytes]]:
    found = []
    for each in lost:
        message = messages.load(work.connection, work.vault, each)
        receipt = messages.stored_receipt(work.connection, each)
        # A message of which something was erased is not given back: erasure holds against restores too.
        if message is not None:
            found.append([message.to_bytes(), b"" if receipt is None else receipt.to_bytes()])
    return found


def _chunks(pieces: Sequence[list[bytes]]) -> list[list[list[bytes]]]:
    found: list[list[list[bytes]]] = [[]]
    size = 0
    for piece in pieces:
        length = sum(len(part) for part in piece)
        if found[-1] and size + length > ANSWER_BYTES:
            found.append([])
            size = 0
        found[-1].append(piece)
        size += length
    return found


def _take_one_back(  # noqa: PLR0913, PLR0917 - as below
    work: Work,
    peer: Peer,
    inner: bytes,
    receipt: bytes,
    recover: Mapping[str, Recover],
    apply_again: ApplyAgain,
) -> None:
    try:
        # One message that can't be taken back must not keep the others away.
        with work.connection.begin_nested():
            given = read_signed_receipt(receipt) if receipt else None
            _take_back(work, peer, read_message(inner), given, recover, apply_again)
    except LockedError:
        raise
    except (ProtocolError, NodeError) as error:
        raise_alarm(work, "exchange.gap", peer.node_text, {"code": error.code})
        record(work, "exchange.gap", peer_id=peer.node_text, detail={"code": error.code})


def _take_back(  # noqa: PLR0913, PLR0917 - a returned message, its receipt, and what each author's does here
    work: Work,
    peer: Peer,
    returned: Message,
    receipt: SignedReceipt | None,
    recover: Mapping[str, Recover],
    apply_again: ApplyAgain,
) -> None:
    """Take back a message that is not known here, with the receipt that was given for it before the loss."""
    known = work.connection.execute(
        select(message_table.c.id).where(message_table.c.id == returned.id)
    ).first()
    if known is not None:
        return
    if returned.header.sender != peer.node_id:
        if receipt is None:
            raise MalformedError("our own message comes back with the receipt that was given for it")
        verify_receipt(receipt, peer.history, message=returned.id, at=seconds(work.now))
        _recover(work, peer, returned, recover)
    else:
        verify_message(returned, peer.history, at=seconds(work.now))
        apply_again(_then(work, returned, receipt), peer, returned)
    _put_receipt_back(work, peer, returned, receipt)


def _then(work: Work, returned: Message, receipt: SignedReceipt | None) -> Work:
    """Return the work as of the moment when a message was taken in before the loss: our receipt proves it."""
    if receipt is None:
        return work
    own = identity_of(work.vault).history
    given = verify_receipt(receipt, own, message=returned.id, at=seconds(work.now))
    return replace(work, now=EPOCH + timedelta(seconds=given.at))


def _put_receipt_back(work: Work, peer: Peer, returned: Message, receipt: SignedReceipt | None) -> None:
    outcome = work.connection.execute(
        select(message_table.c.outcome).where(message_table.c.id == returned.id)
    ).first()
    is_taken = outcome is not None and outcome[0] != "refused"
    if is_taken and receipt is not None:
        messages.set_receipt(work.connection, returned.id, receipt)
    if not is_taken:
        raise_alarm(work, "exchange.gap", peer.node_text, {"code": "not-taken-back"})
    record(
        work,
        "exchange.gap-filled" if is_taken else "exchange.gap",
        peer_id=peer.node_text,
        referral_id=returned.header.thread.hex(),
        subject=returned.id.hex(),
        detail={"type": returned.header.type},
    )


def _recover(work: Work, peer: Peer, returned: Message, recover: Mapping[str, Recover]) -> None:
    """Take back a message of our own that a peer still had; our own signature proves it."""
    header = verify_message(returned, identity_of(work.vault).history, at=seconds(work.now))
    if header.recipient != peer.node_id:
        raise MalformedError("a returned message was for another node")
    action = recover.get(header.type)
    if action is not None:
        action(work, peer, returned, read_content(returned))
