"""What waits for a peer that is away does not leave after the person has taken it back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.federation.endings import alarms_at, asked, pass_time, refer_and_accept, shown, withdraw
from tests.federation.neighbours import SHARED, settle

from iars_node.cases import service as cases
from iars_node.consent import changing
from iars_node.exchange import messages
from iars_node.exchange.model import IN
from iars_node.referrals import service as referrals
from iars_node.work import SYSTEM
from iars_protocol.returned import read_returned

if TYPE_CHECKING:
    from tests.federation.neighbours import Neighbour

    from iars_node.clock import SetClock
    from iars_node.consent.model import Consent
    from iars_protocol.returned import Returned

    Pair = tuple[Neighbour, Neighbour]


def waiting(side: Neighbour, referral_id: str) -> list[Returned]:
    """Return what would go out of a referral's thread now, exactly as it would be sealed."""
    with side.node.works.read(SYSTEM) as work:
        proofs = messages.proofs(work, bytes.fromhex(referral_id))
        found = [
            messages.load_to_send(work.connection, work.vault, each.message)
            for each in proofs
            if each.direction != IN and each.receipt is None
        ]
    return [read_returned(inner) for inner in found if inner is not None]


def said(sent: Returned) -> list[str]:
    """Return what the parts of a message say they are."""
    plains = [part.plain for part in sent.parts if part is not None]
    return [str(plain.get("scope") or plain["part"]) for plain in plains]


def amend(side: Neighbour, given: Consent, referral_id: str) -> None:
    with side.node.works.write(SYSTEM) as work:
        cases.write_scope(work, given.case_id, "medical", {"conditions": ["anaemia"]}, country="AL")
        referrals.amend(work, referral_id)


async def test_of_an_offer_under_a_consent_that_ended_only_the_header_leaves(
    pair: Pair, clock: SetClock
) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    given = shelter.give_consent(case, mission)
    sent = shelter.refer(case, given, mission)
    assert said(waiting(shelter, sent.id)[0])[:2] == ["body", "grant"]
    withdraw(shelter, given)
    offer, cancel = waiting(shelter, sent.id)
    assert (said(offer), said(cancel)) == ([], ["body"])
    await settle(shelter, mission)
    with mission.node.works.write(SYSTEM) as work:
        assert referrals.list_referrals(work).referrals == ()
        (proof,) = [each for each in messages.proofs(work, sent.thread) if each.type == "referral.offer/1"]
    assert proof.outcome is not None
    assert proof.outcome.code == "withheld"
    pass_time(clock, timedelta(hours=1), shelter, mission)
    await settle(shelter, mission)
    assert asked(shelter, given)[0].notice.outcome == "nothing-held"
    # The stream has no gap and goes on.
    anew = shelter.give_consent(case, mission)
    again, _ = await refer_and_accept(shelter, mission, anew)
    assert shown(mission, again.id) == set(SHARED)
    assert alarms_at(mission) == []


@pytest.mark.parametrize("how", ["withdrawn", "narrowed"])
async def test_a_disclosure_that_waits_leaves_without_what_was_taken_back(pair: Pair, how: str) -> None:
    shelter, mission = pair
    sent, given = await refer_and_accept(shelter, mission)
    amend(shelter, given, sent.id)
    assert "medical" in said(waiting(shelter, sent.id)[0])
    if how == "withdrawn":
        withdraw(shelter, given, scopes=("medical",))
    else:
        kept = tuple(scope for scope in given.terms.scopes if scope.code != "medical")
        with shelter.node.works.write(SYSTEM) as work:
            changing.narrow_consent(work, given.id, replace(given.terms, scopes=kept, feedback=()))
    assert "medical" not in said(waiting(shelter, sent.id)[0])
    assert "identity" in said(waiting(shelter, sent.id)[0])
    await settle(shelter, mission)
    assert shown(mission, sent.id) == set(SHARED) - {"medical"}
    # The thread goes on at both sides, and both have the same evidence.
    mission.act(referrals.begin, sent.id)
    await settle(shelter, mission)
    assert shelter.referral(sent.id).state == "in-progress"
    assert shelter.history(sent.id).faults == mission.history(sent.id).faults == ()
    assert referrals.differences(shelter.history(sent.id), mission.history(sent.id)) == []


async def test_everything_that_waits_is_empty_after_a_whole_withdrawal(pair: Pair) -> None:
    shelter, mission = pair
    sent, given = await refer_and_accept(shelter, mission)
    amend(shelter, given, sent.id)
    withdraw(shelter, given)
    assert [said(each) for each in waiting(shelter, sent.id)] == [["body"]]
    await settle(shelter, mission)
    assert shown(mission, sent.id) == set()
    assert shelter.history(sent.id).faults == ()


async def test_what_a_receiver_still_had_to_write_back_stays_there(pair: Pair) -> None:
    shelter, mission = pair
    sent, given = await refer_and_accept(shelter, mission)
    mission.act(referrals.write_note, sent.id, [("medical", "She is better.")])
    withdraw(shelter, given)
    await shelter.send(mission)
    assert [said(each) for each in waiting(mission, sent.id)] == [["body"]]
    await settle(shelter, mission)
    assert shown(shelter, sent.id) == set()


async def test_what_waited_until_the_end_of_its_time_does_not_leave(pair: Pair, clock: SetClock) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    given = shelter.give_consent(case, mission, expires=clock.moment + timedelta(hours=3))
    sent, _ = await refer_and_accept(shelter, mission, given)
    amend(shelter, given, sent.id)
    pass_time(clock, timedelta(hours=4), shelter)
    assert [said(each) for each in waiting(shelter, sent.id)] == [["body"]]


async def test_a_cut_message_that_had_arrived_before_is_known_by_its_id(pair: Pair) -> None:
    shelter, mission = pair
    sent, given = await refer_and_accept(shelter, mission)
    amend(shelter, given, sent.id)
    whole = waiting(shelter, sent.id)[0]
    withdraw(shelter, given, scopes=("medical",))
    cut = waiting(shelter, sent.id)[0]
    assert whole.left.id == cut.left.id
    assert len(cut.left.parts) == len(whole.parts) - 1
