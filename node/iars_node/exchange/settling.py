"""Settling: what a peer answered is verified, stored, and followed by what it means for the thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from iars_node.audit.alarms import raise_alarm
from iars_node.audit.service import record
from iars_node.exchange import messages, outbox
from iars_node.exchange.model import OUT, PARK_AFTER, Queued, Receipted, Route
from iars_node.exchange.tables import message as message_table
from iars_node.peers import store as peer_store
from iars_node.vault.identity import forget, identity_of
from iars_protocol import batch
from iars_protocol.envelope import open_envelope, read_header, read_outer
from iars_protocol.errors import UnknownKeyError
from iars_protocol.receipt import Receipt, SignedReceipt, read_signed_receipt, verify_receipt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iars_node.peers.model import Peer
    from iars_node.vault.vault import Vault
    from iars_node.work import Work

RESTARTS = 3
"""How often a thread is sent from its beginning before its next message just waits."""

UNIFORM_TRIES = 5
"""After so many uniform refusals a line is parked: the peer's operator has to look."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a peer said to one envelope: a verified receipt, or a public hint."""

    signed: SignedReceipt | None
    receipt: Receipt | None
    hint: str = ""


def read_answers(vault: Vault, peer: Peer, lines: Sequence[Queued], body: bytes, *, at: int) -> list[Answer]:
    """Read and verify the answers to a batch, one for each line in order."""
    entries = batch.read_answers(body, len(lines))
    return [_read(vault, peer, line, entry, at) for line, entry in zip(lines, entries, strict=True)]


def _read(vault: Vault, peer: Peer, line: Queued, entry: batch.Answer, at: int) -> Answer:
    if entry.error:
        return Answer(None, None, entry.error)
    outer = read_outer(entry.receipt)
    if outer.sealing_key not in identity_of(vault).encryption:
        # Another process of this node may have made the key a moment ago: read the key store once more.
        forget(vault)
    identity = identity_of(vault)
    key = identity.encryption.get(outer.sealing_key)
    if key is None:
        raise UnknownKeyError("the receipt is sealed for a key that is not held")
    signed = read_signed_receipt(open_envelope(outer, identity.node_id, key))
    return Answer(signed, verify_receipt(signed, peer.history, message=line.message, at=at))


def begin(work: Work, held: Route) -> bool:
    """Begin to settle: nobody else acts on this peer until the commit. False where the route is lost."""
    peer_store.lock(work.connection, held.peer)
    return outbox.holds(work, held)


def note_reached(work: Work, held: Route) -> None:
    """Remember that a peer that had been out of reach answers again."""
    outbox.note_success(work, held)
    record(work, "exchange.peer-reached", peer_id=held.peer.hex())


def settle(work: Work, peer: Peer, lines: Sequence[Queued], answers: Sequence[Answer]) -> None:
    """Store what was answered, and see to what was not taken."""
    final: list[int] = []
    waiting: dict[bytes, tuple[Queued, str]] = {}
    hinted: list[tuple[Queued, str]] = []
    for line, answer in zip(lines, answers, strict=True):
        if answer.receipt is None or answer.signed is None:
            hinted.append((line, answer.hint))
        elif answer.receipt.outcome == "waiting":
            # Where one message of a thread waits, so do those behind it: seen to once, by the first.
            waiting.setdefault(line.thread, (line, answer.receipt.code))
        else:
            _store(work, peer, line, answer.signed, answer.receipt)
            final.append(line.sequence)
    if final:
        outbox.remove(work, final)
    for line, hint in hinted:
        _follow_hint(work, peer, line, hint)
    for line, code in waiting.values():
        _resend_thread(work, peer, line, code)


def _store(work: Work, peer: Peer, line: Queued, signed: SignedReceipt, receipt: Receipt) -> None:
    messages.set_receipt(work.connection, line.message, signed)
    kind = messages.type_of(work.connection, line.message)
    is_refused = receipt.outcome == "refused"
    record(
        work,
        "exchange.receipt-refused" if is_refused else "exchange.receipt-received",
        referral_id=line.thread.hex(),
        peer_id=peer.node_text,
        subject=line.message.hex(),
        detail={"type": kind, "code": receipt.code},
    )
    if is_refused:
        raise_alarm(work, "exchange.refused", line.thread.hex(), {"code": receipt.code})
        _step_back(work, line)
    work.announce(Receipted(line.message, line.thread, kind, receipt))


def _step_back(work: Work, line: Queued) -> None:
    """Let the thread go on from the newest message that the peer did not refuse."""
    own = identity_of(work.vault).node_id
    head = messages.heads(work.connection, line.thread).get(own, b"")
    while head:
        row = work.connection.execute(
            select(message_table.c.outcome, message_table.c.header).where(message_table.c.id == head)
        ).one()
        if row.outcome != "refused":
            break
        head = read_header(bytes(row.header)).previous
    messages.set_head(work, line.thread, own, head)


def _follow_hint(work: Work, peer: Peer, line: Queued, hint: str) -> None:
    if hint == "clock":
        raise_alarm(work, "clock.skewed", peer.node_text)
    if hint == "refused" and line.attempts + 1 >= UNIFORM_TRIES:
        park(work, peer, line, hint)
        return
    if work.now - line.queued_at > PARK_AFTER:
        park(work, peer, line, hint)
        return
    outbox.postpone(work, line, hint)


def _resend_thread(work: Work, peer: Peer, line: Queued, code: str) -> None:
    """Send a thread from its beginning: the peer lost what it gave a receipt for, as after a restore."""
    record(work, "exchange.gap", referral_id=line.thread.hex(), peer_id=peer.node_text, detail={"code": code})
    if code == "out-of-order" and line.attempts < RESTARTS:
        outbox.restart_thread(work, peer.node_id, line, _receipted(work, peer, line))
    elif work.now - line.queued_at > PARK_AFTER:
        park(work, peer, line, code)
    else:
        outbox.postpone(work, line, code)


def _receipted(work: Work, peer: Peer, line: Queued) -> list[bytes]:
    rows = work.connection.execute(
        select(message_table.c.id)
        .where(
            message_table.c.thread == line.thread,
            message_table.c.direction == OUT,
            message_table.c.peer == peer.node_id,
            message_table.c.outcome == "applied",
        )
        .order_by(message_table.c.number)
    )
    return [bytes(found) for found in rows.scalars()]


def park(work: Work, peer: Peer, line: Queued, code: str) -> None:
    """Stop trying a line and tell an administrator."""
    outbox.park(work, line.sequence, code)
    record(
        work, "exchange.parked", referral_id=line.thread.hex(), peer_id=peer.node_text, detail={"code": code}
    )
    raise_alarm(work, "exchange.parked", peer.node_text, {"code": code})


def fail_route(work: Work, held: Route, reason: str) -> None:
    """Remember that a peer did not answer, and how; alarm once when that lasts."""
    since = outbox.note_failure(work, held, reason)
    if held.last_error != reason:
        record(work, "exchange.peer-unreachable", peer_id=held.peer.hex(), detail={"code": reason})
    if since > PARK_AFTER / 14:
        raise_alarm(work, "exchange.peer-unreachable", held.peer.hex(), {"code": reason})
