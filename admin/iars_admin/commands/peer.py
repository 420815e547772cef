"""`iars peer`: the other organisations' nodes."""

from pathlib import Path
from typing import Annotated

import typer

from iars_admin.command import command, group
from iars_admin.reaching import fetch_listing
from iars_admin.session import Session
from iars_node.audit.service import record
from iars_node.errors import InvalidError, RefusedError, SetupError
from iars_node.exchange.transport import UnreachableError
from iars_node.peers import service as peers
from iars_node.peers.model import Peer

PeerArgument = Annotated[str, typer.Argument(help="The beginning of its name or node id.")]

COLUMNS = {
    "name": "Organisation",
    "organisation_type": "Type",
    "country": "Country",
    "trust": "Trust",
    "address": "Address",
    "node_short": "Node",
}
LABELS = {
    "name": "Organisation",
    "organisation_type": "Type",
    "country": "Country",
    "services": "Services",
    "address": "Address",
    "trust": "Trust",
    "node": "Node id",
    "fingerprint": "Fingerprint",
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    peer = group(
        app,
        "peer",
        "Other organisations' nodes (the pages' partners). Nothing passes before a fingerprint is compared.",
    )
    added = ("iars peer add mission.listing", "iars peer add https://mission.example.org")
    command(peer, "add", examples=added)(add)
    command(peer, "list", examples=("iars peer list",))(list_peers)
    command(peer, "show", examples=("iars peer show mission",))(show)
    command(peer, "verify", examples=('iars peer verify mission "12345 67890 ..."',))(verify)
    command(peer, "block", examples=("iars peer block mission",))(block)
    command(peer, "test", examples=("iars peer test mission",))(test)


def add(
    session: Session,
    source: Annotated[str, typer.Argument(help="A listing's file, or a node's address.")],
    digits: Annotated[
        str, typer.Option(help="The fingerprint, if its people have read it to you already.")
    ] = "",
    verified: Annotated[
        bool,
        typer.Option("--verified", help="In training only: count the fingerprint as compared."),
    ] = False,
) -> None:
    """Add an organisation's node from its listing. Compare its fingerprint next: iars peer verify."""
    presented = _presented(session, source)
    with session.work("peer.manage") as work:
        added = peers.add_peer(work, presented)
        if verified and not session.settings.training:
            raise RefusedError("Outside training a fingerprint is compared: use --digits.", "not-training")
        if digits or verified:
            added = peers.verify_peer(work, added.node_id, digits or added.fingerprint)
    said = f"{added.name()} is known, and {added.trust}."
    if not added.is_exchanged_with:
        said += f"\nCompare its fingerprint by telephone, then run: iars peer verify\n{added.fingerprint}"
    session.screen.done(said, described(added))


def _presented(session: Session, source: str) -> bytes:
    if source.startswith(("https://", "http://")):
        return fetch_listing(session.node, source).listing
    try:
        return Path(source).read_bytes()
    except OSError as error:
        raise SetupError(f"The file {source} can't be read.") from error


def list_peers(session: Session) -> None:
    """List the organisations that this node knows."""
    with session.work("peer.read") as work:
        found = [described(peer) for peer in peers.every(work)]
    session.screen.show_list(found, COLUMNS, none="No organisation is known yet: iars peer add")


def show(session: Session, peer: PeerArgument) -> None:
    """Show one organisation with its fingerprint."""
    with session.work("peer.read") as work:
        session.screen.show_one(described(peers.resolve(work, peer)), LABELS)


def verify(
    session: Session,
    peer: PeerArgument,
    digits: Annotated[str, typer.Argument(help="The digits that its people read to you.")],
) -> None:
    """Confirm a fingerprint that the organisation's own people read out to you. From then on you exchange."""
    with session.work("peer.manage") as work:
        verified = peers.verify_peer(work, peers.resolve(work, peer).node_id, digits)
    session.screen.done(f"{verified.name()} is verified.", described(verified))


def block(session: Session, peer: PeerArgument) -> None:
    """Stop every exchange with an organisation. What it holds and what came from it stays as it is."""
    with session.work("peer.manage") as work:
        blocked = peers.block_peer(work, peers.resolve(work, peer).node_id)
    session.screen.done(f"{blocked.name()} is blocked.", described(blocked))


def test(session: Session, peer: PeerArgument) -> None:
    """Ask a node for its listing: is it reached, is it the right one, does its clock agree?"""
    with session.work("peer.manage") as work:
        tested = peers.resolve(work, peer)
    if tested.endpoint is None:
        raise InvalidError("This organisation publishes no address; ask it for a fresh listing.")
    try:
        reached = fetch_listing(session.node, tested.endpoint)
    except UnreachableError as error:
        _note(session, tested, error.reason)
        raise
    with session.work("peer.manage") as work:
        fresh = peers.follow_listing(work, tested.node_id, reached.listing)
    _note(session, tested, "reached")
    seconds = None if reached.ahead is None else round(reached.ahead.total_seconds())
    session.screen.done(
        f"{fresh.name()} answered in {reached.milliseconds} ms. {_clock(seconds)}",
        described(fresh)
        | {"reached": True, "milliseconds": reached.milliseconds, "clock_ahead_seconds": seconds},
    )


def _note(session: Session, tested: Peer, outcome: str) -> None:
    with session.work("peer.manage") as work:
        record(work, "peer.tested", peer_id=tested.node_text, detail={"outcome": outcome})


def _clock(seconds: int | None) -> str:
    if seconds is None:
        return "It does not tell the time."
    if abs(seconds) <= 1:
        return "Its clock agrees with this machine's."
    return f"Its clock is {abs(seconds)} s {'ahead of' if seconds > 0 else 'behind'} this machine's."


def described(peer: Peer) -> dict[str, object]:
    """Return a peer as it is shown."""
    return {
        "node": peer.node_text,
        "node_short": peer.node_text[:12],
        "name": peer.name(),
        "names": peer.listing.names,
        "organisation_type": peer.listing.organisation_type,
        "country": peer.listing.country,
        "services": list(peer.listing.services),
        "trust": "forked" if peer.forked_at is not None else peer.trust,
        "address": peer.endpoint,
        "fingerprint": peer.fingerprint,
        "training": peer.listing.training,
        "added_at": peer.added_at,
        "verified_at": peer.verified_at,
    }
