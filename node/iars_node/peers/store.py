"""Every query about peers."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, bindparam, insert, select, update

from iars_node.peers.model import Peer
from iars_node.peers.tables import hop_key, peer
from iars_node.prepared import Prepared
from iars_protocol.keys import ANY_TIME
from iars_protocol.listing import read_signed_listing, verify_listing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy import Connection

    from iars_protocol.keys import KeyHistory
    from iars_protocol.listing import Listing, SignedListing

AT_ONCE = 500

_ONE = select(peer)
_BY_ID = Prepared(_ONE.where(peer.c.node_id == bindparam("wanted")))
_LOCK = Prepared(select(peer.c.node_id).where(peer.c.node_id == bindparam("wanted")).with_for_update())
_BY_HOP_KEY = Prepared(
    _ONE.join(hop_key, hop_key.c.node_id == peer.c.node_id).where(hop_key.c.key_id == bindparam("wanted"))
)


def find(connection: Connection, node_id: bytes) -> Peer | None:
    """Return a peer by its node id."""
    row = _BY_ID.first(connection, {"wanted": node_id})
    return None if row is None else _peer(row)


def presented(connection: Connection, node_id: bytes) -> SignedListing:
    """Return the listing of a known peer with the signatures that prove it."""
    kept = connection.execute(select(peer.c.presented).where(peer.c.node_id == node_id)).scalar_one()
    return read_signed_listing(bytes(kept))


def lock(connection: Connection, node_id: bytes) -> None:
    """Let nobody else change anything with a peer before the commit.

    A thread has two authors and several hands: workers, the peer's messages, receipts, timers. Whoever is to
    take a step takes this lock first, so that it decides on the state that it then changes. SQLite has one
    writer at a time anyway.
    """
    _LOCK.run(connection, {"wanted": node_id})


def lock_many(connection: Connection, node_ids: Iterable[bytes]) -> None:
    """Lock several peers, in one order everywhere, so that two of us never wait for each other."""
    wanted = sorted(node_ids)
    for start in range(0, len(wanted), AT_ONCE):
        some = peer.c.node_id.in_(wanted[start : start + AT_ONCE])
        connection.execute(select(peer.c.node_id).where(some).order_by(peer.c.node_id).with_for_update())


def find_many(connection: Connection, node_ids: Iterable[bytes]) -> dict[bytes, Peer]:
    """Return several peers by their node ids; who is not known is absent."""
    wanted = sorted(node_ids)
    found: dict[bytes, Peer] = {}
    for start in range(0, len(wanted), AT_ONCE):
        rows = connection.execute(_ONE.where(peer.c.node_id.in_(wanted[start : start + AT_ONCE])))
        found |= {bytes(row.node_id): _peer(row) for row in rows}
    return found


def find_by_hop_key(connection: Connection, key_id: bytes) -> Peer | None:
    """Return the peer that a hop key belongs to."""
    row = _BY_HOP_KEY.first(connection, {"wanted": key_id})
    return None if row is None else _peer(row)


def every(connection: Connection) -> list[Peer]:
    """Return all peers, the first added first."""
    return [_peer(row) for row in connection.execute(_ONE.order_by(peer.c.added_at, peer.c.node_id))]


def add(connection: Connection, node_id: bytes, presented: bytes, trust: str, now: datetime) -> None:
    """Write a peer for the first time."""
    connection.execute(
        insert(peer).values(node_id=node_id, trust=trust, presented=presented, added_at=now, verified_by="")
    )


def change(connection: Connection, node_id: bytes, **values: Any) -> None:  # noqa: ANN401 - columns of the table
    """Change columns of a peer."""
    connection.execute(update(peer).where(peer.c.node_id == node_id).values(**values))


def set_hop_keys(connection: Connection, node_id: bytes, key_ids: Iterable[bytes]) -> None:
    """Remember the hop keys of a peer's history; a key never moves to another peer."""
    known = set(connection.execute(select(hop_key.c.key_id)).scalars())
    fresh = [{"key_id": key_id, "node_id": node_id} for key_id in key_ids if key_id not in known]
    if fresh:
        connection.execute(insert(hop_key), fresh)


def _peer(row: Row[Any]) -> Peer:
    listing, history = verified(bytes(row.presented))
    return Peer(
        bytes(row.node_id),
        row.trust,
        listing,
        history,
        row.added_at,
        row.verified_at,
        row.verified_by,
        row.forked_at,
    )


@lru_cache(maxsize=4096)
def verified(kept: bytes) -> tuple[Listing, KeyHistory]:
    """Return what a kept listing says, or raise ProtocolError where it must not be kept.

    Revocations were obeyed when it came in. Verifying a history costs several signatures; the bytes decide
    the outcome, so they are the key.
    """
    return verify_listing(read_signed_listing(kept), at=ANY_TIME)
