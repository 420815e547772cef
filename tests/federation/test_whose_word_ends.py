"""Who may end what: the issuer alone, floods wait for people, and a withdrawal goes down the chain."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update
from tests.federation.endings import (
    ADMINISTRATOR,
    HOLD,
    HOUR,
    SUPERVISOR,
    alarms_at,
    asked,
    endings_at,
    pass_time,
    refer_and_accept,
    shown,
    withdraw,
)
from tests.federation.neighbours import SHARED, settle
from tests.federation.speaking import answer_to, carried, grant_of, say, withdrawal_by

from iars_node.cases import service as cases
from iars_node.consent import store as consent_store
from iars_node.consent.tables import consent_grant
from iars_node.db import new_id
from iars_node.errors import ForbiddenError
from iars_node.referrals import service as referrals
from iars_node.vault.identity import identity_of
from iars_node.withdrawals import service as withdrawals
from iars_node.work import SYSTEM
from iars_protocol.consent import sign
from iars_protocol.messages.consent import ErasureReport

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.federation.neighbours import Neighbour

    from iars_node.clock import SetClock


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
