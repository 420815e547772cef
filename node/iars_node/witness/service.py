"""Being witnessed: showing the log's newest head to peers, and taking in what they say to it.

Nothing of this happens for a referral, and no referral waits for it: a timer asks, whatever else is sent
takes the question along, and a witness that stays away is an alarm.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node.audit import log_store
from iars_node.audit import store as audit_store
from iars_node.audit.alarms import raise_alarm
from iars_node.audit.known_heads import LOG_HEAD, newest_known
from iars_node.audit.log_store import Cosignature
from iars_node.audit.service import record
from iars_node.db import EPOCH
from iars_node.errors import NotFoundError
from iars_node.exchange.messages import own_key
from iars_node.exchange.model import Draft
from iars_node.exchange.outbox import queue
from iars_node.exchange.restoring import is_restoring
from iars_node.peers.service import every
from iars_node.vault.identity import identity_of
from iars_node.witness import store
from iars_protocol.checkpoint import Note, read_cosignature, read_note, verify_checkpoint
from iars_protocol.content import Content
from iars_protocol.messages.checkpoint import AskCheckpoint, SubmitCheckpoint

if TYPE_CHECKING:
    from iars_node.audit.log_store import Log, StoredCheckpoint
    from iars_node.exchange.model import Incoming, Resynced
    from iars_node.peers.model import Peer
    from iars_node.witness.model import Policy, Witness
    from iars_node.work import Work
    from iars_protocol.envelope import Message
    from iars_protocol.messages.checkpoint import CosignCheckpoint, KnownCheckpoint
    from iars_protocol.messages.registry import Body

MESSAGE_LIFE = timedelta(days=30)
FORGOTTEN_AFTER = timedelta(days=40)
"""Nobody asks for a message about logs that is past its life and past what is given back after a restore."""
FORGOTTEN_AT_ONCE = 500


def show_head(work: Work, policy: Policy, *, now: bool = False) -> int:
    """Show the newest head to each witness that is due, or `now` to all; return to how many."""
    newest = log_store.newest_log(work.connection)
    if newest is None or newest.closed_at is not None:
        return 0
    head = log_store.newest_checkpoint(work.connection, newest.number)
    if head is None:
        return 0
    shown = 0
    for peer in witnesses(work, policy):
        known = store.find_witness(work.connection, peer.node_id)
        _miss(work, policy, peer, known)
        if _is_due(work, policy, newest, head, known, now=now):
            _show(work, peer, newest, head, known)
            shown += 1
    return shown


def forget_old_messages(work: Work) -> int:
    """Delete messages about logs that are past their use; return how many."""
    return store.forget_messages(work.connection, work.now - FORGOTTEN_AFTER, FORGOTTEN_AT_ONCE)


def witnesses(work: Work, policy: Policy) -> list[Peer]:
    """Return the peers that are shown the log: those that were pinned first."""
    pinned = [peer for peer in every(work) if peer.is_exchanged_with and not is_restoring(work, peer.node_id)]
    return pinned[: policy.witnesses]


def _miss(work: Work, policy: Policy, peer: Peer, known: Witness | None) -> None:
    if known is None or known.asked_since is None:
        return
    if work.now - known.asked_since >= policy.missed_after:
        raise_alarm(work, "audit.witness-missing", peer.node_text)


def _is_due(  # noqa: PLR0913 - the log, its head, the witness and how hard it is asked
    work: Work, policy: Policy, newest: Log, head: StoredCheckpoint, known: Witness | None, *, now: bool
) -> bool:
    if known is None:
        return True
    if known.asked is not None:
        # One question at a time: two could overtake each other, and look like a log that was put back.
        if store.is_queued(work.connection, known.asked):
            return False
        return now or known.asked_at is None or work.now - known.asked_at >= policy.quiet_every
    if known.origin != newest.origin or now:
        return known.origin != newest.origin or known.size < head.size
    if known.size >= head.size:
        return False
    is_quiet = not log_store.has_grown(work.connection, known.asked_reached)
    waited = work.now - known.cosigned_at if known.cosigned_at is not None else policy.quiet_every
    return waited >= policy.quiet_every if is_quiet else True


def _show(work: Work, peer: Peer, newest: Log, head: StoredCheckpoint, known: Witness | None) -> None:
    old = known.size if known is not None and known.origin == newest.origin else 0
    tree = log_store.tree(work.connection, newest)
    opening, first = _opening(work, newest, head) if old == 0 and newest.opening else ((), ())
    body = SubmitCheckpoint(
        checkpoint=head.note,
        old=old,
        proof=tuple(tree.consistency(old, head.size)),
        opening=opening,
        first=first,
    )
    sent = _tell(work, peer, body)
    log_store.note_shown(work.connection, head, work.now)
    since = known.asked_since if known is not None and known.asked_since else work.now
    store.set_witness(
        work,
        peer.node_id,
        origin=newest.origin,
        size=old,
        asked=sent.id,
        asked_at=work.now,
        asked_since=since,
        asked_reached=newest.reached,
    )
    record(work, "audit.witness-asked", peer_id=peer.node_text, detail={"size": head.size})


def _opening(
    work: Work, newest: Log, head: StoredCheckpoint
) -> tuple[tuple[bytes, bytes], tuple[bytes, ...]]:
    """Return the event that opened the log, and the proof that it is the first leaf."""
    [found] = audit_store.after(work.connection, newest.opening - 1, 1)
    first = log_store.tree(work.connection, newest).inclusion(0, head.size)
    return (found.salt, found.event.content()), tuple(first)


def _tell(work: Work, peer: Peer, body: Body) -> Message:
    # A thread of its own: neither a referral nor a question before it may hold it up.
    draft = Draft(peer, secrets.token_bytes(16), Content(body), ((own_key(work),),), work.now + MESSAGE_LIFE)
    sent = queue(work, draft)
    store.note_message(work, sent.id)
    return sent


def answer(work: Work, peer: Peer, body: Body) -> None:
    """Send a message about logs to a peer."""
    _tell(work, peer, body)


def take_cosignature(work: Work, incoming: Incoming, body: CosignCheckpoint) -> None:
    """Keep a witness's cosignature of our checkpoint."""
    peer = incoming.peer
    cosigned = _own_checkpoint(work, body.origin, body.size)
    checkpoint = read_note(cosigned.note).checkpoint
    at = EPOCH + timedelta(seconds=read_cosignature(body.cosignature, peer.history, checkpoint))
    added = Cosignature(cosigned.log, cosigned.size, peer.node_id, at, body.cosignature)
    log_store.add_cosignature(work, added)
    known = store.find_witness(work.connection, peer.node_id)
    if known is not None and known.origin == body.origin and body.size >= known.size:
        store.set_witness(
            work, peer.node_id, size=body.size, cosigned_at=at, asked=None, asked_at=None, asked_since=None
        )
    record(work, "audit.witnessed", peer_id=peer.node_text, detail={"size": body.size})
    _remember_head(work, cosigned, checkpoint.origin)


