"""Returning: what a peer has forgotten is given back to it, and what it gives back is taken in again.

A peer's own messages are applied as of the receipts that were given for them; a node's own are known by their
own signature. What was erased meanwhile, at either side, stays erased.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy import and_, or_, select

from iars_node.audit.alarms import raise_alarm
from iars_node.audit.service import record
from iars_node.db import EPOCH, savepoint
from iars_node.errors import LockedError, NodeError
from iars_node.exchange import messages, outbox, streams
from iars_node.exchange.model import IN, KEEP_SIGNED, OUT, Handler, Incoming
from iars_node.exchange.restoring import end_waiting, heads_of, queue_resync
from iars_node.exchange.tables import message as message_table
from iars_node.peers.model import Peer
from iars_node.vault.identity import identity_of, seconds
from iars_node.work import Work
from iars_protocol.content import Content, read_content
from iars_protocol.envelope import Message
from iars_protocol.errors import MalformedError, ProtocolError
from iars_protocol.messages.administration import AnnounceListing, ResyncStreams, StreamHead, read_head
from iars_protocol.receipt import read_signed_receipt, verify_receipt
from iars_protocol.returned import Returned, read_returned, verify_returned

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import ColumnElement

    from iars_node.exchange.model import Direction
    from iars_protocol.receipt import SignedReceipt

ANSWER_BYTES = 100_000
"""How much is given back in one message: what it takes to apply grows with it, and a peer that fails
meanwhile begins that message anew."""

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
            streams.close_in(work, incoming.peer.node_id, incoming.header.stream, _Known.of(body.sent).heads)
            if not outbox.has_waiting(work, incoming.peer.node_id, ResyncStreams.type):
                # Asked again while the first answer is on its way: that one will do.
                _answer(work, incoming.peer, body)
        elif not body.more:
            end_waiting(work, incoming.peer)

    return Handler(apply=apply, part_keys=lambda _work, incoming: ((),) * len(incoming.message.parts))


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
        heads = {"received": heads_of(work, peer, IN), "sent": heads_of(work, peer, OUT)} if is_last else {}
        queue_resync(
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
        ~_is_about_nodes(),
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


def _is_about_nodes() -> ColumnElement[bool]:
    column = message_table.c.type
    return or_(column.in_((ResyncStreams.type, AnnounceListing.type)), column.like("checkpoint.%"))


def _has_forgotten(work: Work, peer: Peer, theirs: ColumnElement[bool]) -> bool:
    condition = and_(
        theirs,
        message_table.c.peer == peer.node_id,
        ~_is_about_nodes(),
    )
    return work.connection.execute(select(message_table.c.id).where(condition).limit(1)).first() is not None


def _whole(work: Work, lost: Sequence[bytes]) -> list[list[bytes]]:
    found = []
    for each in lost:
        # What was erased is not given back: erasure holds against restores too.
        left = messages.load_left(work.connection, work.vault, each)
        receipt = messages.stored_receipt(work.connection, each)
        if left is not None:
            found.append([left.to_bytes(), b"" if receipt is None else receipt.to_bytes()])
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
        with savepoint(work.connection):
            given = read_signed_receipt(receipt) if receipt else None
            _take_back(work, peer, read_returned(inner), given, recover, apply_again)
    except LockedError:
        raise
    except (ProtocolError, NodeError) as error:
        raise_alarm(work, "exchange.gap", peer.node_text, {"code": error.code})
        record(work, "exchange.gap", peer_id=peer.node_text, detail={"code": error.code})


def _take_back(  # noqa: PLR0913, PLR0917 - a returned message, its receipt, and what each author's does here
    work: Work,
    peer: Peer,
    returned: Returned,
    receipt: SignedReceipt | None,
    recover: Mapping[str, Recover],
    apply_again: ApplyAgain,
) -> None:
    """Take back a message that is not known here, with the receipt that was given for it before the loss."""
    left = returned.left
    known = work.connection.execute(select(message_table.c.id).where(message_table.c.id == left.id)).first()
    if known is not None:
        return
    at = seconds(work.now)
    if left.header.sender != peer.node_id:
        if receipt is None or left.header.recipient != peer.node_id:
            raise MalformedError("our own message comes back from its recipient, with the receipt for it")
        verify_returned(returned, identity_of(work.vault).history, at=at)
        verify_receipt(receipt, peer.history, message=left.id, at=at)
        _recover(work, peer, left, recover)
    else:
        verify_returned(returned, peer.history, at=at)
        apply_again(_then(work, left, receipt), peer, left)
    _put_receipt_back(work, peer, left, receipt)


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
    """Take back a message of our own that a peer still had; our own signature has proved it."""
    action = recover.get(returned.header.type)
    if action is not None:
        action(work, peer, returned, read_content(returned))
