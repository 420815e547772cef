"""A case is handed over: who may do what afterwards, what each side holds, who forwards withdrawals."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.federation.endings import pass_time, record_of, refer_and_accept, shown, withdraw
from tests.federation.neighbours import PERSON, SHARED, settle
from tests.federation.raw_files import every_file, wrapped_keys
from tests.federation.yesterday import back_up, restore_older_database

from iars_node.audit.service import record
from iars_node.cases import service as cases
from iars_node.consent import service as consents
from iars_node.consent import store as consent_store
from iars_node.errors import ConflictError, ForbiddenError, InvalidError, RefusedError
from iars_node.holds import service as holds
from iars_node.referrals import service as referrals
from iars_node.vault.content_keys import find_keys
from iars_node.withdrawals import service as withdrawals
from iars_node.work import SYSTEM, Actor

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.federation.neighbours import Neighbour, Wire

    from iars_node.clock import SetClock
    from iars_node.consent.model import Consent
    from iars_node.referrals.model import Referral
    from iars_node.withdrawals.service import HandedOver

GRACE = timedelta(days=14)
HOLD = timedelta(hours=48)
HOUR = timedelta(hours=1)
NOBODY = Actor("account", "0" * 32)
Three = tuple["Neighbour", "Neighbour", "Neighbour"]


@pytest.fixture
def three(neighbours: Callable[..., list[Neighbour]]) -> Three:
    """A shelter that hands over to a mission, and a clinic."""
    shelter, mission, clinic = neighbours("shelter", "mission", "clinic")
    return shelter, mission, clinic


async def hand_over(shelter: Neighbour, mission: Neighbour) -> tuple[Referral, Consent]:
    return await refer_and_accept(shelter, mission, kind="handover")


def state_of(side: Neighbour, case_id: str) -> HandedOver | None:
    with side.node.works.read(SYSTEM) as work:
        return withdrawals.handed_over(work, case_id)


def keep(side: Neighbour, given: Consent, ground: str, days: int, *scopes: str) -> HandedOver:
    with side.node.works.write(SYSTEM) as work:
        until = work.now + timedelta(days=days)
        return withdrawals.keep_after_handover(work, given.case_id, scopes, ground, until)


def left(side: Neighbour, case_id: str) -> dict[str, object]:
    """Return what anybody can still read of a case here."""
    with side.node.works.read(SYSTEM) as work:
        return dict(cases.snapshot(work, case_id))


async def test_the_former_controller_refers_no_more(three: Three) -> None:
    shelter, mission, clinic = three
    sent, given = await hand_over(shelter, mission)
    assert shelter.referral(sent.id).state == "accepted"
    with shelter.node.works.read(SYSTEM) as work:
        case = cases.case_head(work, given.case_id)
    for to in (clinic, mission):
        fresh = shelter.give_consent(case, to)
        with pytest.raises(RefusedError) as refused:
            shelter.refer(case, fresh, to)
        assert refused.value.reason == "handed-over"
    # A correction of what was handed over still goes to the one who has it now.
    with shelter.node.works.write(SYSTEM) as work:
        cases.write_scope(work, case.id, "medical", {"conditions": ["asthma", "anaemia"]}, country="AL")
        referrals.amend(work, sent.id, ["medical"])
    await settle(*three)
    assert record_of(mission, sent.id)["medical"]["conditions"] == ["asthma", "anaemia"]


async def test_a_handover_that_is_not_accepted_changes_nothing(three: Three, clock: SetClock) -> None:
    shelter, mission, clinic = three
    case = shelter.open_case()
    given = shelter.give_consent(case, mission)
    sent = shelter.refer(case, given, mission, kind="handover")
    await settle(*three)
    mission.act(referrals.reject, sent.id, "no-capacity")
    await settle(*three)
    shelter.refer(case, shelter.give_consent(case, clinic), clinic)
    pass_time(clock, GRACE + HOUR, shelter)
    assert state_of(shelter, case.id) is None
    assert left(shelter, case.id)["identity"] == PERSON["identity"]


async def test_what_remains_after_a_handover_is_what_routing_needs(three: Three, clock: SetClock) -> None:
    shelter, mission, _clinic = three
    sent, given = await hand_over(shelter, mission)
    told = state_of(shelter, given.case_id)
    assert told is not None
    assert told.handover.peer == mission.id
    assert told.handover.release_after - clock.moment == GRACE
    pass_time(clock, GRACE - HOUR, shelter, mission)
    assert left(shelter, given.case_id)["identity"] == PERSON["identity"]
    pass_time(clock, 2 * HOUR, shelter, mission)
    # Not kept: any content, in the case or in the messages that carried it.
    assert left(shelter, given.case_id) == {}
    with shelter.node.works.write(SYSTEM) as work:
        assert {entry.scopes for entry in referrals.timeline(work, sent.id)} == {()}
        owned = [*find_keys(work.connection, "case", given.case_id)]
        owned += find_keys(work.connection, "referral", sent.id)
        assert {key.scope for key in owned} == {"message"}
        # Kept: what a withdrawal needs to find its way, and the proofs of what was done.
        head = cases.case_head(work, given.case_id)
        kept = consents.kept_grant(work, sent.grant_id)
        assert (kept.peer, kept.grant.subject) == (mission.id, sent.subject)
        assert [scope.code for scope in consents.get(work, given.id).terms.scopes] == list(SHARED)
        assert referrals.history(work, sent.id).faults == ()
        record(work, "case.read", case_id=head.id)
    released = state_of(shelter, given.case_id)
    assert released is not None
    assert released.handover.released_at is not None
    # The new controller keeps what was handed over.
    assert record_of(mission, sent.id)["identity"]["given_name"] == "Ana"


async def test_a_scope_is_kept_on_a_legal_ground_until_its_day(three: Three, clock: SetClock) -> None:
    shelter, mission, _clinic = three
    case = shelter.open_case()
    given = shelter.give_consent(case, mission)
    with pytest.raises(ConflictError):
        keep(shelter, given, "legal-obligation", 30, "identity")
    sent, _given = await refer_and_accept(shelter, mission, given, kind="handover")
    with shelter.node.works.write(NOBODY) as work, pytest.raises(ForbiddenError):
        withdrawals.keep_after_handover(work, case.id, ["identity"], "legal-obligation", work.now + GRACE)
    for scopes, ground, days in (
        (("gossip",), "legal-obligation", 30),
        ((), "legal-obligation", 30),
        (("identity",), "habit", 30),
        (("identity",), "legal-obligation", -1),
    ):
        with pytest.raises(InvalidError):
            keep(shelter, given, ground, days, *scopes)
    keep(shelter, given, "legal-obligation", 20, "identity")
    kept = keep(shelter, given, "legal-obligation", 30, "identity")
    assert [(each.scope, each.ground) for each in kept.kept] == [("identity", "legal-obligation")]
    pass_time(clock, GRACE + HOUR, shelter, mission)
    assert set(left(shelter, case.id)) == {"identity"}
    with pytest.raises(RefusedError):
        shelter.refer(case, given, mission)
    with pytest.raises(ConflictError):
        keep(shelter, given, "legal-obligation", 30, "medical")
    pass_time(clock, timedelta(days=17), shelter, mission)
    assert left(shelter, case.id) == {}
    assert shelter.referral(sent.id).state == "accepted"


async def test_a_legal_hold_keeps_what_a_handover_lets_go_until_it_ends_or_is_lifted(
    three: Three, clock: SetClock
) -> None:
    shelter, mission, _clinic = three
    lifted, ending, part = [await hand_over(shelter, mission) for _ in range(3)]
    days = {lifted[1].case_id: 60, ending[1].case_id: 20, part[1].case_id: 20}
    set_holds = {}
    with shelter.node.works.write(SYSTEM) as work:
        for case_id, many in days.items():
            set_holds[case_id] = holds.set_hold(
                work,
                case_id,
                ground="legal-obligation",
                reason="A court asks for it.",
                until=work.now + timedelta(days=many),
                scopes=("medical",) if case_id == part[1].case_id else (),
            )
    pass_time(clock, GRACE + HOUR, shelter, mission)
    assert left(shelter, lifted[1].case_id) == left(shelter, ending[1].case_id) != {}
    assert set(left(shelter, part[1].case_id)) == {"medical"}
    for _sent, given in (lifted, ending, part):
        told = state_of(shelter, given.case_id)
        assert told is not None
        assert told.handover.released_at is None
        assert "medical" in told.held
    # What is held can still be declared to be kept by law for longer.
    keep(shelter, part[1], "legal-obligation", 10, "medical")
    with shelter.node.works.write(SYSTEM) as work:
        holds.lift_hold(work, set_holds[lifted[1].case_id].id)
    pass_time(clock, timedelta(minutes=10), shelter, mission)
    assert left(shelter, lifted[1].case_id) == {}
    assert left(shelter, ending[1].case_id) != {}
    pass_time(clock, timedelta(days=6), shelter, mission)
    assert left(shelter, ending[1].case_id) == {}
    assert set(left(shelter, part[1].case_id)) == {"medical"}
    pass_time(clock, timedelta(days=11), shelter, mission)
    assert left(shelter, part[1].case_id) == {}
    for _sent, given in (lifted, ending, part):
        told = state_of(shelter, given.case_id)
        assert told is not None
        assert told.handover.released_at is not None
        assert told.held == {}


async def test_nothing_goes_before_the_new_controller_has_it(three: Three, clock: SetClock) -> None:
    shelter, mission, _clinic = three
    case = shelter.open_case()
    given = shelter.give_consent(case, mission)
    sent = shelter.refer(case, given, mission, kind="handover")
    await settle(shelter, mission)
    mission.act(referrals.accept, sent.id)
    await mission.send(shelter)
    # The disclosure is signed, but has not arrived.
    assert state_of(shelter, case.id) is None
    pass_time(clock, timedelta(days=20), shelter)
    assert left(shelter, case.id)["identity"] == PERSON["identity"]
    await settle(shelter, mission)
    assert state_of(shelter, case.id) is not None


async def test_a_case_that_is_handed_back_stays(three: Three, clock: SetClock) -> None:
    shelter, mission, clinic = three
    sent, given = await hand_over(shelter, mission)
    clock.moment += HOUR
    with mission.node.works.read(SYSTEM) as work:
        there = cases.case_head(work, mission.referral(sent.id).case_id)
    back = mission.refer(there, mission.give_consent(there, shelter), shelter, kind="handover")
    await settle(*three)
    shelter.act(referrals.accept, back.id, case_id=given.case_id)
    await settle(*three)
    pass_time(clock, GRACE + 2 * HOUR, shelter, mission)
    assert state_of(shelter, given.case_id) is None
    assert "identity" in left(shelter, given.case_id)
    with shelter.node.works.read(SYSTEM) as work:
        case = cases.case_head(work, given.case_id)
    shelter.refer(case, shelter.give_consent(case, clinic), clinic)


async def test_the_new_controller_grants_in_its_own_name(three: Three) -> None:
    shelter, mission, clinic = three
    sent, _given = await hand_over(shelter, mission)
    with mission.node.works.read(SYSTEM) as work:
        case = cases.case_head(work, mission.referral(sent.id).case_id)
    forwarded, _own = await refer_and_accept(mission, clinic, mission.give_consent(case, clinic))
    with clinic.node.works.read(SYSTEM) as work:
        grant = consents.kept_grant(work, forwarded.grant_id).grant
    assert (grant.controller, grant.onward) == (mission.id.hex(), "")
    assert "identity" in shown(clinic, forwarded.id)
    assert shelter.id.hex() != grant.controller


async def test_the_former_controller_forwards_withdrawals_after_its_content_has_gone(
    three: Three, clock: SetClock
) -> None:
    shelter, mission, clinic = three
    sent, given = await hand_over(shelter, mission)
    with mission.node.works.read(SYSTEM) as work:
        case = cases.case_head(work, mission.referral(sent.id).case_id)
    own = mission.give_consent(case, clinic)
    forwarded, _own = await refer_and_accept(mission, clinic, own)
    pass_time(clock, GRACE + HOUR, shelter, mission, clinic)
    assert left(shelter, given.case_id) == {}
    # The person comes back to the shelter, which they know.
    (notice,) = withdraw(shelter, given)
    assert notice.peer == mission.id
    await settle(*three)
    assert shown(mission, sent.id) == shown(clinic, forwarded.id) == set()
    with mission.node.works.read(SYSTEM) as work:
        # What the person agreed to with the mission itself stands; what carried the handed-over record ended.
        assert consents.get(work, own.id).state == "given"
        granted = consent_store.find_grant(work.connection, forwarded.grant_id)
    assert granted is not None
    assert granted.ended_at is not None
    pass_time(clock, HOLD + HOUR, shelter, mission, clinic)
    await settle(*three)
    with shelter.node.works.read(SYSTEM) as work:
        (row,) = withdrawals.matrix_of_case(work, given.case_id).rows
    assert {cell.state for cell in row.cells} == {"erased"}


async def test_a_doubted_clock_lets_nothing_go(three: Three, clock: SetClock) -> None:
    shelter, mission, _clinic = three
    _sent, given = await hand_over(shelter, mission)
    shelter.run_jobs()
    clock.moment += GRACE + HOUR
    shelter.run_jobs()
    assert left(shelter, given.case_id)["identity"] == PERSON["identity"]


@pytest.mark.parametrize("node_database_url", ["sqlite"], indirect=True)
async def test_no_file_holds_a_key_of_what_was_handed_over(three: Three, clock: SetClock) -> None:
    shelter, mission, _clinic = three
    sent, given = await hand_over(shelter, mission)
    with shelter.node.works.read(SYSTEM) as work:
        owned = [*find_keys(work.connection, "case", given.case_id)]
        owned += find_keys(work.connection, "referral", sent.id)
    wrapped = wrapped_keys(shelter, {key.key_id for key in owned if key.scope != "message"})
    assert len(wrapped) >= len(PERSON)
    pass_time(clock, GRACE + HOUR, shelter, mission)
    files = list(every_file(shelter))
    assert [name for name, octets in files for key in wrapped if key in octets] == []


async def test_a_hold_that_a_restore_has_forgotten_begins_again(
    three: Three, wire: Wire, clock: SetClock
) -> None:
    shelter, mission, clinic = three
    case = shelter.open_case()
    given = shelter.give_consent(case, mission)
    back_up(shelter)
    sent, _given = await refer_and_accept(shelter, mission, given, kind="handover")
    assert state_of(shelter, case.id) is not None
    restore_older_database(shelter, wire, "shelter")
    for _ in range(8):
        clock.moment += timedelta(minutes=1)
        await settle(*three)
    assert shelter.referral(sent.id).state == "accepted"
    assert state_of(shelter, case.id) is not None
    with pytest.raises(RefusedError):
        shelter.refer(case, shelter.give_consent(case, clinic), clinic)
