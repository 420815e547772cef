"""What ends of a consent stands in its history, and in that of every referral under it, on both sides."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.federation.endings import refer_and_accept, withdraw
from tests.federation.neighbours import settle

from iars_node.cases import service as cases
from iars_node.consent import changing
from iars_node.consent import service as consents
from iars_node.referrals import service as referrals
from iars_node.withdrawals import service as withdrawals
from iars_node.withdrawals.model import Part
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from tests.federation.neighbours import Neighbour

    from iars_node.consent.model import Consent
    from iars_node.referrals.model import Referral

    Pair = tuple[Neighbour, Neighbour]


def became_of(side: Neighbour, given: Consent) -> list[tuple[str, str, str]]:
    with side.node.works.read(SYSTEM) as work:
        return [(entry.step, entry.by, entry.state_after) for entry in consents.history(work, given.id)]


def aside(side: Neighbour, sent: Referral) -> list[tuple[str, str, str]]:
    """Return what a referral's timeline says that is no message of its thread."""
    with side.node.works.read(SYSTEM) as work:
        entries = referrals.timeline(work, sent.id)
    assert not any(entry.is_erased for entry in entries if not entry.step.message)
    return [
        (entry.step.type, entry.step.reason, entry.step.state_after)
        for entry in entries
        if not entry.step.message
    ]


async def test_a_partial_withdrawal_stands_in_the_history_of_the_consent_and_of_the_referral(
    pair: Pair,
) -> None:
    shelter, mission = pair
    sent, given = await refer_and_accept(shelter, mission)
    withdraw(shelter, given, scopes=("medical", "identity"))
    await settle(shelter, mission)
    assert became_of(shelter, given) == [("give", "person", "given"), ("take-back", "person", "given")]
    entries = [
        ("consent.withdraw", "medical", "accepted"),
        ("consent.withdraw", "identity", "accepted"),
    ]
    assert aside(shelter, sent) == aside(mission, sent) == entries
    # It is no step of the thread: that goes on, and verifies on both sides.
    mission.act(referrals.begin, sent.id)
    await settle(shelter, mission)
    assert shelter.referral(sent.id).state == "in-progress"
    assert referrals.differences(shelter.history(sent.id), mission.history(sent.id)) == []


async def test_what_others_revoked_says_so_and_a_purpose_touches_its_own_referrals(pair: Pair) -> None:
    shelter, mission = pair
    sent, given = await refer_and_accept(shelter, mission)
    returning, _ = await refer_and_accept(shelter, mission, given, service="TRN-ASSIST")
    with shelter.node.works.write(SYSTEM) as work:
        withdrawals.withdraw(work, [given.id], Part(purposes=("return",)), by="other")
    await settle(shelter, mission)
    assert became_of(shelter, given)[-1] == ("revoke-part", "other", "given")
    for side in (shelter, mission):
        assert aside(side, sent) == []
        assert aside(side, returning) == [("consent.revoke", "", "accepted")]


async def test_a_whole_withdrawal_stands_in_the_timeline_of_care_that_goes_on(pair: Pair) -> None:
    shelter, mission = pair
    accepted, given = await refer_and_accept(shelter, mission)
    withdraw(shelter, given)
    await settle(shelter, mission)
    assert aside(shelter, accepted) == aside(mission, accepted) == [("consent.withdraw", "", "accepted")]


async def test_a_narrowing_says_what_may_not_be_told_back(pair: Pair) -> None:
    shelter, mission = pair
    sent, given = await refer_and_accept(shelter, mission)
    with shelter.node.works.write(SYSTEM) as work:
        changing.narrow_consent(work, given.id, replace(given.terms, feedback=("services",)))
    assert aside(shelter, sent) == [("consent.untell", "medical", "accepted")]


async def test_of_what_was_rejected_nothing_is_left_to_end(pair: Pair) -> None:
    shelter, mission = pair
    sent, given = await refer_and_accept(shelter, mission)
    with shelter.node.works.read(SYSTEM) as work:
        case = cases.case_head(work, given.case_id)
    other = shelter.refer(case, given, mission)
    await settle(shelter, mission)
    mission.act(referrals.reject, other.id, "no-capacity")
    await settle(shelter, mission)
    withdraw(shelter, given)
    await settle(shelter, mission)
    assert aside(shelter, other) == aside(mission, other) == []
    assert aside(shelter, sent) != []
