"""Passing on ends: by withdrawal down the chain, alone, by a newer version; and outlives a restore."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.federation.chain import (
    Chain,
    agree,
    case_of,
    matrix,
    pass_on,
    passed_to_mission,
    permit,
    preview_of,
)
from tests.federation.endings import asked, pass_time, refer_and_accept, shown, withdraw
from tests.federation.neighbours import settle
from tests.federation.yesterday import back_up, restore_older_database

from iars_node.consent import onward_store
from iars_node.consent import service as consents
from iars_node.consent.changing import narrow_consent, renew_consent
from iars_node.consent.model import Recipient, Withheld
from iars_node.db import new_id
from iars_node.errors import ConflictError, ForbiddenError, NotFoundError, RefusedError
from iars_node.referrals import service as referrals
from iars_node.referrals.model import Offering
from iars_node.withdrawals import service as withdrawals
from iars_node.work import SYSTEM, Actor
from iars_protocol.consent import Signed, Withdrawal

if TYPE_CHECKING:
    from tests.federation.neighbours import Wire

    from iars_node.clock import SetClock

HOLD = timedelta(hours=48)
HOUR = timedelta(hours=1)
NOBODY = Actor("account", "0" * 32)


async def test_a_withdrawal_names_the_permission_and_ends_what_stands_under_it(
    chain: Chain, clock: SetClock
) -> None:
    shelter, mission, clinic = chain
    sent, given, permission = await passed_to_mission(chain)
    forwarded, own = pass_on(mission, sent, clinic, permission)
    await settle(*chain)
    clinic.act(referrals.accept, forwarded.id)
    await settle(*chain)
    (notice,) = withdraw(shelter, given)
    said = Signed.from_line(notice.signed).content
    assert isinstance(said, Withdrawal)
    assert said.onward == (permission.id,)
    await settle(*chain)
    assert shown(mission, sent.id) == shown(clinic, forwarded.id) == set()
    assert [each.notice.peer for each in asked(mission, own)] == [clinic.id]
    assert matrix(shelter, given.case_id).rows[1].state == "asked"
    pass_time(clock, HOLD + HOUR, shelter, mission, clinic)
    await settle(*chain)
    direct, passed = matrix(shelter, given.case_id).rows
    assert {cell.state for cell in direct.cells} == {"erased"}
    assert all(cell.stated_at and cell.backups_expire for cell in direct.cells)
    # The clinic's own statement went to the mission; the mission tells the origin what it said.
    assert passed.state == "erased"
    case = case_of(mission, sent)
    again = mission.give_consent(case, clinic)
    with pytest.raises(RefusedError) as refused:
        mission.refer(case, again, clinic, onward=permission.id)
    assert refused.value.reason == "withdrawn"


async def test_a_part_that_is_withdrawn_goes_on_to_nobody(chain: Chain) -> None:
    shelter, mission, clinic = chain
    sent, given, permission = await passed_to_mission(chain)
    forwarded, _own = pass_on(mission, sent, clinic, permission)
    await settle(*chain)
    clinic.act(referrals.accept, forwarded.id)
    await settle(*chain)
    withdraw(shelter, given, scopes=("identity",))
    await settle(*chain)
    assert shown(clinic, forwarded.id) == {"services", "demographics"}
    case = case_of(mission, sent)
    fresh = mission.give_consent(case, clinic)
    offering = Offering(case.id, fresh.id, "MED-SCREEN", "urgent", onward=permission.id)
    found = preview_of(mission, offering, clinic)
    assert "identity" not in {line.scope for line in (*found.at_offer, *found.on_acceptance)}


async def test_what_is_withdrawn_for_a_purpose_is_passed_on_for_no_such_service(chain: Chain) -> None:
    shelter, mission, clinic = chain
    sent, given, permission = await passed_to_mission(chain)
    withdraw(shelter, given, purposes=("return",))
    await settle(*chain)
    forwarded, own = pass_on(mission, sent, clinic, permission)
    with mission.node.works.read(SYSTEM) as work:
        assert consents.kept_grant(work, forwarded.grant_id).grant.purposes == ("assistance",)
    case = case_of(mission, sent)
    # Neither under the grant that there is, nor under a new one.
    for said in (own, mission.give_consent(case, clinic)):
        offering = Offering(case.id, said.id, "TRN-ASSIST", "urgent", onward=permission.id)
        with pytest.raises(RefusedError) as shown_first:
            preview_of(mission, offering, clinic)
        with pytest.raises(RefusedError) as refused:
            mission.refer(case, said, clinic, onward=permission.id, service="TRN-ASSIST")
        assert shown_first.value.reason == refused.value.reason == "onward-purpose"


async def test_passing_on_can_end_alone(chain: Chain, clock: SetClock) -> None:
    shelter, mission, clinic = chain
    sent, given, permission = await passed_to_mission(chain)
    forwarded, _own = pass_on(mission, sent, clinic, permission)
    await settle(*chain)
    clinic.act(referrals.accept, forwarded.id)
    await settle(*chain)
    with shelter.node.works.write(NOBODY) as work, pytest.raises(ForbiddenError):
        withdrawals.withdraw_onward(work, permission.id)
    with shelter.node.works.write(SYSTEM) as work, pytest.raises(NotFoundError):
        withdrawals.withdraw_onward(work, new_id())
    with shelter.node.works.write(SYSTEM) as work:
        withdrawals.withdraw_onward(work, permission.id)
    with shelter.node.works.write(SYSTEM) as work, pytest.raises(ConflictError):
        withdrawals.withdraw_onward(work, permission.id)
    await settle(*chain)
    assert shown(clinic, forwarded.id) == set()
    assert "identity" in shown(mission, sent.id)
    # The receipt is the answer: nobody's silence is escalated.
    pass_time(clock, timedelta(hours=80), shelter, mission, clinic)
    (one,) = asked(shelter, given)
    assert (one.notice.outcome, one.notice.overdue_at) == ("taken-in", None)


async def test_a_consent_narrowed_to_no_passing_on_ends_its_permissions(chain: Chain) -> None:
    shelter, mission, clinic = chain
    sent, given, permission = await passed_to_mission(chain)
    with shelter.node.works.write(SYSTEM) as work:
        narrow_consent(work, given.id, replace(given.terms, is_onward_allowed=False))
    await settle(*chain)
    with pytest.raises(RefusedError) as refused:
        pass_on(mission, sent, clinic, permission)
    assert refused.value.reason == "withdrawn"


async def test_who_is_withdrawn_is_reached_down_the_chain_and_gets_it_from_nobody_else(chain: Chain) -> None:
    shelter, mission, clinic = chain
    kinds = tuple(Recipient(node=each.id.hex()) for each in (mission, clinic))
    for recipients in (kinds, (kinds[0], Recipient("", "NGO"))):
        sent, given, permission = await passed_to_mission(chain, recipients=recipients)
        forwarded, _own = pass_on(mission, sent, clinic, permission)
        await settle(*chain)
        clinic.act(referrals.accept, forwarded.id)
        await settle(*chain)
        assert shown(clinic, forwarded.id)
        (notice,) = withdraw(shelter, given, recipients=(clinic.id.hex(),))
        assert (notice.peer, notice.grants) == (mission.id, ())
        await settle(*chain)
        assert shown(clinic, forwarded.id) == set()
        assert "identity" in shown(mission, sent.id)
        with pytest.raises(RefusedError) as refused:
            pass_on(mission, sent, clinic, permission)
        assert refused.value.reason == "withdrawn"
        # Nor can another permission name them.
        with pytest.raises(RefusedError) as again:
            permit(shelter, given, mission)
        assert again.value.reason == "onward-recipient"


@pytest.mark.parametrize("words", ["recipients", "withheld", "is_onward_allowed"])
async def test_a_newer_version_ends_the_permissions_that_reach_further(chain: Chain, words: str) -> None:
    shelter, mission, clinic = chain
    sent, given, permission = await passed_to_mission(chain)
    with shelter.node.works.write(SYSTEM) as work:
        longer = replace(given.terms, expires=given.terms.expires + HOUR)
        renewed = renew_consent(work, given.id, longer)
    await settle(*chain)
    pass_on(mission, sent, clinic, permission)
    newer = {
        "recipients": given.terms.recipients[:1],
        "withheld": (Withheld("medical", ("conditions",), clinic.id.hex()),),
        "is_onward_allowed": False,
    }
    with shelter.node.works.write(SYSTEM) as work:
        narrow_consent(work, renewed.id, replace(longer, **{words: newer[words]}))  # type: ignore[arg-type]
    await settle(*chain)
    with pytest.raises(RefusedError) as refused:
        pass_on(mission, sent, clinic, permission)
    assert refused.value.reason == "withdrawn"


async def test_a_withdrawal_that_overtakes_its_permission_still_counts(chain: Chain) -> None:
    shelter, mission, clinic = chain
    sent, given = await refer_and_accept(shelter, mission, agree(shelter, mission, clinic))
    permission = permit(shelter, given, mission)
    with shelter.node.works.write(SYSTEM) as work:
        withdrawals.withdraw_onward(work, permission.id)
    await settle(*chain)
    with pytest.raises(RefusedError) as refused:
        pass_on(mission, sent, clinic, permission)
    assert refused.value.reason == "withdrawn"


async def test_the_matrix_is_for_who_reads_consents_and_says_when_nothing_was_disclosed_yet(
    chain: Chain,
) -> None:
    shelter, mission, _clinic = chain
    case = shelter.open_case()
    given = shelter.give_consent(case, mission)
    with shelter.node.works.read(NOBODY) as work, pytest.raises(ForbiddenError):
        withdrawals.matrix_of_case(work, case.id)
    assert matrix(shelter, case.id).rows == ()
    shelter.refer(case, given, mission)
    (row,) = matrix(shelter, case.id).rows
    states = {cell.scope: cell.state for cell in row.cells}
    assert states["medical"] == "not-yet"
    assert states["services"] == "held"
    assert row.until == given.terms.expires


@pytest.mark.parametrize("restored", [0, 1], ids=["origin", "holder"])
async def test_after_a_restore_permissions_and_what_was_told_come_back(
    chain: Chain, wire: Wire, clock: SetClock, restored: int
) -> None:
    shelter, mission, clinic = chain
    sent, given = await refer_and_accept(shelter, mission, agree(shelter, mission, clinic))
    back_up(chain[restored])
    permission = permit(shelter, given, mission)
    await settle(*chain)
    forwarded, _own = pass_on(mission, sent, clinic, permission)
    await settle(*chain)
    clinic.act(referrals.accept, forwarded.id)
    await settle(*chain)
    restore_older_database(chain[restored], wire, ("shelter", "mission")[restored])
    for _ in range(8):
        clock.moment += timedelta(minutes=1)
        await settle(*chain)
    with mission.node.works.read(SYSTEM) as work:
        (told,) = onward_store.passings(work.connection, "out", [permission.id])
        assert onward_store.find_permission(work.connection, permission.id, way="in") is not None
    assert told.recipient == clinic.id
    assert matrix(shelter, given.case_id).rows[1].node == clinic.id
    # A withdrawal still names the permission, and still goes down the chain.
    (notice,) = withdraw(shelter, given)
    said = Signed.from_line(notice.signed).content
    assert isinstance(said, Withdrawal)
    assert said.onward == (permission.id,)
    await settle(*chain)
    assert shown(clinic, forwarded.id) == set()
