"""Every version of a consent ends with it, and what a newer version takes out is asked back everywhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.federation.endings import (
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
from tests.federation.neighbours import SHARED, settle

from iars_node.cases import service as cases
from iars_node.consent import changing
from iars_node.consent import service as consents
from iars_node.consent import store as consent_store
from iars_node.consent.model import Recipient, Withheld
from iars_node.errors import ConflictError, NotFoundError, RefusedError
from iars_node.referrals import service as referrals
from iars_node.withdrawals import service as withdrawals
from iars_node.withdrawals.service import clock as node_clock
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.federation.neighbours import Neighbour

    from iars_node.clock import SetClock
    from iars_node.consent.model import Consent

    Pair = tuple[Neighbour, Neighbour]

HOLD = timedelta(hours=49)
HOUR = timedelta(hours=1)


def act(side: Neighbour, use_case: Any, *arguments: object) -> Any:
    with side.node.works.write(SYSTEM) as work:
        return use_case(work, *arguments)


def narrow(side: Neighbour, given: Consent, **changes: Any) -> Consent:
    newer: Consent = act(side, changing.narrow_consent, given.id, replace(given.terms, **changes))
    return newer


def get(side: Neighbour, consent_id: str) -> Consent:
    with side.node.works.read(SYSTEM) as work:
        return consents.get(work, consent_id)


def steps(side: Neighbour, given: Consent) -> list[tuple[str, str, str]]:
    with side.node.works.read(SYSTEM) as work:
        found = consents.history(work, given.id)
    return [(entry.step, entry.by, entry.state_after) for entry in found]


def without(given: Consent, *scopes: str) -> dict[str, Any]:
    return {
        "scopes": tuple(scope for scope in given.terms.scopes if scope.code not in scopes),
        "feedback": ("services",),
    }


# -- every version


def test_of_an_id_that_nobody_knows_nothing_is_withdrawn(pair: Pair) -> None:
    shelter, _mission = pair
    with shelter.node.works.write(SYSTEM) as work, pytest.raises(NotFoundError):
        withdrawals.withdraw(work, ["0" * 32])


@pytest.mark.parametrize("named", ["oldest", "newest"])
async def test_a_withdrawal_ends_what_was_granted_under_every_version(
    pair: Pair, clock: SetClock, named: str
) -> None:
    shelter, mission = pair
    first, oldest = await refer_and_accept(shelter, mission)
    newest = act(shelter, changing.renew_consent, oldest.id, oldest.terms)
    second, _ = await refer_and_accept(shelter, mission, newest)
    assert first.grant_id != second.grant_id
    (notice,) = withdraw(shelter, oldest if named == "oldest" else newest)
    assert set(notice.grants) == {first.grant_id, second.grant_id}
    await settle(shelter, mission)
    assert shown(mission, first.id) == shown(mission, second.id) == set()
    assert record_of(mission, first.id) == {}
    assert (get(shelter, newest.id).state, get(shelter, oldest.id).state) == ("withdrawn", "given")
    assert steps(shelter, newest)[-1] == ("withdraw", "person", "withdrawn")
    pass_time(clock, HOLD, shelter, mission)
    await settle(shelter, mission)
    for given in (oldest, newest):
        (one,) = asked(shelter, given)
        assert one.notice.outcome == "erased"
        assert {report.grant_id for report in one.reports} == {first.grant_id, second.grant_id}
    # Asked again by either id, nobody is told twice.
    assert [each.id for each in withdraw(shelter, oldest)] == [notice.id]


async def test_a_revocation_and_an_invalidation_stand_in_the_history(pair: Pair) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    revoked, invalid = (shelter.give_consent(case, mission) for _ in range(2))
    act(shelter, lambda work: withdrawals.withdraw(work, [revoked.id], by="other"))
    act(shelter, changing.invalidate_consent, invalid.id, "not-free")
    assert steps(shelter, revoked)[-1] == ("revoke", "other", "revoked")
    assert steps(shelter, invalid)[-1] == ("invalidate", "organisation", "invalidated")
    with shelter.node.works.write(SYSTEM) as work, pytest.raises(ConflictError):
        withdrawals.withdraw(work, [invalid.id])


async def test_what_was_withdrawn_of_a_version_stays_withdrawn_when_it_is_narrowed(pair: Pair) -> None:
    shelter, mission = pair
    sent, given = await refer_and_accept(shelter, mission)
    withdraw(shelter, given, scopes=("medical",))
    newer = narrow(shelter, given, **without(given, "identity"))
    with shelter.node.works.read(SYSTEM) as work:
        case_id = consents.get(work, newer.id).case_id
    assert case_id == given.case_id
    again, _ = await refer_and_accept(shelter, mission, newer)
    assert shown(mission, again.id) == set(SHARED) - {"medical", "identity"}
    assert shown(mission, sent.id) == set(SHARED) - {"medical", "identity"}


# -- its time


async def test_the_end_of_its_time_is_noted_once_and_the_person_can_still_withdraw(
    pair: Pair, clock: SetClock
) -> None:
    shelter, mission = pair
    given = shelter.give_consent(shelter.open_case(), mission, expires=clock.moment + 3 * HOUR)
    sent, _ = await refer_and_accept(shelter, mission, given)
    pass_time(clock, 4 * HOUR, shelter, mission)
    shelter.run_jobs()
    assert steps(shelter, given) == [("give", "person", "given"), ("expire", "clock", "expired")]
    assert get(shelter, given.id).state == "expired"
    # Its own grants say the same end: nobody has to be told.
    assert asked(shelter, given) == []
    (notice,) = withdraw(shelter, given)
    assert notice.grants == (sent.grant_id,)
    assert steps(shelter, given)[-1] == ("withdraw", "person", "withdrawn")


def test_what_only_a_wrong_clock_had_noted_as_expired_stands_again(pair: Pair, clock: SetClock) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    oldest = shelter.give_consent(case, mission)
    given = act(shelter, changing.renew_consent, oldest.id, oldest.terms)
    shelter.run_jobs()
    right = clock.moment
    clock.moment += timedelta(days=45)
    # While the clock is doubted nothing is noted at all.
    shelter.run_jobs()
    assert get(shelter, given.id).state == "renewed"
    act(shelter, node_clock.confirm_clock)
    shelter.run_jobs()
    assert get(shelter, given.id).state == "expired"
    clock.moment = right
    act(shelter, withdrawals.confirm_clock)
    stands = get(shelter, given.id)
    assert (stands.state, stands.ended_at) == ("renewed", None)
    assert [each[0] for each in steps(shelter, given)] == ["renew", "expire", "run-again"]
    assert shelter.refer(case, given, mission).state == "requested"


async def test_a_narrowing_to_an_earlier_day_is_kept_at_that_day(pair: Pair, clock: SetClock) -> None:
    shelter, mission = pair
    sent, given = await refer_and_accept(shelter, mission)
    newer = narrow(shelter, given, expires=clock.moment + 3 * HOUR)
    await settle(shelter, mission)
    assert shown(mission, sent.id) == set(SHARED)
    pass_time(clock, 4 * HOUR, shelter, mission)
    await settle(shelter, mission)
    assert shown(mission, sent.id) == set()
    (one,) = asked(shelter, given)
    assert (one.notice.by, one.notice.grants) == ("person", (sent.grant_id,))
    assert get(shelter, newer.id).state == "expired"


# -- narrowing


async def test_scopes_and_purposes_that_were_taken_out_are_asked_back_each_as_its_own_part(
    pair: Pair, clock: SetClock
) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    given = shelter.give_consent(case, mission)
    returning, _ = await refer_and_accept(shelter, mission, given, service="TRN-ASSIST")
    sent, _ = await refer_and_accept(shelter, mission, given)
    newer = narrow(shelter, given, **without(given, "medical"), purposes=("assistance",))
    parts = {(one.notice.scopes, one.notice.purposes) for one in asked(shelter, given)}
    assert parts == {(("medical",), ()), ((), ("return",))}
    await settle(shelter, mission)
    assert shown(mission, returning.id) == set()
    assert shown(mission, sent.id) == set(SHARED) - {"medical"}
    assert get(shelter, newer.id).state == "given"
    shelter.act(referrals.amend, sent.id)
    await settle(shelter, mission)
    pass_time(clock, HOLD, shelter, mission)
    await settle(shelter, mission)
    answers = {one.notice.purposes: one for one in asked(shelter, newer)}
    assert outcomes([answers[()]]) == [{"medical": "erased"}]
    assert answers["return",].notice.outcome == "erased"
    assert shown(mission, sent.id) == set(SHARED) - {"medical"}


@pytest.mark.parametrize("left", ["by name", "by its kind"])
async def test_a_recipient_that_was_taken_out_gives_everything_back_and_the_others_keep_it(
    neighbours: Callable[..., list[Neighbour]], left: str
) -> None:
    shelter, mission, clinic = neighbours("shelter", "mission", "clinic")
    named = {each: Recipient(node=each.id.hex()) for each in (mission, clinic)}
    ngo = Recipient(organisation_type="NGO")
    first = named[mission] if left == "by name" else ngo
    case = shelter.open_case()
    given = shelter.give_consent(case, mission, recipients=(first, named[clinic]))
    one, other = (shelter.refer(case, given, each) for each in (mission, clinic))
    await settle(shelter, mission, clinic)
    mission.act(referrals.accept, one.id)
    clinic.act(referrals.accept, other.id)
    await settle(shelter, mission, clinic)
    newer = narrow(shelter, given, recipients=(named[clinic],))
    await settle(shelter, mission, clinic)
    assert shown(mission, one.id) == set()
    assert shown(clinic, other.id) == set(SHARED)
    (told,) = asked(shelter, given)
    assert (told.notice.peer, told.notice.scopes, told.notice.by) == (mission.id, (), "person")
    shelter.act(referrals.amend, other.id)
    assert shelter.refer(case, newer, clinic).state == "requested"
    with pytest.raises(RefusedError):
        shelter.refer(case, newer, mission)


async def test_a_detail_that_was_sent_takes_its_whole_part_back_and_people_are_told(pair: Pair) -> None:
    shelter, mission = pair
    sent, given = await refer_and_accept(shelter, mission)
    newer = narrow(shelter, given, withheld=(Withheld("medical", ("conditions",)),))
    assert [one.notice.scopes for one in asked(shelter, given)] == [("medical",)]
    assert shelter.referral(sent.id).problem == "consent-narrowed"
    await settle(shelter, mission)
    assert shown(mission, sent.id) == set(SHARED) - {"medical"}
    # The rest of the part goes with a new referral, under what the person says now.
    again, _ = await refer_and_accept(shelter, mission, newer)
    with mission.node.works.write(SYSTEM) as work:
        medical = referrals.received_content(work, again.id)["medical"]
    assert "conditions" not in medical.fields
    assert "pregnancy" in medical.fields


async def test_a_detail_that_never_left_is_nobodys_to_give_back(pair: Pair) -> None:
    shelter, mission = pair
    sent, given = await refer_and_accept(shelter, mission)
    narrow(shelter, given, withheld=(Withheld("medical", ("medication",)),))
    assert asked(shelter, given) == []
    await settle(shelter, mission)
    assert shown(mission, sent.id) == set(SHARED)
    assert shelter.referral(sent.id).problem == ""


async def test_one_narrowing_after_the_other_asks_back_only_what_is_new(pair: Pair) -> None:
    shelter, mission = pair
    sent, given = await refer_and_accept(shelter, mission)
    newer = narrow(shelter, given, **without(given, "medical"))
    newest = narrow(shelter, newer, **without(newer, "identity"))
    assert {one.notice.scopes for one in asked(shelter, newest)} == {("identity",), ("medical",)}
    await settle(shelter, mission)
    assert shown(mission, sent.id) == {"services", "demographics"}
    with shelter.node.works.read(SYSTEM) as work:
        kept = consent_store.find_grant(work.connection, sent.grant_id)
    assert kept is not None
    assert kept.has_ended("medical", "assistance")
    assert kept.has_ended("identity", "assistance")
    assert not kept.has_ended("services", "assistance")


# -- what never counted


async def test_a_consent_that_never_counted_is_revoked_and_stays_invalidated_at_home(
    pair: Pair, clock: SetClock
) -> None:
    shelter, mission = pair
    first, given = await refer_and_accept(shelter, mission)
    newest = act(shelter, changing.renew_consent, given.id, given.terms)
    waiting = shelter.refer(act(shelter, cases.case_head, given.case_id), newest, mission)
    await settle(shelter, mission)
    act(shelter, changing.invalidate_consent, newest.id, "not-understood")
    assert shelter.referral(waiting.id).state == "cancelled"
    (one,) = asked(shelter, newest)
    assert one.notice.by == "other"
    await settle(shelter, mission)
    assert shown(mission, first.id) == shown(mission, waiting.id) == set()
    assert {held.ending.by for held in endings_at(mission)} == {"other"}
    assert get(shelter, newest.id).state == "invalidated"
    pass_time(clock, HOLD, shelter, mission)
    await settle(shelter, mission)
    assert asked(shelter, newest)[0].notice.outcome == "erased"
    assert alarms_at(shelter) == []
