"""A withdrawal of a part: one scope, one recipient or one purpose ends and the rest goes on."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.federation.endings import (
    HOLD,
    asked,
    outcomes,
    pass_time,
    record_of,
    refer_and_accept,
    shown,
    withdraw,
)
from tests.federation.neighbours import SHARED, settle

from iars_node.cases import service as cases
from iars_node.consent import service as consents
from iars_node.consent.model import Recipient
from iars_node.errors import RefusedError
from iars_node.referrals import service as referrals
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.federation.neighbours import Neighbour

    from iars_node.clock import SetClock


async def test_a_part_that_was_withdrawn_before_its_offer_came_stays_out(
    pair: tuple[Neighbour, Neighbour],
) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    given = shelter.give_consent(case, mission)
    first = shelter.refer(case, given, mission)
    withdraw(shelter, given, scopes=("medical", "demographics"))
    await settle(shelter, mission)
    # The offer was signed with a part that had ended before it left: it went without it.
    assert mission.referral(first.id).state == "requested"
    assert shown(mission, first.id) == {"services"}
    again = shelter.refer(case, given, mission)
    await settle(shelter, mission)
    mission.act(referrals.accept, again.id)
    await settle(shelter, mission)
    assert shown(mission, again.id) == {"services", "identity"}


async def test_one_scope_ends_and_the_others_go_on(
    pair: tuple[Neighbour, Neighbour], clock: SetClock
) -> None:
    shelter, mission = pair
    sent, given = await refer_and_accept(shelter, mission)
    withdraw(shelter, given, scopes=("medical",))
    await settle(shelter, mission)
    rest = set(SHARED) - {"medical"}
    assert shown(mission, sent.id) == rest
    assert "medical" not in record_of(mission, sent.id)
    assert record_of(mission, sent.id)["identity"]["given_name"] == "Ana"
    shelter.act(referrals.amend, sent.id)
    await settle(shelter, mission)
    assert shown(mission, sent.id) == rest
    # A new referral under the same consent leaves out what was withdrawn.
    with shelter.node.works.read(SYSTEM) as work:
        case_id = consents.get(work, given.id).case_id
        case = cases.case_head(work, case_id)
    again = shelter.refer(case, given, mission)
    await settle(shelter, mission)
    mission.act(referrals.accept, again.id)
    await settle(shelter, mission)
    assert shown(mission, again.id) == rest
    pass_time(clock, HOLD + timedelta(hours=1), shelter, mission)
    await settle(shelter, mission)
    assert outcomes(asked(shelter, given)) == [{"medical": "erased"}]
    assert shown(mission, sent.id) == rest


async def test_one_recipient_ends_and_the_others_go_on(
    neighbours: Callable[..., list[Neighbour]],
) -> None:
    shelter, mission, clinic = neighbours("shelter", "mission", "clinic")
    case = shelter.open_case()
    both = tuple(Recipient(node=each.id.hex()) for each in (mission, clinic))
    given = shelter.give_consent(case, mission, recipients=both)
    first, second = (shelter.refer(case, given, each) for each in (mission, clinic))
    await settle(shelter, mission, clinic)
    mission.act(referrals.accept, first.id)
    clinic.act(referrals.accept, second.id)
    await settle(shelter, mission, clinic)
    withdraw(shelter, given, recipients=(mission.id.hex(),))
    await settle(shelter, mission, clinic)
    assert shown(mission, first.id) == set()
    assert shown(clinic, second.id) == set(SHARED)
    with pytest.raises(RefusedError) as refused:
        shelter.refer(case, given, mission)
    assert refused.value.reason == "consent-withdrawn"
    shelter.act(referrals.amend, second.id)


async def test_one_purpose_ends_and_the_others_go_on(pair: tuple[Neighbour, Neighbour]) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    given = shelter.give_consent(case, mission)
    assisted = shelter.refer(case, given, mission, service="MED-SCREEN")
    returning = shelter.refer(case, given, mission, service="TRN-ASSIST")
    await settle(shelter, mission)
    for each in (assisted, returning):
        mission.act(referrals.accept, each.id)
        await settle(shelter, mission)
    withdraw(shelter, given, purposes=("return",))
    await settle(shelter, mission)
    assert shown(mission, returning.id) == set()
    assert shown(mission, assisted.id) == set(SHARED)
    # The case itself still stands for the purpose that goes on.
    assert record_of(mission, assisted.id)["medical"]["conditions"] == ["asthma"]
    with pytest.raises(RefusedError):
        shelter.refer(case, given, mission, service="TRN-ASSIST")
    shelter.refer(case, given, mission, service="MED-SCREEN")
