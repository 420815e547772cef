"""The inbox: what a peer sent is checked, applied and answered in one transaction."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, or_, select

from iars_node.audit.alarms import raise_alarm
from iars_node.audit.service import record
from iars_node.db import savepoint
from iars_node.errors import NodeError
from iars_node.exchange import messages, streams
from iars_node.exchange.model import IN, OUT, Incoming
from iars_node.exchange.opening import Opened, Unopened
from iars_node.exchange.restoring import is_restoring
from iars_node.exchange.tables import message as message_table
from iars_node.prepared import Prepared
from iars_node.vault.identity import identity_of, seconds
from iars_protocol.batch import LOCKED, Answer, write_answers
from iars_protocol.batch import REFUSED as UNIFORM
from iars_protocol.envelope import seal_envelope
from iars_protocol.errors import ProtocolError, ReplayError
from iars_protocol.messages.administration import ResyncStreams
from iars_protocol.place import ALARMING, Memory, judge_number, judge_place
from iars_protocol.receipt import (
    APPLIED,
    OK,
    REFUSED,
    WAITING,
    Receipt,
    SignedReceipt,
    read_signed_receipt,
    sign_receipt,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Row

    from iars_node.exchange.model import Handler
    from iars_node.peers.model import Peer
    from iars_node.work import Work
    from iars_protocol.envelope import Header
    from iars_protocol.receipt import Outcome


NOT_KEPT = frozenset({"replay", "stream-closed"})
"""Refusals of what has no place in its stream: not even the header is kept, for its number is another's."""


