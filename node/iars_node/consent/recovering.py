"""Recovering: what a restored node once said about an exception, given back by the one who heard it.

Without it the restored node would let an exception lapse that was approved, and contradict itself.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node.audit.service import record
from iars_node.consent import exception_store, store
from iars_node.consent.events import ExceptionLapsed
from iars_node.consent.exceptions import LAPSE_JOB
from iars_node.db import EPOCH
from iars_node.exchange import messages, streams
from iars_node.exchange.model import OUT
from iars_node.jobs.service import cancel
from iars_node.vault.identity import identity_of
from iars_protocol.approvals import LAPSED
from iars_protocol.messages.exception import DecideException

if TYPE_CHECKING:
    from iars_node.peers.model import Peer
    from iars_node.work import Work
    from iars_protocol.content import Content
    from iars_protocol.envelope import Message


def recover_outcome(work: Work, peer: Peer, message: Message, content: Content) -> None:
    """Take back the outcome of an exception that the restored database has forgotten."""
    keep_own(work, peer, message)
    body = content.body
    if not isinstance(body, DecideException):
        return
    granted = store.find_grant(work.connection, body.grant)
    if granted is None or granted.direction != OUT:
        return
    kept = exception_store.find(work.connection, work.vault, granted.consent_id, for_update=True)
    if kept is None or kept.state != "pending":
        return
    exception_store.change(
        work.connection,
        kept.id,
        state=body.outcome,
        decided_by=body.approver,
        decided_at=EPOCH + timedelta(seconds=body.at),
    )
    cancel(work, LAPSE_JOB, kept.id)
    if body.outcome == LAPSED:
        store.end_grant(work.connection, granted.id, work.now)
        work.announce(ExceptionLapsed(kept.id, (granted.id,), (message.id,)))
    record(
        work,
        f"consent.exception-{body.outcome}",
        subject=kept.id,
        case_id=kept.case_id,
        peer_id=peer.node_text,
        detail={"kind": kept.kind, "restored": 1},
    )


def keep_own(work: Work, peer: Peer, message: Message) -> None:
    """Keep a message of our own that was given back, about consents and about no person."""
    keys = ((messages.own_key(work),),) * len(message.parts)
    messages.keep(work, message, direction=OUT, peer=peer.node_id, part_keys=keys)
    messages.set_head(work, message.header.thread, identity_of(work.vault).node_id, message.id)
    streams.remember_out(work, peer.node_id, message.header.stream, message.header.number, message.id)
