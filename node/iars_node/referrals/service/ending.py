"""What the end of a consent does to referrals that went out under it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from iars_node import audit
from iars_node.consent import service as consents
from iars_node.errors import RefusedError
from iars_node.exchange.model import Draft
from iars_node.exchange.queueing import queue_many
from iars_node.peers import store as peer_store
from iars_node.referrals import store
from iars_node.referrals.model import OUT, Step
from iars_node.referrals.service import disclosing, steps
from iars_node.vault.tables import content_key
from iars_protocol.content import Content
from iars_protocol.messages.referral import Cancel
from iars_protocol.record import SERVICES

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from iars_node.consent.model import KeptGrant
    from iars_node.peers.model import Peer
    from iars_node.referrals.model import Referral
    from iars_node.work import Work

REASON = "consent-ended"
AT_ONCE = 500


def end_sharing(work: Work, grant_ids: Collection[str]) -> list[Referral]:
    """Cancel what was not accepted yet under grants that have ended; return what was cancelled.

    Accepted care goes on as the receiver and the person decide; nothing more is disclosed for it, because
    every disclosure asks the grant.
    """
    found = [
        (current, consents.kept_grant(work, current.grant_id))
        for current in store.under_grants(work.connection, grant_ids)
        if current.direction == OUT and current.is_open
    ]
    over = [(current, kept) for current, kept in found if _is_over(current, kept)]
    for current, _kept in over:
        # What waited for the acceptance never leaves.
        store.drop_snapshot(work.connection, current.id)
    return _cancel(work, [entry for entry in over if entry[0].state == "requested"])


def _is_over(current: Referral, kept: KeptGrant) -> bool:
    return kept.has_ended("services", SERVICES[current.service].purpose)


def _cancel(work: Work, over: Sequence[tuple[Referral, KeptGrant]]) -> list[Referral]:
    peers = {peer.node_id: peer for peer in peer_store.every(work.connection)}
    over = [entry for entry in over if _can_be_told(work, peers.get(entry[0].peer))]
    keys = _message_keys(work, [current.id for current, _kept in over])
    content = Content(Cancel(REASON))
    drafts = [
        Draft(
            peers[current.peer],
            current.thread,
            content,
            ((keys.get(current.id) or disclosing.message_key(work, current.id, "own"),),),
            work.now + steps.MESSAGE_LIFE,
            kept.signed.hash,
        )
        for current, kept in over
    ]
    cancelled = []
    for (current, _kept), message in zip(over, queue_many(work, drafts), strict=True):
        state = steps.next_state(current, content.body.type)
        step = Step(
            at=work.now,
            type=content.body.type,
            side=current.side,
            actor=work.actor.id,
            message=message.id.hex(),
            seen=message.header.seen.hex(),
            state_after=state,
            reason=REASON,
            is_refused=False,
        )
        store.add_step(work.connection, current.id, step)
        cancelled.append(steps.move(work, current, state, step.type, REASON))
    audit.record_many(work, [_entry(each) for each in cancelled])
    return cancelled


def _can_be_told(work: Work, peer: Peer | None) -> bool:
    # Who can't be told by a step of the referral learns of its end by the withdrawal, which is carried later.
    try:
        return peer is not None and steps.sendable_peer(work, peer.node_id) is not None
    except RefusedError:
        return False


def _message_keys(work: Work, referral_ids: Sequence[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    column: Any = content_key.c
    for start in range(0, len(referral_ids), AT_ONCE):
        rows = work.connection.execute(
            select(column.owner_id, column.key_id).where(
                column.owner_kind == "referral",
                column.owner_id.in_(list(referral_ids[start : start + AT_ONCE])),
                column.scope == disclosing.MESSAGE_SCOPE,
                column.source == "own",
            )
        )
        found |= {row.owner_id: bytes(row.key_id) for row in rows}
    return found


def _entry(cancelled: Referral) -> audit.Entry:
    return audit.Entry(
        "referral.cancelled",
        case_id=cancelled.case_id,
        referral_id=cancelled.id,
        peer_id=cancelled.peer.hex(),
        detail={"reason": REASON},
    )
