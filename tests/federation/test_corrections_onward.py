"""A correction reaches everybody who holds the person, also through others (GDPR art. 19)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.federation.chain import case_of, pass_on, passed_to_mission
from tests.federation.endings import pass_time, record_of, refer_and_accept, withdraw
from tests.federation.neighbours import settle

from iars_node.audit import store as audit_store
from iars_node.audit.model import AuditFilter
from iars_node.cases import service as cases
from iars_node.referrals import service as referrals
from iars_node.rights import service as rights
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.federation.neighbours import Neighbour

    from iars_node.clock import SetClock
    from iars_node.consent.model import Consent
    from iars_node.referrals.model import Referral
    from iars_node.rights.service.correcting import Corrected

    Chain = tuple[Neighbour, Neighbour, Neighbour]

RIGHT = {"identity": {"birth_date": "1998-05"}}


@pytest.fixture
def chain(neighbours: Callable[..., list[Neighbour]]) -> Chain:
    """A shelter that refers to a mission, and a clinic to which the mission may pass people on."""
    shelter, mission, clinic = neighbours("shelter", "mission", "clinic")
    return shelter, mission, clinic


async def passed_on(chain: Chain) -> tuple[Referral, Referral, Consent]:
    """Refer a person to the mission, which passes them on to the clinic; both have accepted."""
    _shelter, mission, clinic = chain
    sent, given, permission = await passed_to_mission(chain)
    forwarded, _own = pass_on(mission, sent, clinic, permission)
    await settle(*chain)
    clinic.act(referrals.accept, forwarded.id)
    await settle(*chain)
    assert record_of(clinic, forwarded.id)["identity"]["birth_date"] == "1999-05"
    return sent, forwarded, given


def correct(side: Neighbour, given: Consent) -> Corrected:
    with side.node.works.write(SYSTEM) as work:
        return rights.correct(work, given.case_id, RIGHT)


def corrections_at(side: Neighbour, referral: Referral) -> list[Corrected]:
    with side.node.works.read(SYSTEM) as work:
        return rights.corrections_of_case(work, side.referral(referral.id).case_id)


async def reach_everybody(chain: Chain) -> None:
    await settle(*chain)
    for side in chain:
        side.run_jobs()
    await settle(*chain)


async def test_the_holder_forwards_a_correction_to_whom_it_passed_the_person_on(chain: Chain) -> None:
    shelter, mission, clinic = chain
    sent, forwarded, given = await passed_on(chain)
    made = correct(shelter, given)
    assert [each.node for each in made.told] == [mission.id.hex()]
    await reach_everybody(chain)
    theirs = record_of(clinic, forwarded.id)["identity"]
    assert (theirs["birth_date"], theirs["given_name"]) == ("1998-05", "Ana")
    (at_mission,) = corrections_at(mission, sent)
    assert (at_mission.correction.by, at_mission.correction.fields) == (
        shelter.id.hex(),
        ("identity.birth_date",),
    )
    assert [(each.node, each.outcome) for each in at_mission.told] == [(clinic.id.hex(), "amended")]
    assert corrections_at(clinic, forwarded) == []
    with mission.node.works.read(SYSTEM) as work:
        (noted,) = audit_store.page(work.connection, AuditFilter(action="person.correction-forwarded")).events
    assert (noted.event.peer_id, noted.event.detail) == (shelter.id.hex(), {"recipients": 1})
    assert mission.history(forwarded.id).faults == clinic.history(forwarded.id).faults == ()


async def test_what_is_new_in_an_amendment_is_no_correction_and_goes_on_to_nobody(chain: Chain) -> None:
    shelter, mission, clinic = chain
    sent, forwarded, given = await passed_on(chain)
    with shelter.node.works.write(SYSTEM) as work:
        cases.write_scope(work, given.case_id, "identity", {"alias": "Anja"}, country="AL")
        referrals.amend(work, sent.id)
    await reach_everybody(chain)
    assert record_of(mission, sent.id)["identity"]["alias"] == "Anja"
    assert "alias" not in record_of(clinic, forwarded.id)["identity"]
    assert corrections_at(mission, sent) == []


async def test_whom_the_holder_can_not_send_it_becomes_a_task_there(chain: Chain) -> None:
    shelter, mission, clinic = chain
    sent, forwarded, given = await passed_on(chain)
    clinic.act(referrals.begin, forwarded.id)
    clinic.act(referrals.complete, forwarded.id)
    await settle(*chain)
    correct(shelter, given)
    await reach_everybody(chain)
    with mission.node.works.read(SYSTEM) as work:
        (task,) = rights.still_to_tell(work, 10)
    assert (task.node, task.reason) == (clinic.id.hex(), "referral-closed")
    assert corrections_at(mission, sent)[0].told == (task,)
    assert record_of(clinic, forwarded.id)["identity"]["birth_date"] == "1999-05"


async def test_after_a_handover_a_correction_goes_to_whom_the_new_controller_refers(chain: Chain) -> None:
    shelter, mission, clinic = chain
    sent, given = await refer_and_accept(shelter, mission, kind="handover")
    case = case_of(mission, sent)
    own, _ = await refer_and_accept(mission, clinic, mission.give_consent(case, clinic))
    correct(shelter, given)
    await reach_everybody(chain)
    assert record_of(clinic, own.id)["identity"]["birth_date"] == "1998-05"


async def test_what_the_holder_collected_itself_is_not_touched_by_a_correction(chain: Chain) -> None:
    shelter, mission, clinic = chain
    sent, given = await refer_and_accept(shelter, mission)
    case = case_of(mission, sent)
    with mission.node.works.write(SYSTEM) as work:
        cases.write_scope(work, case.id, "identity", {"birth_date": "1997-01"}, country="RU")
    own, _ = await refer_and_accept(mission, clinic, mission.give_consent(case, clinic))
    correct(shelter, given)
    await reach_everybody(chain)
    # The mission told the clinic what the person said to it, under no permission of the shelter's.
    assert record_of(clinic, own.id)["identity"]["birth_date"] == "1997-01"
    assert corrections_at(mission, sent) == []


async def test_a_correction_that_overtakes_a_withdrawal_tells_nobody_what_was_withdrawn(
    chain: Chain, clock: SetClock
) -> None:
    shelter, mission, clinic = chain
    sent, _forwarded, given = await passed_on(chain)
    correct(shelter, given)
    await settle(shelter, mission)
    withdraw(shelter, given, scopes=("identity",))
    await settle(shelter, mission)
    mission.run_jobs()
    await settle(*chain)
    told = [each for made in corrections_at(mission, sent) for each in made.told]
    assert [(each.outcome, each.reason) for each in told] == [("to-tell", "grant-ended")]
    pass_time(clock, timedelta(hours=49), *chain)
    await settle(*chain)
    assert clinic.id.hex() == told[0].node
