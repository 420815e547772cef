"""Time ends consent by itself; neither a stolen key nor a wrong clock wipes what people in care need."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update
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
from iars_node.clock import SetClock
from iars_node.consent import store as consent_store
from iars_node.consent.tables import consent_grant
from iars_node.db import new_id
from iars_node.errors import ConflictError, ForbiddenError, InvalidError
from iars_node.exchange.messages import own_key, stored_receipt
from iars_node.exchange.model import FIRST, Draft
from iars_node.exchange.outbox import queue
from iars_node.peers import service as peers
from iars_node.referrals import service as referrals
from iars_node.vault.errors import KeyStoreError
from iars_node.vault.identity import identity_of, seconds
from iars_node.withdrawals import service as withdrawals
from iars_node.withdrawals.service import clock as clocks
from iars_node.work import SYSTEM, Actor
from iars_protocol.consent import Withdrawal, sign
from iars_protocol.content import Content
from iars_protocol.messages.consent import ErasureReport, Withdraw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.federation.neighbours import Neighbour

    from iars_node.consent.model import Consent
    from iars_protocol.consent import Signed
    from iars_protocol.messages.registry import Body

HOLD = timedelta(hours=48)
HOUR = timedelta(hours=1)
GRACE = timedelta(days=14)
CASE_WORKER = Actor("account", "0" * 32, roles=frozenset({"case-worker"}))
ADMINISTRATOR = Actor("account", "1" * 32, roles=frozenset({"administrator"}))
SUPERVISOR = Actor("account", "2" * 32, roles=frozenset({"supervisor"}))


def say(side: Neighbour, to: Neighbour, body: Body) -> bytes:
    """Send a message that a node's own people could not send."""
    with side.node.works.write(SYSTEM) as work:
        peer = peers.get(work, to.id)
        draft = Draft(
            peer,
            secrets.token_bytes(16),
            Content(body),
            ((own_key(work),),),
            work.now + GRACE,
            precedence=FIRST,
        )
        return queue(work, draft).id


def answer_to(side: Neighbour, message: bytes) -> str:
    """Return the other side's answer to a message: its code."""
    with side.node.works.read(SYSTEM) as work:
        found = stored_receipt(work.connection, message)
    assert found is not None
    return found.receipt.code


def withdrawal_by(side: Neighbour, signer: Neighbour, grants: Iterable[str], **changes: object) -> Signed:
    """Sign a withdrawal that names one node and is signed by another, or by the same."""
    with side.node.works.read(SYSTEM) as work:
        plain = Withdrawal(new_id(), side.id.hex(), seconds(work.now), grants=tuple(grants))
    return sign(replace(plain, **changes), identity_of(signer.node.vault).signing)  # type: ignore[arg-type]


def carried(signed: Signed) -> Withdraw:
    return Withdraw(tuple(signed.to_plain()))


def grant_of(side: Neighbour, referral_id: str) -> str:
    return side.referral(referral_id).grant_id


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


@pytest.mark.parametrize("jump", [timedelta(hours=-2), timedelta(days=40)])
async def test_a_clock_that_jumps_destroys_nothing_until_an_administrator_confirms_it(
    pair: tuple[Neighbour, Neighbour], clock: SetClock, jump: timedelta
) -> None:
    shelter, mission = pair
    _sent, given = await refer_and_accept(shelter, mission)
    withdraw(shelter, given)
    await settle(shelter, mission)
    pass_time(clock, HOUR, shelter, mission)
    clock.moment += jump
    mission.run_jobs()
    assert "clock.skewed" in alarms_at(mission)
    pass_time(clock, HOLD + 3 * HOUR, mission)
    assert all(held.scopes for held in endings_at(mission) if held.ending.cause == "withdrawal")
    assert "erasure.paused" in alarms_at(mission)
    with mission.node.works.write(CASE_WORKER) as work, pytest.raises(ForbiddenError):
        withdrawals.confirm_clock(work)
    with mission.node.works.write(ADMINISTRATOR) as work:
        assert withdrawals.doubted_clock(work) is not None
        withdrawals.confirm_clock(work)
        assert withdrawals.doubted_clock(work) is None
    pass_time(clock, HOUR, mission)
    assert not [held for held in endings_at(mission) if held.scopes]


