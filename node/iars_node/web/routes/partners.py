"""Partners: the organisations that this node knows, and how far each is trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node.peers import service as peers
from iars_node.vault.identity import identity_of
from iars_node.web.pages import Pages
from iars_node.web.visit import Page
from iars_protocol.keys import fingerprint

if TYPE_CHECKING:
    from iars_node.web.visit import Answer, Visit

pages = Pages()


@pages.get("/partners", "peer.read")
def show_partners(visit: Visit) -> Answer:
    """Show every known organisation with its fingerprint, and this one's."""
    own = identity_of(visit.work.vault)
    found = [("forked" if peer.forked_at else peer.trust, peer) for peer in peers.every(visit.work)]
    return Page("partners.html", {"peers": found, "own_fingerprint": fingerprint(own.node_id)})
