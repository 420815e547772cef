"""Time ends consent by itself, and what ended is kept only on a declared ground."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.federation.endings import (
    CASE_WORKER,
    GRACE,
    HOLD,
    HOUR,
    SUPERVISOR,
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
from iars_node.consent import store as consent_store
from iars_node.errors import ConflictError, ForbiddenError, InvalidError
from iars_node.referrals import service as referrals
from iars_node.vault.errors import KeyStoreError
from iars_node.withdrawals import service as withdrawals
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from tests.federation.neighbours import Neighbour

    from iars_node.clock import SetClock
    from iars_node.consent.model import Consent


# -- the clock


async def test_at_its_end_a_grant_locks_by_the_holders_own_clock_without_a_word(
    pair: tuple[Neighbour, Neighbour], clock: SetClock
) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    given = shelter.give_consent(case, mission, expires=clock.moment + 3 * HOUR)
    sent, _ = await refer_and_accept(shelter, mission, given)
    clock.moment += 3 * HOUR
    # Nothing has run, nobody was told: reading itself asks the clock.
    assert shown(mission, sent.id) == set()
    assert record_of(mission, sent.id) == {}
    with shelter.node.works.write(SYSTEM) as work, pytest.raises(Exception, match="consent"):
        referrals.amend(work, sent.id)


async def test_after_the_grace_what_expired_is_destroyed_and_reported(
    pair: tuple[Neighbour, Neighbour], clock: SetClock
) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    given = shelter.give_consent(case, mission, expires=clock.moment + 3 * HOUR)
    sent, _ = await refer_and_accept(shelter, mission, given)
    pass_time(clock, 4 * HOUR, shelter, mission)
    with mission.node.works.write(SYSTEM) as work:
        assert cases.search_cases(work, "Munteanu", country="RU").found == ()
    pass_time(clock, GRACE - HOUR, shelter, mission)
    (held,) = endings_at(mission)
    assert held.ending.state == "held"
    assert set(held.scopes) == set(SHARED)
    pass_time(clock, 2 * HOUR, shelter, mission)
    await settle(shelter, mission)
    with shelter.node.works.read(SYSTEM) as work:
        (report,) = withdrawals.reports_of_case(work, case.id)
    assert report.cause == "expiry"
    assert {each.scope: each.outcome for each in report.outcomes} == dict.fromkeys(SHARED, "erased")
    assert shown(mission, sent.id) == set()


# -- a stolen key


# -- decisions of people


async def test_a_scope_is_kept_only_on_a_declared_ground_by_an_account_that_may_decide(
    pair: tuple[Neighbour, Neighbour], clock: SetClock
) -> None:
    shelter, mission = pair
    sent, given = await refer_and_accept(shelter, mission)
    withdraw(shelter, given)
    await settle(shelter, mission)
    (held,) = endings_at(mission)
    until = clock.moment + timedelta(days=20)
    with mission.node.works.write(CASE_WORKER) as work, pytest.raises(ForbiddenError):
        withdrawals.retain(work, held.ending.id, ["medical"], "legal-obligation", until)
    for scopes, ground, end in (
        (["medical"], "we-like-it", until),
        (["medical"], "legal-obligation", clock.moment),
        (["travel"], "legal-obligation", until),
        ([], "legal-obligation", until),
    ):
        with mission.node.works.write(SUPERVISOR) as work, pytest.raises(InvalidError):
            withdrawals.retain(work, held.ending.id, scopes, ground, end)
    with mission.node.works.write(SUPERVISOR) as work:
        withdrawals.retain(work, held.ending.id, ["medical"], "legal-obligation", until)
    # It can be read in the case again, and only there.
    assert record_of(mission, sent.id) == {"medical": {"conditions": ["asthma"], "pregnancy": "unknown"}}
    assert shown(mission, sent.id) == set()
    with mission.node.works.read(SYSTEM) as work:
        kept = consent_store.find_grant(work.connection, held.ending.grant_id)
        assert kept is not None
        found, _sources = cases.disclosable(work, mission.referral(sent.id).case_id, {kept.id, "own"})
    assert found == {}
    pass_time(clock, HOLD + HOUR, shelter, mission)
    await settle(shelter, mission)
    expected = {"demographics": "erased", "identity": "erased", "medical": "retained", "services": "erased"}
    assert outcomes(asked(shelter, given)) == [expected]
    assert asked(shelter, given)[0].notice.outcome == "retained"
    # At the end of the ground it goes too, and that is said.
    pass_time(clock, timedelta(days=20), shelter, mission)
    await settle(shelter, mission)
    assert outcomes(asked(shelter, given))[-1] == {"medical": "erased"}
    assert record_of(mission, sent.id) == {}
    with mission.node.works.write(SUPERVISOR) as work, pytest.raises(ConflictError):
        withdrawals.retain(work, held.ending.id, ["medical"], "legal-obligation", clock.moment + HOLD)


async def test_at_the_end_of_its_ground_what_was_kept_locks_by_the_holders_own_clock(
    pair: tuple[Neighbour, Neighbour], clock: SetClock
) -> None:
    shelter, mission = pair
    sent, given = await refer_and_accept(shelter, mission)
    withdraw(shelter, given)
    await settle(shelter, mission)
    (held,) = endings_at(mission)
    with mission.node.works.write(SUPERVISOR) as work:
        until = clock.moment + timedelta(days=60)
        withdrawals.retain(work, held.ending.id, ["medical"], "legal-obligation", until)
    # Longer than the grant would have run: the ground's end counts, not the grant's.
    clock.moment += timedelta(days=59)
    assert set(record_of(mission, sent.id)) == {"medical"}
    # Nothing has run: reading itself asks the clock.
    clock.moment += timedelta(days=1)
    assert record_of(mission, sent.id) == {}


async def test_what_is_kept_on_a_ground_outlives_the_end_of_the_rest(
    pair: tuple[Neighbour, Neighbour], clock: SetClock
) -> None:
    shelter, mission = pair
    sent, given = await refer_and_accept(shelter, mission)
    withdraw(shelter, given, scopes=("medical",))
    await settle(shelter, mission)
    (held,) = endings_at(mission)
    with mission.node.works.write(SUPERVISOR) as work:
        until = clock.moment + timedelta(days=20)
        withdrawals.retain(work, held.ending.id, ["medical"], "legal-obligation", until)
    # The person takes back the rest as well: the ground stands as it was declared.
    withdraw(shelter, given)
    await settle(shelter, mission)
    assert set(record_of(mission, sent.id)) == {"medical"}
    pass_time(clock, HOLD + HOUR, shelter, mission)
    await settle(shelter, mission)
    assert set(record_of(mission, sent.id)) == {"medical"}
    rest = {"demographics": "erased", "identity": "erased", "medical": "retained", "services": "erased"}
    assert rest in outcomes(asked(shelter, given))
    pass_time(clock, timedelta(days=20), shelter, mission)
    assert record_of(mission, sent.id) == {}
    assert not [held for held in endings_at(mission) if held.scopes]


async def test_an_erasure_that_fails_is_said_to_fail_and_tried_again(
    pair: tuple[Neighbour, Neighbour], clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelter, mission = pair
    _sent, given = await refer_and_accept(shelter, mission)
    withdraw(shelter, given)
    await settle(shelter, mission)
    pass_time(clock, HOLD - HOUR, shelter, mission)

    def fail(*_arguments: object, **_named: object) -> None:
        raise KeyStoreError("The disk is full.")

    with monkeypatch.context() as broken:
        broken.setattr(mission.node.vault, "erase_content_keys", fail)
        pass_time(clock, 2 * HOUR, shelter, mission)
        await settle(shelter, mission)
    assert outcomes(asked(shelter, given)) == [dict.fromkeys(SHARED, "failed")]
    assert asked(shelter, given)[0].notice.answered_at is None
    assert "erasure.failed" in alarms_at(shelter)
    pass_time(clock, 2 * HOUR, shelter, mission)
    await settle(shelter, mission)
    assert asked(shelter, given)[0].notice.outcome == "erased"


# -- the chain


def test_a_consent_lists_nobody_where_nothing_was_shared(pair: tuple[Neighbour, Neighbour]) -> None:
    shelter, mission = pair
    given: Consent = shelter.give_consent(shelter.open_case(), mission)
    assert withdraw(shelter, given) == []