def _own_checkpoint(work: Work, origin: str, size: int) -> StoredCheckpoint:
    for each in log_store.logs(work.connection):
        found = log_store.checkpoint_at(work.connection, each.number, size) if each.origin == origin else None
        if found is not None:
            return found
    raise NotFoundError("This node has signed no such checkpoint.")


def _remember_head(work: Work, cosigned: StoredCheckpoint, origin: str) -> None:
    # In the key store: whoever puts an old database back has still to explain this one.
    stored = work.vault.document(LOG_HEAD)
    before = read_note(stored).checkpoint if stored else None
    if before is None or before.origin != origin or before.size < cosigned.size:
        work.vault.store_document(LOG_HEAD, cosigned.note)


def take_known(work: Work, incoming: Incoming, body: KnownCheckpoint) -> None:
    """Compare what a witness says it cosigned last with our own log."""
    own = identity_of(work.vault)
    note = read_note(body.checkpoint) if body.checkpoint else None
    if note is not None:
        verify_checkpoint(note, own.history)
    if body.reason == "asked":
        _take_answer(work, incoming.peer, note)
        return
    if body.reason == "behind" and note is not None and _is_ours(work, note):
        # It cosigned more than we remember: a cosignature was lost on its way here.
        store.set_witness(
            work,
            incoming.peer.node_id,
            origin=note.checkpoint.origin,
            size=note.checkpoint.size,
            asked=None,
            asked_at=None,
        )
        _show_again(work, incoming.peer, note)
        return
    _disagree(work, incoming, body, note)


