"""Announcing: peers learn of a changed listing or key from the node itself."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node.exchange.messages import own_key
from iars_node.exchange.model import FIRST, Draft, Handler
from iars_node.exchange.outbox import queue
from iars_node.exchange.restoring import is_restoring
from iars_node.jobs.service import schedule
from iars_node.peers.service import every, follow_listing
from iars_node.vault.identity import (
    destroy_old_encryption_keys,
    identity_of,
    rotate_encryption_key,
)
from iars_protocol.content import Content
from iars_protocol.errors import MalformedError
from iars_protocol.messages.administration import AnnounceListing

if TYPE_CHECKING:
    from iars_node.exchange.model import Incoming
    from iars_node.jobs.model import Job
    from iars_node.work import Work

ROTATE_JOB = "key.rotate"
ROTATE_EVERY = timedelta(hours=12)
ANNOUNCEMENT_LIFE = timedelta(days=30)


def listing_handler() -> Handler:
    """Return what a listing that a peer announces does here."""
    return Handler(apply=_follow, part_keys=_keys)


def _keys(_work: Work, incoming: Incoming) -> tuple[tuple[bytes, ...], ...]:
    # The listing is kept in the table of peers; the message's header stays as evidence.
    return ((),) * len(incoming.message.parts)


def _follow(work: Work, incoming: Incoming) -> None:
    body = incoming.content.body
    if not isinstance(body, AnnounceListing):
        raise MalformedError("an announcement has another form")
    follow_listing(work, incoming.peer.node_id, body.listing)


def announce_listing(work: Work) -> int:
    """Queue the node's own listing for every peer that is exchanged with; return how many."""
    identity = identity_of(work.vault)
    content = Content(AnnounceListing(identity.signed_listing.to_bytes()))
    peers = [peer for peer in every(work) if peer.is_exchanged_with and not is_restoring(work, peer.node_id)]
    for peer in peers:
        # A thread of its own: news of a key never waits behind anything.
        thread = secrets.token_bytes(16)
        expires = work.now + ANNOUNCEMENT_LIFE
        queue(work, Draft(peer, thread, content, ((own_key(work),),), expires, precedence=FIRST))
    return len(peers)


def rotate_keys(work: Work) -> bool:
    """Rotate the encryption key when it nears its end, tell the peers, destroy what is past its time."""
    destroy_old_encryption_keys(work.vault, work.now)
    if not rotate_encryption_key(work.vault, work.now):
        return False
    announce_listing(work)
    return True


def rotate_keys_job(work: Work, _job: Job) -> None:
    """Look after the keys, and again in half a day. One job for all replicas: history never forks."""
    rotate_keys(work)
    schedule(work, ROTATE_JOB, work.now + ROTATE_EVERY)
