"""Names for the ids that records hold: of organisations, and of colleagues."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node.accounts import store as account_store
from iars_node.peers import service as peers
from iars_node.vault.identity import identity_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iars_node.web.visit import Visit


def organisations(visit: Visit) -> dict[str, str]:
    """Return the names of this organisation and of every known one, by the text of its node id."""
    language = visit.speech.language.code
    own = identity_of(visit.work.vault)
    found = {peer.node_text: peer.name(language) for peer in peers.every(visit.work)}
    return {**found, own.node_text: own.listing.name(language)}


def colleagues(visit: Visit, ids: Iterable[str | None]) -> dict[str, str]:
    """Return the display names of accounts."""
    wanted = {each for each in ids if each}
    return account_store.display_names(visit.work.connection, wanted) if wanted else {}


def own_country(visit: Visit) -> str:
    """Return the country that this node works in."""
    return identity_of(visit.work.vault).listing.country


def own_name(visit: Visit) -> str:
    """Return this organisation's name."""
    return identity_of(visit.work.vault).listing.name(visit.speech.language.code)