async def test_what_only_a_wrong_clock_had_ended_runs_again(
    pair: tuple[Neighbour, Neighbour], clock: SetClock
) -> None:
    shelter, mission = pair
    sent, _given = await refer_and_accept(shelter, mission)
    mission.run_jobs()
    right = clock.moment
    clock.moment += timedelta(days=45)
    mission.run_jobs()
    assert shown(mission, sent.id) == set()
    assert [held.ending.cause for held in endings_at(mission)] == ["expiry"]
    clock.moment = right
    with mission.node.works.write(ADMINISTRATOR) as work:
        assert withdrawals.confirm_clock(work) == 1
    assert endings_at(mission) == []
    assert shown(mission, sent.id) == set(SHARED)
    assert record_of(mission, sent.id)["identity"]["given_name"] == "Ana"
    with mission.node.works.write(SYSTEM) as work:
        assert cases.search_cases(work, "Munteanu", country="RU").found


async def test_a_hold_that_a_wrong_clock_began_lasts_no_longer_than_any_other(
    pair: tuple[Neighbour, Neighbour], clock: SetClock
) -> None:
    shelter, mission = pair
    given = shelter.give_consent(shelter.open_case(), mission, expires=clock.moment + 3 * HOUR)
    await refer_and_accept(shelter, mission, given)
    mission.run_jobs()
    right = clock.moment + 4 * HOUR
    clock.moment = right + timedelta(days=40)
    mission.run_jobs()
    clock.moment = right
    with mission.node.works.write(ADMINISTRATOR) as work:
        assert withdrawals.confirm_clock(work) == 0
    (held,) = endings_at(mission)
    assert (held.ending.locked_at, held.ending.destroy_after) == (right, right + GRACE)
    clock.moment += GRACE
    with mission.node.works.write(ADMINISTRATOR) as work:
        withdrawals.confirm_clock(work)
    mission.run_jobs()
    assert not [each for each in endings_at(mission) if each.scopes]


async def test_what_a_wrong_clock_put_off_is_destroyed_when_the_right_one_says(
    pair: tuple[Neighbour, Neighbour], clock: SetClock
) -> None:
    shelter, mission = pair
    _sent, given = await refer_and_accept(shelter, mission)
    mission.run_jobs()
    withdraw(shelter, given)
    await settle(shelter, mission)
    right = clock.moment
    clock.moment = right + timedelta(days=40)
    mission.run_jobs()
    clock.moment = right + HOLD
    with mission.node.works.write(ADMINISTRATOR) as work:
        withdrawals.confirm_clock(work)
    mission.run_jobs()
    assert not [each for each in endings_at(mission) if each.scopes]


async def test_a_clock_that_a_peers_receipt_contradicts_is_not_believed(
    pair: tuple[Neighbour, Neighbour], clock: SetClock
) -> None:
    shelter, mission = pair
    _sent, given = await refer_and_accept(shelter, mission)
    mission.run_jobs()
    right = clock.moment
    # The shelter answers by another time: one of the two is wrong, and nobody knows yet which.
    shelter.node.works.clock = SetClock(right + timedelta(hours=2))
    say(mission, shelter, ErasureReport(cause="expiry", grant=new_id(), leaf=bytes(32)))
    await settle(mission, shelter)
    mission.run_jobs()
    with mission.node.works.read(SYSTEM) as work:
        doubted = withdrawals.doubted_clock(work)
    assert doubted is not None
    assert doubted.cause == clocks.CONTRADICTED
    shelter.node.works.clock = clock
    with mission.node.works.write(ADMINISTRATOR) as work:
        withdrawals.confirm_clock(work)
    mission.run_jobs()
    with mission.node.works.read(SYSTEM) as work:
        assert withdrawals.doubted_clock(work) is None
    assert given.state == "given"


