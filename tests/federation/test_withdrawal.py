"""A person withdraws: sharing ends at once, every recipient locks, destroys after the hold, and says so."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.federation.endings import (
    HOLD,
    alarms_at,
    asked,
    endings_at,
    outcomes,
    pass_time,
    record_of,
    refer_and_accept,
    shown,
    withdraw,
)
from tests.federation.neighbours import PERSON, SHARED, settle

from iars_node.cases import service as cases
from iars_node.consent import endings
from iars_node.consent import service as consents
from iars_node.errors import ConflictError, ForbiddenError, InvalidError, RefusedError
from iars_node.exchange.restoring import mark_restored
from iars_node.peers import service as peers
from iars_node.referrals import service as referrals
from iars_node.withdrawals import service as withdrawals
from iars_node.withdrawals.model import Part
from iars_node.work import SYSTEM, Actor
from iars_protocol.keys import fingerprint

if TYPE_CHECKING:
    from tests.federation.neighbours import Neighbour

    from iars_node.cases.model import Case
    from iars_node.clock import SetClock
    from iars_node.consent.model import Consent

NOBODY = Actor("account", "0" * 32)


def _case_of(side: Neighbour, given: Consent) -> Case:
    with side.node.works.read(SYSTEM) as work:
        return cases.case_head(work, given.case_id)


def test_who_may_not_withdraw_changes_nothing(pair: tuple[Neighbour, Neighbour]) -> None:
    shelter, mission = pair
    given = shelter.give_consent(shelter.open_case(), mission)
    with shelter.node.works.write(NOBODY) as work, pytest.raises(ForbiddenError):
        withdrawals.withdraw(work, [given.id])
    with shelter.node.works.write(SYSTEM) as work, pytest.raises(InvalidError):
        withdrawals.withdraw(work, [given.id], Part(scopes=("gossip",), purposes=("fun",)))
    with shelter.node.works.read(SYSTEM) as work:
        assert consents.get(work, given.id).state == "given"
        assert asked(shelter, given) == []


async def test_one_action_ends_sharing_and_every_recipient_locks_destroys_and_answers(
    pair: tuple[Neighbour, Neighbour], clock: SetClock
) -> None:
    shelter, mission = pair
    sent, given = await refer_and_accept(shelter, mission)
    assert shown(mission, sent.id) == set(SHARED)
    notices = withdraw(shelter, given)
    assert [notice.outcome for notice in notices] == ["waiting"]
    await settle(shelter, mission)
    # Locked in the transaction that took it in: nobody reads it on the page, in the case, or finds it.
    assert shown(mission, sent.id) == set()
    assert record_of(mission, sent.id) == {}
    with mission.node.works.write(SYSTEM) as work:
        assert cases.search_cases(work, "Munteanu", country="RU").found == ()
    # Care goes on as the receiver and the person decide.
    assert mission.referral(sent.id).state == "accepted"
    assert shelter.referral(sent.id).state == "accepted"
    pass_time(clock, HOLD - timedelta(hours=1), shelter, mission)
    assert outcomes(asked(shelter, given)) == []
    pass_time(clock, timedelta(hours=2), shelter, mission)
    await settle(shelter, mission)
    (one,) = asked(shelter, given)
    (report,) = one.reports
    assert one.notice.outcome == "erased"
    assert {each.scope: each.outcome for each in report.outcomes} == dict.fromkeys(SHARED, "erased")
    dates = report.outcomes[0]
    assert dates.access_ended < dates.keys_destroyed < dates.backups_expire
    assert dates.keys_destroyed - dates.access_ended >= HOLD.total_seconds()
    assert dates.backups_expire - dates.keys_destroyed == timedelta(days=35).total_seconds()
    # The origin's own file is its own.
    with shelter.node.works.read(SYSTEM) as work:
        assert cases.snapshot(work, given.case_id)["identity"]["given_name"] == "Ana"
    assert alarms_at(shelter) == alarms_at(mission) == []


async def test_after_a_withdrawal_nothing_more_is_shared(pair: tuple[Neighbour, Neighbour]) -> None:
    shelter, mission = pair
    sent, given = await refer_and_accept(shelter, mission)
    withdraw(shelter, given)
    with shelter.node.works.write(SYSTEM) as work, pytest.raises(RefusedError) as refused:
        referrals.amend(work, sent.id)
    assert refused.value.reason == "consent-withdrawn"
    with shelter.node.works.write(SYSTEM) as work, pytest.raises(RefusedError):
        referrals.write_note(work, sent.id, [("services", "One thing more")])
    case = shelter.open_case()
    with pytest.raises((RefusedError, InvalidError)):
        shelter.refer(case, given, mission)
    await settle(shelter, mission)
    with mission.node.works.write(SYSTEM) as work, pytest.raises(RefusedError):
        referrals.write_note(work, sent.id, [("medical", "She is better")])
    # A step without content is about the service, not about the person's record.
    mission.act(referrals.begin, sent.id)
    await settle(shelter, mission)
    assert shelter.referral(sent.id).state == "in-progress"


async def test_a_referral_not_yet_accepted_is_cancelled_and_cannot_be_accepted(
    pair: tuple[Neighbour, Neighbour],
) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    given = shelter.give_consent(case, mission)
    sent = shelter.refer(case, given, mission)
    await settle(shelter, mission)
    withdraw(shelter, given)
    assert shelter.referral(sent.id).state == "cancelled"
    assert shelter.referral(sent.id).reason == "consent-ended"
    # The withdrawal comes first; between it and the cancellation nobody is taken on.
    await shelter.send(mission)
    with mission.node.works.write(SYSTEM) as work, pytest.raises((RefusedError, ConflictError)):
        referrals.accept(work, sent.id)
    await settle(shelter, mission)
    assert mission.referral(sent.id).state == "cancelled"
    mission.run_jobs()
    await settle(shelter, mission)
    with shelter.node.works.read(SYSTEM) as work:
        said = withdrawals.reports_of_case(work, case.id)
    assert {"not-accepted"} <= {report.cause for report in said}
    erased = {each.scope for report in said for each in report.outcomes if each.outcome == "erased"}
    assert "services" in erased


@pytest.mark.parametrize("ending", ["rejected", "cancelled", "expired"])
async def test_what_came_with_a_referral_that_nobody_took_on_is_erased_and_that_is_reported(
    pair: tuple[Neighbour, Neighbour], clock: SetClock, ending: str
) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    given = shelter.give_consent(case, mission)
    sent = shelter.refer(case, given, mission)
    await settle(shelter, mission)
    if ending == "rejected":
        mission.act(referrals.reject, sent.id, "no-capacity")
    elif ending == "cancelled":
        shelter.act(referrals.cancel, sent.id, "referred-elsewhere")
    else:
        pass_time(clock, timedelta(hours=72), shelter, mission)
    await settle(shelter, mission)
    mission.run_jobs()
    await settle(shelter, mission)
    assert mission.referral(sent.id).state == shelter.referral(sent.id).state == ending
    with shelter.node.works.read(SYSTEM) as work:
        (report,) = withdrawals.reports_of_case(work, case.id)
    assert (report.cause, report.referral_id, report.outcome) == ("not-accepted", sent.id, "erased")
    assert {each.scope for each in report.outcomes} == {"services", "demographics"}


async def test_a_withdrawal_that_overtakes_its_offer_keeps_the_offer_out(
    pair: tuple[Neighbour, Neighbour],
) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    given = shelter.give_consent(case, mission)
    sent = shelter.refer(case, given, mission)
    withdraw(shelter, given)
    await settle(shelter, mission)
    mission.run_jobs()
    await settle(shelter, mission)
    assert shelter.referral(sent.id).problem in ("withheld", "thread-blocked")
    with mission.node.works.write(SYSTEM) as work:
        assert referrals.list_referrals(work).referrals == ()
    (one,) = asked(shelter, given)
    assert one.notice.outcome == "nothing-held"


async def test_it_works_with_a_recipient_that_is_away_for_days(
    pair: tuple[Neighbour, Neighbour], clock: SetClock
) -> None:
    shelter, mission = pair
    sent, given = await refer_and_accept(shelter, mission)
    withdraw(shelter, given)
    pass_time(clock, timedelta(hours=73), shelter, mission)
    # Silence escalates; nothing is given up.
    assert alarms_at(shelter) == ["erasure.overdue"]
    assert asked(shelter, given)[0].notice.overdue_at is not None
    pass_time(clock, timedelta(days=3), shelter, mission)
    await settle(shelter, mission)
    assert shown(mission, sent.id) == set()
    pass_time(clock, HOLD + timedelta(hours=1), shelter, mission)
    await settle(shelter, mission)
    assert asked(shelter, given)[0].notice.outcome == "erased"


async def test_a_recipient_that_cannot_be_told_now_is_told_when_it_can(
    pair: tuple[Neighbour, Neighbour], clock: SetClock
) -> None:
    shelter, mission = pair
    sent, given = await refer_and_accept(shelter, mission)
    waiting = shelter.refer(_case_of(shelter, given), given, mission)
    with shelter.node.works.write(SYSTEM) as work:
        peers.block_peer(work, mission.id)
    (notice,) = withdraw(shelter, given)
    assert notice.message == b""
    # Sharing has ended here all the same; the step that would tell of it waits for the withdrawal.
    assert shelter.referral(waiting.id).state == "requested"
    pass_time(clock, timedelta(hours=73), shelter)
    assert alarms_at(shelter) == ["erasure.overdue"]
    with shelter.node.works.write(SYSTEM) as work:
        peers.verify_peer(work, mission.id, fingerprint(mission.id))
    shelter.run_jobs()
    await settle(shelter, mission)
    assert asked(shelter, given)[0].notice.message != b""
    assert shown(mission, sent.id) == set()


@pytest.mark.parametrize("node_database_url", ["sqlite"], indirect=True)
async def test_a_restored_recipient_destroys_and_reports_after_it_was_answered(
    pair: tuple[Neighbour, Neighbour], clock: SetClock
) -> None:
    shelter, mission = pair
    _sent, given = await refer_and_accept(shelter, mission)
    withdraw(shelter, given)
    await settle(shelter, mission)
    with mission.node.works.write(SYSTEM) as work:
        mark_restored(work)
    pass_time(clock, HOLD + timedelta(hours=1), shelter, mission)
    assert [held.ending.state for held in endings_at(mission)] == ["held"]
    await settle(shelter, mission)
    pass_time(clock, timedelta(minutes=30), shelter, mission)
    await settle(shelter, mission)
    assert asked(shelter, given)[0].notice.outcome == "erased"


async def test_withdrawing_twice_and_delivering_twice_is_as_once(
    pair: tuple[Neighbour, Neighbour], clock: SetClock
) -> None:
    shelter, mission = pair
    _sent, given = await refer_and_accept(shelter, mission)
    first = withdraw(shelter, given)
    assert withdraw(shelter, given) == first
    await settle(shelter, mission)
    assert withdraw(shelter, given) == first
    await settle(shelter, mission)
    assert len(endings_at(mission)) == 1
    pass_time(clock, HOLD + timedelta(hours=1), shelter, mission)
    await settle(shelter, mission)
    assert len(asked(shelter, given)[0].reports) == 1


async def test_withdrawn_by_the_person_and_revoked_by_others_stay_distinct(
    pair: tuple[Neighbour, Neighbour],
) -> None:
    shelter, mission = pair
    _sent, given = await refer_and_accept(shelter, mission)
    with shelter.node.works.write(SYSTEM) as work:
        (notice,) = withdrawals.withdraw(work, [given.id], by="other")
    await settle(shelter, mission)
    with shelter.node.works.read(SYSTEM) as work:
        assert consents.get(work, given.id).state == "revoked"
    assert notice.by == "other"
    assert [held.ending.by for held in endings_at(mission)] == ["other"]


async def test_what_the_recipient_recorded_itself_stays(
    pair: tuple[Neighbour, Neighbour], clock: SetClock
) -> None:
    shelter, mission = pair
    sent, given = await refer_and_accept(shelter, mission)
    case_id = mission.referral(sent.id).case_id
    with mission.node.works.write(SYSTEM) as work:
        cases.write_scope(work, case_id, "medical", {"conditions": ["migraine"]}, country="RU")
    withdraw(shelter, given)
    await settle(shelter, mission)
    pass_time(clock, HOLD + timedelta(hours=1), shelter, mission)
    assert record_of(mission, sent.id) == {"medical": {"conditions": ["migraine"]}}


async def test_what_was_on_its_way_when_the_withdrawal_overtook_it_is_not_kept(
    pair: tuple[Neighbour, Neighbour],
) -> None:
    shelter, mission = pair
    sent, given = await refer_and_accept(shelter, mission)
    with shelter.node.works.write(SYSTEM) as work:
        cases.write_scope(work, given.case_id, "medical", {"conditions": ["asthma", "anaemia"]}, country="AL")
        referrals.amend(work, sent.id)
    withdraw(shelter, given, scopes=("medical",))
    await settle(shelter, mission)
    assert shown(mission, sent.id) == set(SHARED) - {"medical"}
    # The thread goes on: the amendment was taken in, without what had ended.
    mission.act(referrals.begin, sent.id)
    await settle(shelter, mission)
    assert shelter.referral(sent.id).state == "in-progress"
    assert shelter.history(sent.id).faults == ()


async def test_after_a_withdrawal_the_person_can_agree_anew(
    pair: tuple[Neighbour, Neighbour], clock: SetClock
) -> None:
    shelter, mission = pair
    sent, given = await refer_and_accept(shelter, mission)
    withdraw(shelter, given)
    await settle(shelter, mission)
    with shelter.node.works.read(SYSTEM) as work:
        case = cases.case_head(work, given.case_id)
    anew = shelter.give_consent(case, mission)
    again, _ = await refer_and_accept(shelter, mission, anew)
    assert mission.referral(again.id).case_id == mission.referral(sent.id).case_id
    assert shown(mission, again.id) == set(SHARED)
    pass_time(clock, HOLD + timedelta(hours=1), shelter, mission)
    # What is destroyed is what came under the consent that ended, and nothing else.
    assert shown(mission, again.id) == set(SHARED)
    assert record_of(mission, again.id)["medical"]["conditions"] == ["asthma"]


def test_a_consent_that_was_refused_has_nothing_to_withdraw(pair: tuple[Neighbour, Neighbour]) -> None:
    shelter, mission = pair
    given = shelter.give_consent(shelter.open_case(PERSON), mission)
    with shelter.node.works.write(SYSTEM) as work:
        endings.end_consent(work.connection, given.id, "refused", work.now)
    with shelter.node.works.write(SYSTEM) as work, pytest.raises(ConflictError):
        withdrawals.withdraw(work, [given.id])
