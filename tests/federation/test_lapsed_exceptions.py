"""Exceptions that nobody approved: locked at both sides, destroyed after the hold, and reported."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.federation.endings import alarms_at, endings_at, pass_time
from tests.federation.excepting import actions, decide, record, refer, seen_by, shown
from tests.federation.neighbours import settle

from iars_node.audit.alarms import open_alarms
from iars_node.cases import service as cases
from iars_node.consent import exceptions
from iars_node.consent import store as consent_store
from iars_node.errors import ConflictError, NotFoundError, RefusedError
from iars_node.referrals import service as referrals
from iars_node.withdrawals import service as withdrawals
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from tests.federation.neighbours import Neighbour

    from iars_node.clock import SetClock

    Pair = tuple[Neighbour, Neighbour]


@pytest.mark.parametrize("how", ["nobody decides", "refused"])
async def test_an_emergency_that_nobody_approves_is_locked_at_both_sides(
    pair: Pair, clock: SetClock, how: str
) -> None:
    shelter, mission = pair
    kept = record(shelter, shelter.open_case(), mission, is_emergency=True, decide_within=timedelta(hours=6))
    sent = refer(shelter, kept, mission)
    await settle(shelter, mission)
    taken = mission.act(referrals.accept, sent.id)
    await settle(shelter, mission)
    if how == "refused":
        decide(shelter, exceptions.refuse_exception, kept.id)
    clock.moment += timedelta(hours=6)
    with pytest.raises(ConflictError):
        decide(shelter, exceptions.approve_exception, kept.id)
    shelter.run_jobs()
    await settle(shelter, mission)

    assert shown(mission, sent.id).approval == shown(shelter, sent.id).approval == "lapsed"
    assert seen_by(mission, sent.id) == {}
    with mission.node.works.write(SYSTEM) as work:
        views = cases.read_case(work, taken.case_id).scopes.values()
        assert [view.fields for view in views] == [{}, {}, {}]
        assert all(
            entry.is_erased for entry in referrals.timeline(work, sent.id) if entry.step.side == "sender"
        )
    assert "consent.exception-lapsed" in actions(mission)
    for side in (shelter, mission):
        assert side.referral(sent.id).problem == "exception-lapsed"
    with shelter.node.works.read(SYSTEM) as work:
        alarms = [one.kind for one in open_alarms(work.connection)]
    assert ("consent.exception-lapsed" in alarms) == (how != "refused")
    with pytest.raises(RefusedError):
        shelter.act(referrals.amend, sent.id)
    mission.act(referrals.complete, sent.id)
    await settle(shelter, mission)
    assert shelter.referral(sent.id).state == "completed"


async def test_a_lapse_that_overtakes_its_offer_has_the_offer_refused(pair: Pair, clock: SetClock) -> None:
    shelter, mission = pair
    kept = record(shelter, shelter.open_case(), mission, is_emergency=True, decide_within=timedelta(hours=6))
    sent = refer(shelter, kept, mission)
    clock.moment += timedelta(hours=6)
    shelter.run_jobs()
    await settle(shelter, mission)
    with pytest.raises(NotFoundError):
        mission.referral(sent.id)
    assert shelter.referral(sent.id).problem == "withheld"
    with mission.node.works.read(SYSTEM) as work:
        assert consent_store.find_grant(work.connection, sent.grant_id) is None


async def test_an_offer_that_waits_unanswered_can_not_be_accepted_after_the_lapse(
    pair: Pair, clock: SetClock
) -> None:
    shelter, mission = pair
    kept = record(shelter, shelter.open_case(), mission, is_emergency=True, decide_within=timedelta(hours=6))
    sent = refer(shelter, kept, mission)
    await settle(shelter, mission)
    clock.moment += timedelta(hours=6)
    shelter.run_jobs()
    await settle(shelter, mission)
    with pytest.raises(RefusedError) as refused:
        mission.act(referrals.accept, sent.id)
    assert refused.value.reason == "exception-lapsed"
    assert seen_by(mission, sent.id) == {}


@pytest.mark.parametrize("how", ["nobody decides", "refused"])
async def test_what_came_under_a_lapsed_exception_is_destroyed_after_the_hold_and_reported(
    pair: Pair, clock: SetClock, how: str
) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    kept = record(shelter, case, mission, is_emergency=True, decide_within=timedelta(hours=6))
    sent = refer(shelter, kept, mission)
    await settle(shelter, mission)
    taken = mission.act(referrals.accept, sent.id)
    await settle(shelter, mission)
    with mission.node.works.write(SYSTEM) as work:
        cases.write_scope(work, taken.case_id, "medical", {"conditions": ["migraine"]}, country="RU")
    if how == "refused":
        decide(shelter, exceptions.refuse_exception, kept.id)
    pass_time(clock, timedelta(hours=6), shelter, mission)
    await settle(shelter, mission)
    (held,) = endings_at(mission)
    assert (held.ending.cause, held.ending.by, held.ending.state) == ("lapse", "other", "held")
    assert set(held.scopes) == {"services", "demographics", "medical"}
    with shelter.node.works.read(SYSTEM) as work:
        (asked,) = withdrawals.asked_of_case(work, case.id)
    assert (asked.notice.peer, asked.notice.outcome, asked.notice.signed) == (mission.id, "waiting", "")

    pass_time(clock, timedelta(hours=49), shelter, mission)
    await settle(shelter, mission)
    with shelter.node.works.read(SYSTEM) as work:
        (answered,) = withdrawals.asked_of_case(work, case.id)
        (report,) = withdrawals.reports_of_case(work, case.id)
    assert answered.notice.outcome == "erased"
    assert (report.cause, report.grant_id) == ("lapse", sent.grant_id)
    assert {each.scope for each in report.outcomes} == {"services", "demographics", "medical"}
    assert answered.reports == (report,)
    # What the recipient recorded itself stays.
    with mission.node.works.read(SYSTEM) as work:
        assert cases.snapshot(work, taken.case_id) == {"medical": {"conditions": ["migraine"]}}
    pass_time(clock, timedelta(days=3), shelter, mission)
    assert "erasure.overdue" not in alarms_at(shelter)


async def test_a_recipient_that_lost_the_race_answers_that_it_holds_nothing_and_silence_escalates(
    pair: Pair, clock: SetClock
) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    kept = record(shelter, case, mission, is_emergency=True, decide_within=timedelta(hours=6))
    refer(shelter, kept, mission)
    pass_time(clock, timedelta(hours=6), shelter)
    pass_time(clock, timedelta(hours=73), shelter)
    assert "erasure.overdue" in alarms_at(shelter)
    await settle(shelter, mission)
    mission.run_jobs()
    await settle(shelter, mission)
    with shelter.node.works.read(SYSTEM) as work:
        (asked,) = withdrawals.asked_of_case(work, case.id)
    assert asked.notice.outcome == "nothing-held"