def _show_again(work: Work, peer: Peer, note: Note) -> None:
    newest = log_store.newest_log(work.connection)
    head = log_store.newest_checkpoint(work.connection, newest.number) if newest else None
    known = store.find_witness(work.connection, peer.node_id)
    if newest and head and newest.origin == note.checkpoint.origin and head.size > note.checkpoint.size:
        _show(work, peer, newest, head, known)


def _is_ours(work: Work, note: Note) -> bool:
    head = note.checkpoint
    for each in log_store.logs(work.connection):
        if each.origin == head.origin and head.size <= each.size:
            return log_store.tree(work.connection, each).root(head.size) == head.root
    return False


def _disagree(work: Work, incoming: Incoming, body: KnownCheckpoint, note: Note | None) -> None:
    peer = incoming.peer
    kind = "forked" if body.reason == "behind" else body.reason
    newest = log_store.newest_log(work.connection)
    shown = log_store.newest_checkpoint(work.connection, newest.number) if newest else None
    store.keep_evidence(
        work,
        peer=peer.node_id,
        kind=kind,
        held=body.checkpoint,
        offered=shown.note if shown else b"",
        message_id=incoming.message.id,
    )
    size = note.checkpoint.size if note else 0
    action = "audit.rollback-seen" if kind == "rolled-back" else "audit.fork-seen"
    record(work, action, peer_id=peer.node_text, detail={"size": size, "by": "witness"})
    raise_alarm(work, f"audit.{kind}", peer.node_text, {"size": size, "by": "witness"})


def ask_after_restore(work: Work, resynced: Resynced) -> None:
    """Ask a peer that may be spoken to again what it cosigned last of the log that was put back."""
    if log_store.newest_log(work.connection) is None:
        return
    for peer in every(work):
        if peer.node_id == resynced.peer and peer.is_exchanged_with:
            sent = _tell(work, peer, AskCheckpoint())
            store.set_witness(
                work, peer.node_id, asked=sent.id, asked_at=work.now, asked_since=work.now, is_awaited=True
            )


def _take_answer(work: Work, peer: Peer, note: Note | None) -> None:
    """Take in how far a witness had seen the log before the restore; open the next when all have spoken."""
    newest = log_store.newest_log(work.connection)
    store.set_witness(work, peer.node_id, asked=None, asked_at=None, asked_since=None, is_awaited=False)
    if newest is None or newest.closed_at is None:
        _note_late_answer(work, peer, note)
        return
    if note is not None and note.checkpoint.origin == newest.origin:
        known = newest_known(work, newest)
        if known is None or known.size < note.checkpoint.size:
            log_store.change_log(work.connection, newest.number, newest_note=note.to_bytes())
    if not store.is_anybody_awaited(work.connection):
        log_store.change_log(work.connection, newest.number, wait_until=newest.closed_at)


def _note_late_answer(work: Work, peer: Peer, note: Note | None) -> None:
    """Say of a log that was opened without a witness's answer that more is lost than its first leaf names."""
    closed = next((each for each in log_store.logs(work.connection) if _is_of(note, each)), None)
    if note is None or closed is None:
        return
    before = newest_known(work, closed)
    if note.checkpoint.size > max(closed.size, before.size if before else 0):
        log_store.change_log(work.connection, closed.number, newest_note=note.to_bytes())
        detail: dict[str, str | int] = {"size": note.checkpoint.size, "kept": closed.size}
        record(work, "audit.gap-found", peer_id=peer.node_text, detail=detail)
        raise_alarm(work, "audit.gap", peer.node_text, detail)


def _is_of(note: Note | None, closed: Log) -> bool:
    return note is not None and closed.closed_at is not None and note.checkpoint.origin == closed.origin
