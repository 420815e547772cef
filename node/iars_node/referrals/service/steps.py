"""One step of a referral: the message, the state and the history, written together."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from iars_node.db import EPOCH
from iars_node.errors import ConflictError, NotFoundError, RefusedError
from iars_node.exchange.model import Draft
from iars_node.exchange.outbox import queue
from iars_node.exchange.restoring import refuse_while_restoring
from iars_node.jobs.service import cancel as cancel_job
from iars_node.peers.service import get as get_peer
from iars_node.referrals import store
from iars_node.referrals.model import EXPIRE_JOB, Step
from iars_node.vault import identity
from iars_protocol.errors import TransitionError
from iars_protocol.referral import CLOSED, advance

if TYPE_CHECKING:
    from datetime import datetime

    from iars_node.peers.model import Peer
    from iars_node.referrals.model import Referral
    from iars_node.work import Work
    from iars_protocol.content import Content
    from iars_protocol.envelope import Message
    from iars_protocol.referral import State

MESSAGE_LIFE = timedelta(days=60)
ANSWERS = frozenset({"referral.accept/1", "handover.accept/1", "referral.reject/1"})


def get(work: Work, referral_id: str) -> Referral:
    """Return a referral, or raise NotFoundError."""
    found = store.find(work.connection, referral_id)
    if found is None:
        raise NotFoundError("There is no referral of this id.")
    return found


def sendable_peer(work: Work, node_id: bytes) -> Peer:
    """Return a peer that messages may go to, or say why none may."""
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


def take_step(  # noqa: PLR0913 - a step has these pieces, the last two by name
    work: Work,
    current: Referral,
    content: Content,
    part_keys: tuple[tuple[bytes, ...], ...],
    *,
    grant_hash: bytes,
    expires: datetime | None = None,
) -> tuple[Referral, Message]:
    """Take one's own step: sign and queue its message, move the state, write the history."""
    step = content.body.type
    state = next_state(current, step)
    peer = sendable_peer(work, current.peer)
    draft = Draft(peer, current.thread, content, part_keys, expires or work.now + MESSAGE_LIFE, grant_hash)
    message = queue(work, draft)
    reason = getattr(content.body, "reason", "")
    store.add_step(
        work.connection,
        current.id,
        Step(
            at=work.now,
            type=step,
            side=current.side,
            actor=work.actor.id,
            message=message.id.hex(),
            seen=message.header.seen.hex(),
            state_after=state,
            reason=reason,
            is_refused=False,
        ),
    )
    return move(work, current, state, step, reason), message


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
    if state != "requested":
        cancel_job(work, EXPIRE_JOB, current.id)
    store.change(work.connection, current.id, **changes)
    return replace(current, **changes)


def seconds_of(moment: datetime) -> int:
    """Return a moment as the protocol counts."""
    return identity.seconds(moment)


def moment_of(seconds: int) -> datetime:
    """Return a moment from the protocol's seconds."""
    return EPOCH + timedelta(seconds=seconds)