async def test_a_clock_that_a_peer_refuses_is_not_believed(
    pair: tuple[Neighbour, Neighbour], clock: SetClock
) -> None:
    shelter, mission = pair
    await refer_and_accept(shelter, mission)
    mission.run_jobs()
    right = clock.moment
    # The mission's clock creeps ahead, too slowly for a jump; the shelter's stays right.
    shelter.node.works.clock = SetClock(right)
    pass_time(clock, timedelta(hours=2), mission)
    say(mission, shelter, ErasureReport(cause="expiry", grant=new_id(), leaf=bytes(32)))
    await settle(mission, shelter)
    mission.run_jobs()
    with mission.node.works.read(SYSTEM) as work:
        doubted = withdrawals.doubted_clock(work)
    assert doubted is not None
    assert doubted.cause == clocks.CONTRADICTED


async def test_a_machine_that_was_off_is_believed_when_two_peers_confirm_the_time_and_not_by_one(
    neighbours: Callable[..., list[Neighbour]], clock: SetClock
) -> None:
    shelter, mission, clinic = neighbours("shelter", "mission", "clinic")
    _sent, given = await refer_and_accept(shelter, mission)
    withdraw(shelter, given)
    await settle(shelter, mission)
    pass_time(clock, HOUR, mission)
    clock.moment += HOLD
    mission.run_jobs()
    assert "clock.skewed" in alarms_at(mission)
    for _ in range(3):
        say(mission, shelter, ErasureReport(cause="expiry", grant=new_id(), leaf=bytes(32)))
    await settle(mission, shelter)
    mission.run_jobs()
    assert "clock.skewed" in alarms_at(mission)
    say(mission, clinic, ErasureReport(cause="expiry", grant=new_id(), leaf=bytes(32)))
    await settle(mission, clinic)
    mission.run_jobs()
    assert "clock.skewed" not in alarms_at(mission)
    pass_time(clock, HOUR, mission)
    await settle(shelter, mission)
    assert asked(shelter, given)[0].notice.outcome == "erased"


# -- a stolen key


async def test_only_the_issuers_signature_ends_a_grant(
    neighbours: Callable[..., list[Neighbour]],
) -> None:
    shelter, mission, clinic = neighbours("shelter", "mission", "clinic")
    sent, _given = await refer_and_accept(shelter, mission)
    grant = grant_of(mission, sent.id)
    # Signed by another than it names; naming the signer, whose grant it is not; of a node nobody knows.
    forged = say(clinic, mission, carried(withdrawal_by(shelter, clinic, [grant])))
    foreign = say(clinic, mission, carried(withdrawal_by(clinic, clinic, [grant])))
    unknown = withdrawal_by(clinic, clinic, [grant], controller="ab" * 32)
    stranger = say(clinic, mission, carried(unknown))
    await settle(clinic, mission, shelter)
    assert answer_to(clinic, forged) == "unknown-key"
    assert answer_to(clinic, foreign) == "ok"
    assert answer_to(clinic, stranger) == "unknown-issuer"
    assert shown(mission, sent.id) == set(SHARED)
    # What the shelter signed counts, though the clinic brings it.
    brought = say(clinic, mission, carried(withdrawal_by(shelter, shelter, [grant])))
    await settle(clinic, mission, shelter)
    assert answer_to(clinic, brought) == "ok"
    assert shown(mission, sent.id) == set()


async def test_a_flood_of_withdrawals_locks_and_waits_for_a_local_administrator(
    neighbours: Callable[..., list[Neighbour]], clock: SetClock
) -> None:
    shelter, mission = neighbours("shelter", "mission", peer_withdrawals_a_day=2)
    made = [await refer_and_accept(shelter, mission) for _ in range(3)]
    for _sent, given in made[:2]:
        withdraw(shelter, given)
    await settle(shelter, mission)
    assert alarms_at(mission) == []
    withdraw(shelter, made[2][1])
    await settle(shelter, mission)
    # The burst as a whole is held: also what came first and is not destroyed yet.
    assert {held.ending.state for held in endings_at(mission)} == {"paused"}
    assert "erasure.paused" in alarms_at(mission)
    assert [shown(mission, sent.id) for sent, _given in made] == [set()] * 3
    pass_time(clock, HOLD + HOUR, shelter, mission)
    assert all(held.scopes for held in endings_at(mission))
    with mission.node.works.write(SUPERVISOR) as work, pytest.raises(ForbiddenError):
        withdrawals.confirm_withdrawals(work, shelter.id)
    with mission.node.works.write(ADMINISTRATOR) as work:
        assert withdrawals.confirm_withdrawals(work, shelter.id) == 3
    pass_time(clock, HOUR, shelter, mission)
    await settle(shelter, mission)
    assert [asked(shelter, given)[0].notice.outcome for _sent, given in made] == ["erased"] * 3


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


