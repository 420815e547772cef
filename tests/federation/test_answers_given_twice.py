"""An answer that its author forgot in a restore, and gives again: both sides end with one history."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.federation.endings import alarms_at, record_of, shown
from tests.federation.neighbours import settle
from tests.federation.yesterday import back_up, restore_older_database

from iars_node.errors import ConflictError, RefusedError
from iars_node.exchange.restoring import decide_without
from iars_node.peers import service as peers
from iars_node.referrals import service as referrals
from iars_node.withdrawals import store as withdrawals
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from tests.federation.neighbours import Neighbour, Wire

    from iars_node.clock import SetClock
    from iars_node.referrals.model import Referral

    Pair = tuple[Neighbour, Neighbour]

AGAIN: dict[str, tuple[Any, ...]] = {
    "the same": (referrals.reject, "no-capacity"),
    "another reason": (referrals.reject, "other", "Nobody speaks the language."),
    "otherwise": (referrals.accept,),
}


async def rejected_since_the_backup(shelter: Neighbour, mission: Neighbour, *, is_erased: bool) -> Referral:
    case = shelter.open_case()
    sent = shelter.refer(case, shelter.give_consent(case, mission), mission)
    await settle(shelter, mission)
    back_up(mission)
    mission.act(referrals.reject, sent.id, "no-capacity")
    await settle(shelter, mission)
    if is_erased:
        mission.run_jobs()
        await settle(shelter, mission)
    assert shelter.referral(sent.id).state == "rejected"
    return sent


async def settle_slowly(clock: SetClock, *sides: Neighbour) -> None:
    for _ in range(6):
        clock.moment += timedelta(minutes=1)
        await settle(*sides)
        for side in sides:
            side.run_jobs()


@pytest.mark.parametrize("again", AGAIN)
async def test_nobody_answers_again_before_the_other_side_has_said_what_is_forgotten(
    pair: Pair, wire: Wire, clock: SetClock, again: str
) -> None:
    shelter, mission = pair
    sent = await rejected_since_the_backup(shelter, mission, is_erased=False)
    restore_older_database(mission, wire, "mission")
    use_case, *arguments = AGAIN[again]
    with pytest.raises(RefusedError) as refusal:
        mission.act(use_case, sent.id, *arguments)
    assert refusal.value.reason == "restoring"
    await settle_slowly(clock, shelter, mission)
    with pytest.raises(ConflictError):
        mission.act(use_case, sent.id, *arguments)
    same_on_both(shelter, mission, sent)


@pytest.mark.parametrize("is_erased", [True, False], ids=["it was erased and told", "its erasure was due"])
@pytest.mark.parametrize("again", AGAIN)
async def test_an_answer_that_is_given_twice_counts_as_it_was_given_first(
    pair: Pair, wire: Wire, clock: SetClock, again: str, *, is_erased: bool
) -> None:
    shelter, mission = pair
    sent = await rejected_since_the_backup(shelter, mission, is_erased=is_erased)
    restore_older_database(mission, wire, "mission")
    # The line is down, and an administrator decides not to wait for what the other side would say.
    wire.disturb = lambda _direction, _body: None
    with mission.node.works.write(SYSTEM) as work:
        decide_without(work, peers.get(work, shelter.id))
    use_case, *arguments = AGAIN[again]
    mission.act(use_case, sent.id, *arguments)
    mission.run_jobs()
    await settle(shelter, mission)
    wire.disturb = lambda _direction, body: body
    await settle_slowly(clock, shelter, mission)

    same_on_both(shelter, mission, sent)
    back = mission.referral(sent.id)
    assert back.reason == "no-capacity"
    assert shown(mission, sent.id) == set()
    assert not back.case_id or record_of(mission, sent.id) == {}
    with shelter.node.works.read(SYSTEM) as work:
        told = withdrawals.reports_of_grant(work.connection, back.grant_id)
    # Whatever is said of it a second time, there was nothing left to destroy.
    assert told[0].outcome == "erased"
    assert {each.outcome for each in told} <= {"erased", "nothing-held"}
    assert "peer.restored" in alarms_at(shelter)


def same_on_both(shelter: Neighbour, mission: Neighbour, sent: Referral) -> None:
    assert referrals.differences(shelter.history(sent.id), mission.history(sent.id)) == []
    assert shelter.referral(sent.id).state == mission.referral(sent.id).state == "rejected"
    assert shelter.referral(sent.id).reason == mission.referral(sent.id).reason == "no-capacity"
