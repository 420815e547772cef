"""What `iars doctor` asks of others: are they reached, and do the clocks agree?"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from iars_admin.checks import Finding, ok
from iars_admin.reaching import fetch_listing
from iars_node.db import EPOCH
from iars_node.errors import NodeError
from iars_node.exchange.tables import message
from iars_node.peers import service as peers
from iars_protocol.consent import CLOCK_TOLERANCE
from iars_protocol.envelope import read_header
from iars_protocol.errors import ProtocolError
from iars_protocol.listing import read_signed_listing, verify_listing
from iars_protocol.receipt import read_signed_receipt

if TYPE_CHECKING:
    from iars_node.node import Node
    from iars_node.peers.model import Peer
    from iars_node.work import Work

NOTICEABLE = timedelta(seconds=30)
TOLERATED = timedelta(seconds=CLOCK_TOLERANCE)
NEWEST_RECEIPTS = 50


def check_clock_by_receipts(work: Work, _node: Node) -> list[Finding]:
    """Hold the clock against the times in the newest receipts of others.

    A receipt is written after its message: one that says it is older shows clocks that differ. One from the
    future shows that this clock is behind.
    """
    rows = work.connection.execute(
        select(message.c.header, message.c.receipt)
        .where(message.c.direction == "out", message.c.receipt.is_not(None))
        .order_by(message.c.recorded_at.desc())
        .limit(NEWEST_RECEIPTS)
    ).all()
    behind = ahead = timedelta(0)
    for row in rows:
        receipted = EPOCH + timedelta(seconds=read_signed_receipt(bytes(row.receipt)).receipt.at)
        created = EPOCH + timedelta(seconds=read_header(bytes(row.header)).created)
        behind, ahead = max(behind, receipted - work.now), max(ahead, created - receipted)
    if not rows:
        return [ok("clock", "no receipt to hold it against yet")]
    return [_clock("clock", behind if behind > ahead else -ahead, "by others' receipts")]


def check_peers(node: Node, known: list[Peer]) -> list[Finding]:
    """Ask every peer that is exchanged with for its listing."""
    return [finding for peer in known for finding in _check_peer(node, peer)]


def _check_peer(node: Node, peer: Peer) -> list[Finding]:
    name = f"peer {peer.node_text[:12]}"
    if peer.endpoint is None:
        return [Finding(name, "warning", "publishes no address", "Ask it for a fresh listing.")]
    try:
        reached = fetch_listing(node, peer.endpoint)
        verify_listing(read_signed_listing(reached.listing), at=0, known=peer.history)
    except NodeError as error:
        reason = getattr(error, "reason", error.code)
        return [
            Finding(name, "warning", f"can't be reached ({reason})", "Is its node running? Is the line up?")
        ]
    except ProtocolError as error:
        advice = "Another node answers at its address, or its keys were replaced: telephone its people."
        return [Finding(name, "failed", f"its listing does not verify ({error.code})", advice)]
    found = [ok(name, f"answers in {reached.milliseconds} ms")]
    if reached.ahead is not None and abs(reached.ahead) > NOTICEABLE:
        found.append(_clock(name, reached.ahead, "against its clock"))
    return found


def _clock(name: str, others_ahead: timedelta, how: str) -> Finding:
    apart = abs(others_ahead)
    side = "behind" if others_ahead > timedelta(0) else "ahead"
    if apart <= NOTICEABLE:
        return ok(name, f"the clock agrees, {how}")
    said = f"this clock is {round(apart.total_seconds())} s {side}, {how}"
    advice = "Set this machine's clock by a time server, or ask the other side to."
    return Finding(name, "failed" if apart > TOLERATED else "warning", said, advice)


def peers_to_ask(work: Work) -> list[Peer]:
    """Return the peers that are exchanged with."""
    return [peer for peer in peers.every(work) if peer.is_exchanged_with]