async def test_a_statement_about_anothers_grant_is_refused(
    neighbours: Callable[..., list[Neighbour]],
) -> None:
    shelter, mission, clinic = neighbours("shelter", "mission", "clinic")
    sent, given = await refer_and_accept(shelter, mission)
    (notice,) = withdraw(shelter, given)
    grant = grant_of(shelter, sent.id)
    lie = say(clinic, shelter, ErasureReport(cause="expiry", grant=grant, leaf=bytes(32)))
    other = ErasureReport(cause="withdrawal", grant=new_id(), leaf=bytes(32), withdrawal=notice.id)
    second = say(clinic, shelter, other)
    await settle(clinic, shelter)
    assert answer_to(clinic, lie) == answer_to(clinic, second) == "not-yours"
    assert asked(shelter, given)[0].reports == ()


# -- the chain


async def test_a_withdrawal_goes_down_the_chain(
    neighbours: Callable[..., list[Neighbour]], clock: SetClock
) -> None:
    shelter, mission, clinic = neighbours("shelter", "mission", "clinic")
    sent, given = await refer_and_accept(shelter, mission)
    onward = "0d" * 16
    case_id = mission.referral(sent.id).case_id
    # What the mission passed on under the shelter's onward permission.
    with mission.node.works.write(SYSTEM) as work:
        cases.write_scope(work, case_id, "services", {"constraints": ["ground floor"]}, country="RU")
        head = cases.case_head(work, case_id)
    passed = mission.give_consent(head, clinic)
    forwarded = mission.refer(head, passed, clinic)
    await settle(mission, clinic)
    clinic.act(referrals.accept, forwarded.id)
    await settle(mission, clinic)
    _stand_under(mission, forwarded.grant_id, onward)
    assert shown(clinic, forwarded.id) == {"services"}
    withdraw(shelter, given)
    await settle(shelter, mission, clinic)
    assert shown(clinic, forwarded.id) == set()
    assert [each.notice.peer for each in asked(mission, passed)] == [clinic.id]
    pass_time(clock, HOLD + HOUR, shelter, mission, clinic)
    await settle(shelter, mission, clinic)
    assert asked(mission, passed)[0].notice.outcome == "erased"


async def test_who_was_shown_an_onward_permission_cannot_end_what_stands_under_it(
    neighbours: Callable[..., list[Neighbour]],
) -> None:
    shelter, mission, clinic = neighbours("shelter", "mission", "clinic")
    sent, given = await refer_and_accept(shelter, mission)
    onward = "0d" * 16
    _stand_under(shelter, sent.grant_id, onward)
    say(clinic, shelter, carried(withdrawal_by(clinic, clinic, [], onward=(onward,))))
    await settle(clinic, shelter, mission)
    assert shown(mission, sent.id) == set(SHARED)
    assert asked(shelter, given) == []


def _stand_under(side: Neighbour, grant_id: str, onward: str) -> None:
    """Say of a grant that it stands under an onward permission, in its signed words and in its row."""
    with side.node.works.write(SYSTEM) as work:
        kept = consent_store.find_grant(work.connection, grant_id)
        assert kept is not None
        signed = sign(replace(kept.grant, onward=onward), identity_of(side.node.vault).signing)
        work.connection.execute(
            update(consent_grant)
            .where(consent_grant.c.id == grant_id)
            .values(onward=onward, signed=signed.to_line())
        )


def test_a_consent_lists_nobody_where_nothing_was_shared(pair: tuple[Neighbour, Neighbour]) -> None:
    shelter, mission = pair
    given: Consent = shelter.give_consent(shelter.open_case(), mission)
    assert withdraw(shelter, given) == []
