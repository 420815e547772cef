"""One step of a referral: the message, the state and the history, written together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from iars_node.db import EPOCH
from iars_node.errors import ConflictError, NotFoundError, RefusedError
from iars_node.exchange.model import Draft
from iars_node.exchange.outbox import queue
from iars_node.exchange.restoring import refuse_while_restoring
from iars_node.peers import store as peer_store
from iars_node.peers.service import get as get_peer
from iars_node.referrals import store
from iars_node.referrals.model import Step
from iars_node.vault import identity
from iars_protocol.errors import TransitionError
from iars_protocol.referral import ANSWERS, CLOSED, advance

if TYPE_CHECKING:
    from datetime import datetime

    from iars_node.peers.model import Peer
    from iars_node.referrals.model import Referral
    from iars_node.work import Work
    from iars_protocol.content import Content
    from iars_protocol.referral import State

MESSAGE_LIFE = timedelta(days=60)


def get(work: Work, referral_id: str) -> Referral:
    """Return a referral, or raise NotFoundError."""
    found = store.find(work.connection, referral_id)
    if found is None:
        raise NotFoundError("There is no referral of this id.")
    return found


def claim(work: Work, referral_id: str) -> Referral:
    """Return a referral for a step: until the commit nobody else takes one, on this side or the other."""
    peer_store.lock(work.connection, get(work, referral_id).peer)
    # Read again: what was decided while we waited for the lock counts.
    return get(work, referral_id)


def sendable_peer(work: Work, node_id: bytes) -> Peer:
    """Return a peer that messages may go to, or say why none may."""
    peer_store.lock(work.connection, node_id)
    peer = get_peer(work, node_id)
    if not peer.is_exchanged_with:
        raise RefusedError(
            "This organisation's node is not verified, or is blocked; compare its fingerprint first.",
            "peer-not-pinned",
        )
    refuse_while_restoring(work, node_id)
    return peer


def next_state(current: Referral, step: str) -> State:
    """Return the state after one's own step, or say that it is not possible now."""
    try:
        return advance(current.state, step, current.side)
    except TransitionError as error:
        raise ConflictError(
            f"The referral is {current.state}; this step is not possible now. Look at it again."
        ) from error


@dataclass(frozen=True, slots=True)
class Sending:
    """What goes with one's own step: its content, the keys that keep it, its grant, how long it counts."""

    content: Content
    part_keys: tuple[tuple[bytes, ...], ...]
    grant: bytes
    expires: datetime | None = None


def take_step(work: Work, current: Referral, sending: Sending) -> Referral:
    """Take one's own step: sign and queue its message, move the state, write the history."""
    state = next_state(current, sending.content.body.type)
    step = sign_step(work, current, state, sending, sendable_peer(work, current.peer))
    store.add_step(work.connection, current.id, step)
    return move(work, current, state, step.type, step.reason)


def sign_step(work: Work, current: Referral, state: State, sending: Sending, peer: Peer) -> Step:
    """Sign and queue the message of one's own step; return the entry that its history gets."""
    expires = sending.expires or work.now + MESSAGE_LIFE
    message = queue(
        work, Draft(peer, current.thread, sending.content, sending.part_keys, expires, sending.grant)
    )
    return Step(
        at=work.now,
        type=sending.content.body.type,
        side=current.side,
        actor=work.actor.id,
        message=message.id.hex(),
        seen=message.header.seen.hex(),
        state_after=state,
        reason=getattr(sending.content.body, "reason", ""),
        is_refused=False,
    )


def move(work: Work, current: Referral, state: State, step: str, reason: str) -> Referral:
    """Write a referral's new state and what follows from it."""
    changes: dict[str, Any] = {"state": state, "updated_at": work.now}
    if reason:
        changes["reason"] = reason
    if step in ANSWERS and current.answered_at is None:
        changes["answered_at"] = work.now
    if state in CLOSED and current.closed_at is None:
        changes["closed_at"] = work.now
        store.drop_snapshot(work.connection, current.id)
    store.change(work.connection, current.id, **changes)
    return replace(current, **changes)


def seconds_of(moment: datetime) -> int:
    """Return a moment as the protocol counts."""
    return identity.seconds(moment)


def moment_of(seconds: int) -> datetime:
    """Return a moment from the protocol's seconds."""
    return EPOCH + timedelta(seconds=seconds)
