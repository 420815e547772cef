from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.federation.neighbours import settle

from iars_node.cases import service as cases
from iars_node.errors import ConflictError, InvalidError
from iars_node.exchange import messages
from iars_node.referrals import service as referrals
from iars_node.referrals import store
from iars_node.vault.identity import identity_of, publish_profile
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from tests.federation.neighbours import Neighbour

    from iars_node.clock import SetClock

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


async def test_a_national_there_may_be_a_third_country_national_here(pair: Pair) -> None:
    shelter, mission = pair
    profile = replace(identity_of(mission.node.vault).listing, country="MD")
    publish_profile(mission.node.vault, profile, now=mission.node.clock.now())
    case = shelter.open_case()
    sent = shelter.refer(case, shelter.give_consent(case, mission), mission)
    await settle(shelter, mission)
    with mission.node.works.write(SYSTEM) as work:
        # Only the author's country was said so far, and she may be from here.
        assert set(referrals.received_content(work, sent.id)["demographics"].fields) == {"age_band"}
    mission.act(referrals.accept, sent.id)
    await settle(shelter, mission)
    with mission.node.works.write(SYSTEM) as work:
        assert referrals.received_content(work, sent.id)["demographics"].fields["track"] == "national"
    with shelter.node.works.read(SYSTEM) as work:
        assert cases.snapshot(work, case.id)["demographics"]["track"] == "third-country"


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
    mission.run_jobs()
    with mission.node.works.read(SYSTEM) as work:
        entry = referrals.timeline(work, sent.id)[0]
        parts = messages.open_parts(work.connection, work.vault, bytes.fromhex(entry.step.message))
    assert [part is None for part in parts] == [False, False, True, True]


async def test_a_referral_that_nobody_answers_expires_on_both_sides(pair: Pair, clock: SetClock) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    sent = shelter.refer(case, shelter.give_consent(case, mission), mission, priority="emergency")
    await settle(shelter, mission)
    clock.moment += timedelta(hours=24)
    for side in (shelter, mission):
        side.run_jobs()
        assert side.referral(sent.id).state == "expired"
    assert referrals.differences(shelter.history(sent.id), mission.history(sent.id)) == []


async def test_an_answer_given_in_time_counts_though_it_travelled_too_long(
    pair: Pair, clock: SetClock
) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    sent = shelter.refer(case, shelter.give_consent(case, mission), mission, priority="emergency")
    await settle(shelter, mission)
    clock.moment += timedelta(hours=23, minutes=59)
    mission.act(referrals.accept, sent.id)
    clock.moment += timedelta(hours=5)
    shelter.run_jobs()
    assert shelter.referral(sent.id).state == "expired"
    await settle(shelter, mission)
    assert shelter.referral(sent.id).state == mission.referral(sent.id).state == "accepted"
    assert mission.referral(sent.id).is_disclosed


async def test_a_consent_that_ended_before_the_acceptance_discloses_nothing_more(
    pair: Pair, clock: SetClock
) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    given = shelter.give_consent(case, mission, expires=clock.moment + timedelta(hours=2))
    sent = shelter.refer(case, given, mission)
    await settle(shelter, mission)
    mission.act(referrals.accept, sent.id)
    clock.moment += timedelta(hours=3)
    await settle(shelter, mission)
    left = shelter.referral(sent.id)
    assert (left.state, left.problem, left.is_disclosed) == ("accepted", "consent-expired", False)


async def test_an_amendment_brings_what_changed_through_the_same_consent(pair: Pair) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    sent = shelter.refer(case, shelter.give_consent(case, mission), mission)
    await settle(shelter, mission)
    mission.act(referrals.accept, sent.id)
    await settle(shelter, mission)
    with shelter.node.works.write(SYSTEM) as work:
        cases.write_scope(work, case.id, "medical", {"medication": ["salbutamol"]}, country="AL")
        cases.write_scope(work, case.id, "safety", {"threats": "a car was seen"}, country="AL")
    shelter.act(referrals.amend, sent.id)
    await settle(shelter, mission)
    with mission.node.works.write(SYSTEM) as work:
        shown = referrals.received_content(work, sent.id)
    assert shown["medical"].fields["medication"] == ["salbutamol"]
    assert "safety" not in shown


async def test_a_sentence_outside_the_consent_is_refused_before_it_is_signed(pair: Pair) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    sent = shelter.refer(case, shelter.give_consent(case, mission), mission)
    await settle(shelter, mission)
    mission.act(referrals.accept, sent.id)
    await settle(shelter, mission)
    with pytest.raises(InvalidError):
        shelter.act(referrals.write_note, sent.id, [("safety", "Do not call the number on file.")])
    with pytest.raises(InvalidError):
        mission.act(referrals.write_note, sent.id, [("identity", "She uses another name here.")])
    shelter.act(referrals.write_note, sent.id, [("medical", "She has an inhaler with her.")])
    await settle(shelter, mission)
    with mission.node.works.write(SYSTEM) as work:
        assert referrals.received_content(work, sent.id)["medical"].texts == ("She has an inhaler with her.",)


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


async def test_an_answer_after_its_time_is_not_given(pair: Pair, clock: SetClock) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    sent = shelter.refer(case, shelter.give_consent(case, mission), mission, priority="emergency")
    await settle(shelter, mission)
    clock.moment += timedelta(hours=24)
    with pytest.raises(ConflictError):
        mission.act(referrals.accept, sent.id)


async def test_an_answer_that_a_slow_clock_allowed_after_its_time_is_refused(
    pair: Pair, clock: SetClock
) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    sent = shelter.refer(case, shelter.give_consent(case, mission), mission, priority="emergency")
    await settle(shelter, mission)
    with mission.node.works.write(SYSTEM) as work:
        # As on a node that was told a later time than the offer's.
        store.change(work.connection, sent.id, respond_by=sent.respond_by + timedelta(hours=2))
    clock.moment += timedelta(hours=25)
    mission.act(referrals.accept, sent.id)
    await settle(shelter, mission)
    refused = mission.referral(sent.id)
    assert (refused.problem, refused.state) == ("expired", "requested")
    assert shelter.referral(sent.id).answered_at is None
