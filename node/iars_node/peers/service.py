"""Use cases about peers: add, verify, block, follow their listings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from iars_node.audit import alarms
from iars_node.audit.service import record
from iars_node.errors import ConflictError, InvalidError, NotFoundError, RefusedError
from iars_node.peers import store
from iars_node.peers.model import BLOCKED, PINNED, UNVERIFIED, Peer
from iars_node.vault.identity import identity_of, seconds
from iars_protocol.errors import ForkError, ProtocolError
from iars_protocol.keys import fingerprint
from iars_protocol.listing import read_signed_listing, verify_listing

if TYPE_CHECKING:
    from iars_node.work import Work


def add_peer(work: Work, presented: bytes) -> Peer:
    """Add a peer from the listing that it handed over; nothing passes until its fingerprint is compared."""
    try:
        listing, history = verify_listing(read_signed_listing(presented), at=seconds(work.now))
    except ProtocolError as error:
        raise InvalidError(
            "This is not a listing that can be trusted; ask the organisation for a fresh one.",
            {"listing": error.code},
        ) from error
    own = identity_of(work.vault)
    if history.node_id == own.node_id:
        raise ConflictError("This is this node's own listing; add the other organisation's.")
    if listing.training != own.listing.training:
        raise RefusedError("A training node and a real one don't exchange; use two of a kind.", "training")
    if store.find(work.connection, history.node_id) is not None:
        return follow_listing(work, history.node_id, presented)
    store.add(work.connection, history.node_id, presented, UNVERIFIED, work.now)
    store.set_hop_keys(work.connection, history.node_id, history.hop)
    record(work, "peer.added", peer_id=history.node_id.hex())
    return get(work, history.node_id)


def verify_peer(work: Work, node_id: bytes, digits: str) -> Peer:
    """Pin a peer whose fingerprint was read out by its own people over another way."""
    expected, own = (fingerprint(one).replace(" ", "") for one in (node_id, identity_of(work.vault).node_id))
    typed = "".join(digit for digit in digits if digit.isdigit())
    if typed == own:
        raise InvalidError(
            "These are this organisation's own digits. Type those that the other organisation's people read "
            "to you; they type yours.",
            {"digits": "own"},
        )
    if typed != expected:
        raise InvalidError(
            "The digits differ. Do not exchange with this node before you know why.", {"digits": "differ"}
        )
    get(work, node_id)
    store.change(work.connection, node_id, trust=PINNED, verified_at=work.now, verified_by=work.actor.id)
    record(work, "peer.verified", peer_id=node_id.hex())
    return get(work, node_id)


def block_peer(work: Work, node_id: bytes) -> Peer:
    """Stop every exchange with a peer; what it holds and what came from it stays as it is."""
    get(work, node_id)
    store.change(work.connection, node_id, trust=BLOCKED)
    record(work, "peer.suspended", peer_id=node_id.hex())
    return get(work, node_id)


def follow_listing(work: Work, node_id: bytes, presented: bytes) -> Peer:
    """Take over a newer listing of a known peer; a contradicted key history stops traffic and alarms."""
    known = get(work, node_id)
    try:
        signed = read_signed_listing(presented)
        listing, history = verify_listing(signed, at=seconds(work.now), known=known.history)
        is_newer = listing.number > known.listing.number
        newest = signed if is_newer else store.presented(work.connection, node_id)
        # With every statement that was ever seen: a revocation must not get lost by a listing that leaves it
        # out, nor wait for one with a higher number.
        kept = replace(newest, statements=history.statements).to_bytes()
        store.verified(kept)
    except ForkError:
        store.change(work.connection, node_id, forked_at=work.now)
        alarms.raise_alarm(work, "peer.fork", node_id.hex())
        record(work, "peer.fork-seen", peer_id=node_id.hex())
        return get(work, node_id)
    except ProtocolError as error:
        record(work, "peer.listing-refused", peer_id=node_id.hex(), detail={"code": error.code})
        raise InvalidError(
            "The listing does not verify; the one before it stays.", {"listing": error.code}
        ) from error
    if is_newer or history.head != known.history.head:
        store.change(work.connection, node_id, presented=kept)
        store.set_hop_keys(work.connection, node_id, history.hop)
        number = max(listing.number, known.listing.number)
        record(work, "peer.listing-received", peer_id=node_id.hex(), detail={"number": number})
    return get(work, node_id)


def get(work: Work, node_id: bytes) -> Peer:
    """Return a peer, or raise NotFoundError."""
    found = store.find(work.connection, node_id)
    if found is None:
        raise NotFoundError("This organisation is not known here; add its listing first.")
    return found


def every(work: Work) -> list[Peer]:
    """Return all peers, the first added first."""
    return store.every(work.connection)


def resolve(work: Work, text: str) -> Peer:
    """Return the peer that a person means: the beginning of its node id, or of its name."""
    wanted = text.strip().casefold()
    found = [
        peer
        for peer in store.every(work.connection)
        if peer.node_text.startswith(wanted)
        or any(name.casefold().startswith(wanted) for name in peer.listing.names.values())
    ]
    if len(found) == 1:
        return found[0]
    if not found:
        raise NotFoundError("No organisation's name or node id begins like that; see `iars peer list`.")
    raise ConflictError("Several organisations begin like that; write more of the name or node id.")
