from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node.referrals import service as referrals
from iars_node.work import SYSTEM
from tests.federation.neighbours import settle

if TYPE_CHECKING:
    from tests.federation.neighbours import Neighbour

    Pair = tuple[Neighbour, Neighbour]


async def test_a_consented_referral_is_offered_accepted_disclosed_and_completed(pair: Pair) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    sent = shelter.refer(case, shelter.give_consent(case, mission), mission)
    await settle(shelter, mission)

    seen = mission.referral(sent.id)
    assert (seen.state, seen.direction, seen.service) == ("requested", "in", "MED-SCREEN")
    with mission.node.works.write(SYSTEM) as work:
        shown = referrals.received_content(work, sent.id)
    assert set(shown) == {"services", "demographics"}
    assert set(shown["demographics"].fields) == {"age_band", "track"}

    mission.act(referrals.accept, sent.id)
    await settle(shelter, mission)
    assert shelter.referral(sent.id).is_disclosed
    seen = mission.referral(sent.id)
    assert (seen.is_disclosed, seen.state) == (True, "accepted")

    mission.act(referrals.begin, sent.id)
    mission.act(referrals.complete, sent.id, texts=[("medical", "Asthma is treated.")])
    await settle(shelter, mission)
    assert shelter.referral(sent.id).state == "completed"
    ours, theirs = shelter.history(sent.id), mission.history(sent.id)
    assert referrals.differences(ours, theirs) == []
    assert sum(len(chain) for chain in ours.chains.values()) == 5


async def test_what_the_person_did_not_agree_to_never_reaches_the_other_node(pair: Pair) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    sent = shelter.refer(case, shelter.give_consent(case, mission), mission)
    await settle(shelter, mission)
    mission.act(referrals.accept, sent.id)
    await settle(shelter, mission)
    with mission.node.works.write(SYSTEM) as work:
        shown = referrals.received_content(work, sent.id)
    assert set(shown) == {"services", "demographics", "identity", "medical"}


async def test_a_rejection_names_its_reason_and_the_receiver_keeps_nothing(pair: Pair) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    sent = shelter.refer(case, shelter.give_consent(case, mission), mission)
    await settle(shelter, mission)
    mission.act(referrals.reject, sent.id, "no-capacity")
    await settle(shelter, mission)
    heard = shelter.referral(sent.id)
    assert (heard.state, heard.reason, heard.is_disclosed) == ("rejected", "no-capacity", False)
    with mission.node.works.write(SYSTEM) as work:
        assert referrals.received_content(work, sent.id) == {}


async def test_an_acceptance_that_crosses_a_cancellation_leaves_both_sides_cancelled(pair: Pair) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    sent = shelter.refer(case, shelter.give_consent(case, mission), mission)
    await settle(shelter, mission)
    mission.act(referrals.accept, sent.id)
    shelter.act(referrals.cancel, sent.id, "no-longer-needed")
    await settle(shelter, mission)
    assert shelter.referral(sent.id).state == mission.referral(sent.id).state == "cancelled"
    assert referrals.differences(shelter.history(sent.id), mission.history(sent.id)) == []


async def test_the_same_person_can_be_referred_to_the_same_organisation_again(pair: Pair) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    given = shelter.give_consent(case, mission)
    first = shelter.refer(case, given, mission)
    await settle(shelter, mission)
    mission.act(referrals.accept, first.id)
    await settle(shelter, mission)
    second = shelter.refer(case, given, mission, service="MED-CARE")
    await settle(shelter, mission)
    mission.act(referrals.accept, second.id)
    await settle(shelter, mission)
    assert mission.referral(first.id).case_id == mission.referral(second.id).case_id
    assert mission.referral(second.id).is_disclosed
