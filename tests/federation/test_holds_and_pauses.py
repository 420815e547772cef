"""A legal hold, and a burst of withdrawals that waits for an administrator: neither forgets the other."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.federation.endings import endings_at, pass_time, refer_and_accept, withdraw
from tests.federation.neighbours import settle

from iars_node.holds import service as holds
from iars_node.withdrawals import service as withdrawals
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.federation.neighbours import Neighbour

    from iars_node.clock import SetClock
    from iars_node.holds.model import Hold
    from iars_node.referrals.model import Referral

HOLD = timedelta(hours=49)
SOON = timedelta(minutes=20)


def hold_of(side: Neighbour, sent: Referral) -> Hold:
    case_id = side.referral(sent.id).case_id
    with side.node.works.write(SYSTEM) as work:
        return holds.set_hold(
            work, case_id, ground="judicial-order", reason="Order 12/26", until=work.now + timedelta(days=100)
        )


def lift(side: Neighbour, hold: Hold) -> None:
    with side.node.works.write(SYSTEM) as work:
        holds.lift_hold(work, hold.id)


def confirm(side: Neighbour, peer: Neighbour) -> int:
    with side.node.works.write(SYSTEM) as work:
        return withdrawals.confirm_withdrawals(work, peer.id)


def states(side: Neighbour) -> dict[str, int]:
    """Return how many endings are in each state, where anything is left of them."""
    found = [held.ending.state for held in endings_at(side) if held.scopes]
    return {state: found.count(state) for state in found}


@pytest.mark.parametrize("order", ["lifted, then confirmed", "confirmed, then lifted"])
async def test_what_is_held_and_paused_goes_when_both_are_over_and_not_before(
    neighbours: Callable[..., list[Neighbour]], clock: SetClock, order: str
) -> None:
    shelter, mission = neighbours("shelter", "mission", peer_withdrawals_a_day=1)
    made = [await refer_and_accept(shelter, mission) for _ in range(2)]
    hold = hold_of(mission, made[0][0])
    for _sent, given in made:
        withdraw(shelter, given)
    await settle(shelter, mission)
    pass_time(clock, HOLD, mission)
    assert states(mission) == {"paused": 2}
    if order == "lifted, then confirmed":
        lift(mission, hold)
        pass_time(clock, SOON, mission)
        # Lifting a hold is no administrator's word on what a peer withdrew in such number.
        assert states(mission) == {"paused": 2}
        assert confirm(mission, shelter) == 2
    else:
        assert confirm(mission, shelter) == 2
        pass_time(clock, SOON, mission)
        assert states(mission) == {"held": 1}
        lift(mission, hold)
    pass_time(clock, SOON, mission)
    assert states(mission) == {}


async def test_what_a_hold_had_kept_before_a_burst_paused_it_is_not_forgotten(
    neighbours: Callable[..., list[Neighbour]], clock: SetClock
) -> None:
    shelter, mission = neighbours("shelter", "mission", peer_withdrawals_a_day=1)
    first, second, third = [await refer_and_accept(shelter, mission) for _ in range(3)]
    hold = hold_of(mission, first[0])
    withdraw(shelter, first[1])
    await settle(shelter, mission)
    pass_time(clock, HOLD, mission)
    assert states(mission) == {"held": 1}
    for _sent, given in (second, third):
        withdraw(shelter, given)
    await settle(shelter, mission)
    assert states(mission) == {"paused": 3}
    lift(mission, hold)
    pass_time(clock, HOLD, mission)
    assert states(mission) == {"paused": 3}
    assert confirm(mission, shelter) == 3
    pass_time(clock, SOON, mission)
    assert states(mission) == {}