class _RefusedError(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class HalfDoneError(Exception):
    """A message was refused half-way in a transaction that can't undo one message alone."""


def apply_all(
    work: Work,
    peer: Peer,
    opened: Sequence[Opened | Unopened],
    handlers: Mapping[str, Handler],
    *,
    guarded: bool,
) -> list[SignedReceipt | str]:
    """Apply a batch in its order; each envelope gets a signed receipt, or a public hint.

    `guarded` lets a message that is refused half-way be undone alone; without it, which costs less, such a
    message raises HalfDoneError, and whoever asked starts the whole transaction again.
    """
    answers: list[SignedReceipt | str] = []
    is_held = is_restoring(work, peer.node_id)
    closed = streams.closed_in(work.connection, peer.node_id)
    for each in opened:
        if isinstance(each, Unopened):
            answers.append(_note_unopened(work, peer, each))
            continue
        # A resync earlier in the batch may have ended the waiting.
        is_held = is_held and is_restoring(work, peer.node_id)
        is_closed = each.header.number > closed.get(each.header.stream, each.header.number)
        answers.append(
            _answer_known(work, peer, each)
            or _keep_out(work, peer, each, is_closed=is_closed, is_held=is_held)
            or apply_opened(work, peer, each, handlers, guarded=guarded)
        )
    return answers


def seal_answers(peer: Peer, answers: Sequence[SignedReceipt | str], *, at: int) -> bytes:
    """Encode the answers to a batch: receipts sealed for the sender, hints in clear."""
    return write_answers([_seal_answer(peer, answer, at) for answer in answers])


def _seal_answer(peer: Peer, answer: SignedReceipt | str, at: int) -> Answer:
    if isinstance(answer, str):
        return Answer(error=answer)
    return Answer(seal_envelope(answer.to_bytes(), peer.node_id, peer.history.sealing_key(at=at)))


def note_broken(work: Work, peer: Peer) -> None:
    """Say that a peer's message could not be applied because the program failed on it."""
    record(work, "exchange.refused", peer_id=peer.node_text, detail={"code": "broken"})
    raise_alarm(work, "exchange.refused", peer.node_text, {"code": "broken"})


def _note_unopened(work: Work, peer: Peer, unopened: Unopened) -> str:
    action = "exchange.tampered" if unopened.hint == UNIFORM else "exchange.refused"
    record(work, action, peer_id=peer.node_text, detail={"code": unopened.cause})
    if unopened.hint == UNIFORM:
        raise_alarm(work, "exchange.tampered", peer.node_text)
    return unopened.hint


def _answer_known(work: Work, peer: Peer, opened: Opened) -> SignedReceipt | None:
    """Answer a message that is known, or whose number is another's; None where it is new."""
    known = _known(work, peer, opened)
    try:
        is_again = judge_number(opened.message.id, None if known is None else bytes(known.id))
    except ReplayError as error:
        return _refuse(work, peer, opened, error.code)
    if known is None or not is_again:
        return None
    record(work, "exchange.duplicate", peer_id=peer.node_text, referral_id=opened.header.thread.hex())
    return read_signed_receipt(bytes(known.receipt))


def _keep_out(
    work: Work, peer: Peer, opened: Opened, *, is_closed: bool, is_held: bool
) -> SignedReceipt | str | None:
    """Answer a new message that may not be applied now, or at all; None where it may."""
    if is_closed:
        # It was on its way when its author lost it.
        return _refuse(work, peer, opened, "stream-closed")
    if is_held and opened.header.type != ResyncStreams.type:
        # A restored node has to know again what it had signed before it takes in anything else.
        return LOCKED
    return None


_KNOWN = Prepared(
    select(message_table.c.id, message_table.c.receipt).where(
        message_table.c.direction == IN,
        message_table.c.peer == bindparam("with_peer"),
        or_(
            message_table.c.id == bindparam("wanted"),
            and_(
                message_table.c.stream == bindparam("in_stream"),
                message_table.c.number == bindparam("at_number"),
            ),
        ),
    )
)


_OUTCOME = Prepared(
    select(message_table.c.outcome).where(
        message_table.c.id == bindparam("wanted"),
        message_table.c.direction == bindparam("went"),
        message_table.c.peer == bindparam("with_peer"),
    )
)


def _known(work: Work, peer: Peer, opened: Opened) -> Row[Any, Any] | None:
    """Return the message that was received with this identity, or else under this stream and number."""
    place = {
        "with_peer": peer.node_id,
        "wanted": opened.message.id,
        "in_stream": opened.header.stream,
        "at_number": opened.header.number,
    }
    rows = _KNOWN.all(work.connection, place)
    return next((row for row in rows if bytes(row.id) == opened.message.id), rows[0] if rows else None)


def apply_opened(  # noqa: PLR0913 - how it is applied, by name
    work: Work,
    peer: Peer,
    opened: Opened,
    handlers: Mapping[str, Handler],
    *,
    is_again: bool = False,
    guarded: bool = True,
) -> SignedReceipt:
    """Apply a message that is not known here yet and return the receipt, which is stored when final.

    `is_again` says that it was known before a restore: what was erased of it since stays erased.
    """
    misplaced = judge_place(opened.header, _memory(work, peer, opened.header), at=seconds(work.now))
    if misplaced is not None and misplaced.outcome == WAITING:
        return _sign(work, peer, opened, WAITING, misplaced.code)
    if misplaced is not None:
        return _refuse(work, peer, opened, misplaced.code)
    try:
        # A handler that refuses half-way must leave nothing: its changes are undone to this point.
        with savepoint(work.connection) if guarded else nullcontext():
            receipt = _apply_content(work, peer, opened, handlers, is_again=is_again)
    except _RefusedError as refusal:
        if not guarded:
            raise HalfDoneError from refusal
        return _refuse(work, peer, opened, refusal.code)
    streams.receive(work, peer.node_id, opened.header.stream, opened.header.number, opened.message.id)
    return receipt


def _memory(work: Work, peer: Peer, header: Header) -> Memory:
    return Memory(
        head=messages.heads(work.connection, header.thread).get(peer.node_id, b""),
        fate=lambda wanted: _outcome(work, IN, peer, wanted),
        has_sent=lambda wanted: _outcome(work, OUT, peer, wanted) is not None,
    )


def _outcome(work: Work, direction: str, peer: Peer, message_id: bytes) -> str | None:
    """Return a known message's outcome ("" while there is none), or None where it is not known."""
    place = {"wanted": message_id, "went": direction, "with_peer": peer.node_id}
    row = _OUTCOME.first(work.connection, place)
    return None if row is None else row.outcome or ""


def _apply_content(
    work: Work, peer: Peer, opened: Opened, handlers: Mapping[str, Handler], *, is_again: bool
) -> SignedReceipt:
    handler = handlers.get(opened.header.type)
    if opened.content is None:
        raise _RefusedError(opened.fault)
    if handler is None:
        raise _RefusedError("unsupported-version")
    incoming = Incoming(peer, opened.message, opened.header, opened.content)
    try:
        keys = handler.part_keys(work, incoming)
        if is_again:
            keys = messages.without_erased(work.vault, keys)
            incoming = _without_erased(incoming, keys)
        receipt = _sign(work, peer, opened, APPLIED, OK)
        messages.keep(work, opened.message, direction=IN, peer=peer.node_id, part_keys=keys, receipt=receipt)
        # Before it is applied: what follows from it here, in this thread, has to say that it was seen.
        messages.set_head(work, opened.header.thread, peer.node_id, opened.message.id)
        handler.apply(work, incoming)
    except ProtocolError as error:
        raise _RefusedError(error.code) from error
    except NodeError as error:
        raise _RefusedError(getattr(error, "reason", error.code)) from error
    return receipt


def _without_erased(incoming: Incoming, keys: tuple[tuple[bytes, ...], ...]) -> Incoming:
    scopes = incoming.content.scopes
    kept = tuple(part for part, living in zip(scopes, keys[len(keys) - len(scopes) :], strict=True) if living)
    return replace(incoming, content=replace(incoming.content, scopes=kept))


def _refuse(work: Work, peer: Peer, opened: Opened, code: str) -> SignedReceipt:
    if code in ALARMING:
        raise_alarm(work, "exchange.conflicting", peer.node_text, {"code": code})
    receipt = _sign(work, peer, opened, REFUSED, code)
    if code not in NOT_KEPT:
        # The header stays as evidence of what was refused; nothing of the content does.
        nothing = ((),) * len(opened.message.parts)
        messages.keep(
            work, opened.message, direction=IN, peer=peer.node_id, part_keys=nothing, receipt=receipt
        )
        streams.receive(work, peer.node_id, opened.header.stream, opened.header.number, opened.message.id)
    return receipt


def _sign(work: Work, peer: Peer, opened: Opened, outcome: Outcome, code: str) -> SignedReceipt:
    identity = identity_of(work.vault)
    action = {"applied": "envelope-received", "refused": "refused", "waiting": "out-of-order"}[outcome]
    leaf = record(
        work,
        f"exchange.{action}",
        referral_id=opened.header.thread.hex(),
        peer_id=peer.node_text,
        subject=opened.message.id.hex(),
        detail={"code": code, "type": opened.header.type},
    )
    receipt = Receipt(opened.message.id, identity.node_id, outcome, code, leaf, seconds(work.now))
    return sign_receipt(receipt, identity.signing)
