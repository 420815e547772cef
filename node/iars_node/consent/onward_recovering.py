"""Recovering: permissions that this node gave and notices that it sent, given back after a restore."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node.consent import onward_store, store
from iars_node.consent.onward_model import KeptPermission, Passing
from iars_node.consent.recovering import keep_own
from iars_node.db import EPOCH
from iars_protocol.consent import Onward
from iars_protocol.errors import MalformedError
from iars_protocol.messages.onward import NoticeOnward, PermitOnward

if TYPE_CHECKING:
    from iars_node.exchange.returning import Recover
    from iars_node.peers.model import Peer
    from iars_node.work import Work
    from iars_protocol.content import Content
    from iars_protocol.envelope import Message


def recoveries() -> dict[str, Recover]:
    """Return how each of our own messages about passing on is taken back."""
    return {PermitOnward.type: recover_permission, NoticeOnward.type: recover_notice}


def recover_permission(work: Work, peer: Peer, message: Message, content: Content) -> None:
    """Take back a permission: without it, a later withdrawal would not name it."""
    keep_own(work, peer, message)
    body = content.body
    if not isinstance(body, PermitOnward) or not isinstance(body.permission.content, Onward):
        raise MalformedError("a returned permission has another form")
    onward = body.permission.content
    if onward_store.find_permission(work.connection, onward.id, grant_id=body.grant) is not None:
        return
    granted = store.find_grant(work.connection, body.grant)
    new = KeptPermission(
        onward.id,
        "out",
        peer.node_id,
        body.grant,
        "" if granted is None else granted.consent_id,
        "",
        onward,
        body.permission,
        work.now,
    )
    onward_store.add_permission(work.connection, new, EPOCH + timedelta(seconds=onward.expires))


def recover_notice(work: Work, peer: Peer, message: Message, content: Content) -> None:
    """Take back what the origin was told, so that it is not told another thing."""
    keep_own(work, peer, message)
    body = content.body
    if not isinstance(body, NoticeOnward):
        raise MalformedError("a returned notice has another form")
    known = onward_store.find_passing(work.connection, "out", peer.node_id, body.passing)
    told = Passing(
        direction="out",
        peer=peer.node_id,
        passing=body.passing,
        onward_id=body.onward,
        recipient=bytes.fromhex(body.recipient),
        scopes=body.scopes,
        expires_at=EPOCH + timedelta(seconds=body.expires),
        told_at=EPOCH + timedelta(seconds=message.header.created),
        outcome=body.outcome,
        outcome_at=work.now if body.outcome else None,
    )
    if known is None:
        onward_store.add_passing(work.connection, told)
    elif body.outcome:
        onward_store.set_outcome(work.connection, told, body.outcome, work.now)
