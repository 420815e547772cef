"""What a node keeps of another one's listings: the newest listing, and every statement that it ever saw."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from iars_node.errors import InvalidError
from iars_node.peers import service as peers
from iars_node.vault.identity import identity_of, rotate_encryption_key, seconds
from iars_node.work import SYSTEM
from iars_protocol.keys import ENDPOINT, extend, state
from iars_protocol.listing import MAX_LISTING, SignedListing, sign_listing

if TYPE_CHECKING:
    from tests.federation.neighbours import Neighbour

    from iars_node.clock import SetClock
    from iars_node.peers.model import Peer

    Pair = tuple[Neighbour, Neighbour]

MOVED = "https://moved.example"


def told(mission: Neighbour, shelter: Neighbour, listing: SignedListing) -> Peer:
    """Have one node follow a listing of the other; return what it then knows of it."""
    with mission.node.works.write(SYSTEM) as work:
        peers.follow_listing(work, shelter.id, listing.to_bytes())
    with mission.node.works.read(SYSTEM) as work:
        return peers.get(work, shelter.id)


def moved(shelter: Neighbour, clock: SetClock, *urls: str) -> SignedListing:
    """Return the listing that is known already, with one statement more behind its key history."""
    own = identity_of(shelter.node.vault)
    added = state(
        ENDPOINT,
        {"urls": list(urls)},
        key=own.signing,
        previous=own.history.statements,
        created=seconds(clock.moment),
    )
    return replace(own.signed_listing, statements=extend(own.history, [added]).statements)


def test_a_statement_counts_though_the_listings_number_is_the_same(pair: Pair, clock: SetClock) -> None:
    shelter, mission = pair
    before = identity_of(shelter.node.vault).listing
    known = told(mission, shelter, moved(shelter, clock, MOVED))
    assert known.endpoint == MOVED
    assert known.listing == before


def test_no_statement_is_forgotten_for_a_listing_that_leaves_it_out(pair: Pair, clock: SetClock) -> None:
    shelter, mission = pair
    own = identity_of(shelter.node.vault)
    told(mission, shelter, moved(shelter, clock, MOVED))
    renamed = replace(own.listing, number=own.listing.number + 1, names={"en": "Renamed"})
    known = told(mission, shelter, sign_listing(renamed, own.history.statements, own.signing))
    assert known.listing.names == {"en": "Renamed"}
    assert known.endpoint == MOVED
    again = told(mission, shelter, own.signed_listing)
    assert again == known


def test_a_listing_that_would_be_too_long_with_what_is_known_is_refused(pair: Pair, clock: SetClock) -> None:
    shelter, mission = pair
    own = identity_of(shelter.node.vault)
    longest = [f"mailbox:{number}{'x' * 180}" for number in range(8)]
    history = own.history
    while len(replace(own.signed_listing, statements=history.statements).to_bytes()) < MAX_LISTING - 4096:
        added = state(
            ENDPOINT,
            {"urls": longest},
            key=own.signing,
            previous=history.statements,
            created=seconds(clock.moment),
        )
        history = extend(history, [added])
    told(mission, shelter, replace(own.signed_listing, statements=history.statements))
    wordy = {f"x{chr(97 + at)}": "y" * 200 for at in range(20)}
    renamed = replace(own.listing, number=own.listing.number + 1, names=wordy)
    with pytest.raises(InvalidError):
        told(mission, shelter, sign_listing(renamed, own.history.statements, own.signing))
    with mission.node.works.read(SYSTEM) as work:
        assert peers.get(work, shelter.id).listing == own.listing


def test_a_rotated_key_comes_with_a_listing_of_the_next_number(pair: Pair, clock: SetClock) -> None:
    shelter, mission = pair
    before = identity_of(shelter.node.vault).listing.number
    rotate_encryption_key(shelter.node.vault, clock.moment, force=True)
    own = identity_of(shelter.node.vault)
    assert own.listing.number == before + 1
    assert told(mission, shelter, own.signed_listing).history == own.history
