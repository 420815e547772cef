"""What became of a person who was passed on reaches the origin, also one that can't be told at first."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.federation.chain import case_of, matrix, pass_on, passed_to_mission
from tests.federation.endings import alarms_at, pass_time, withdraw
from tests.federation.neighbours import settle
from tests.federation.yesterday import back_up, restore_older_database

from iars_node.audit import store as audit_store
from iars_node.audit.model import AuditFilter
from iars_node.peers import service as peers
from iars_node.referrals import service as referrals
from iars_node.work import SYSTEM
from iars_protocol.keys import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.federation.neighbours import Neighbour, Wire

    from iars_node.clock import SetClock
    from iars_node.consent.model import Consent
    from iars_node.referrals.model import Referral

    Chain = tuple[Neighbour, Neighbour, Neighbour]

HOLD = timedelta(hours=49)
UNTOLD = "consent.outcome-untold"


@pytest.fixture
def chain(neighbours: Callable[..., list[Neighbour]]) -> Chain:
    """A shelter that refers to a mission, and a clinic to which the mission may pass people on."""
    shelter, mission, clinic = neighbours("shelter", "mission", "clinic")
    return shelter, mission, clinic


async def withdrawn_down_the_chain(chain: Chain) -> tuple[Referral, Consent]:
    """Pass a person on, and let the withdrawal of it reach the clinic."""
    shelter, mission, clinic = chain
    sent, given, permission = await passed_to_mission(chain)
    forwarded, _own = pass_on(mission, sent, clinic, permission)
    await settle(*chain)
    clinic.act(referrals.accept, forwarded.id)
    await settle(*chain)
    withdraw(shelter, given)
    await settle(*chain)
    return sent, given


def untold_at(side: Neighbour, sent: Referral) -> list[bytes]:
    return [row.untold_to for row in matrix(side, case_of(side, sent).id).rows if row.onward_id]


def verify(side: Neighbour, peer: Neighbour) -> None:
    with side.node.works.write(SYSTEM) as work:
        peers.verify_peer(work, peer.id, fingerprint(peer.id))


async def test_an_origin_that_is_blocked_is_told_when_it_is_verified_again_and_people_see_it_meanwhile(
    chain: Chain, clock: SetClock
) -> None:
    shelter, mission, clinic = chain
    sent, given = await withdrawn_down_the_chain(chain)
    with mission.node.works.write(SYSTEM) as work:
        peers.block_peer(work, shelter.id)
    pass_time(clock, HOLD, clinic)
    await settle(mission, clinic)
    assert alarms_at(mission).count(UNTOLD) == 1
    assert untold_at(mission, sent) == [shelter.id]
    with mission.node.works.read(SYSTEM) as work:
        found = audit_store.page(work.connection, AuditFilter(action="consent.onward-untold")).events
    assert [each.event.peer_id for each in found] == [shelter.id.hex()]
    # However often it is tried: one alarm, and nothing is lost.
    pass_time(clock, timedelta(days=3), mission)
    assert alarms_at(mission).count(UNTOLD) == 1
    verify(mission, shelter)
    pass_time(clock, timedelta(minutes=20), mission)
    await settle(*chain)
    assert matrix(shelter, given.case_id).rows[1].state == "erased"
    assert untold_at(mission, sent) == [b""]
    assert UNTOLD not in alarms_at(mission)


async def test_an_origin_that_knows_it_is_told_nothing_twice(chain: Chain, clock: SetClock) -> None:
    shelter, mission, clinic = chain
    sent, given = await withdrawn_down_the_chain(chain)
    pass_time(clock, HOLD, *chain)
    await settle(*chain)
    assert matrix(shelter, given.case_id).rows[1].state == "erased"
    assert untold_at(mission, sent) == [b""]
    before = _notices(mission)
    pass_time(clock, timedelta(hours=2), *chain)
    await settle(*chain)
    assert _notices(mission) == before
    assert clinic.id != shelter.id


def _notices(side: Neighbour) -> int:
    with side.node.works.read(SYSTEM) as work:
        found = work.connection.exec_driver_sql(
            "SELECT id FROM message WHERE type = 'onward.notice/1' AND direction = 'out'"
        )
        return len(found.all())


@pytest.mark.parametrize("node_database_url", ["sqlite"], indirect=True)
async def test_nothing_is_signed_for_an_origin_that_is_silent_after_a_restore_and_it_is_told_later(
    chain: Chain, wire: Wire, clock: SetClock
) -> None:
    shelter, mission, clinic = chain
    sent, given = await withdrawn_down_the_chain(chain)
    back_up(mission)
    restore_older_database(mission, wire, "mission")
    # The clinic answers, the shelter is away.
    del wire.nodes["shelter"]
    for _ in range(8):
        clock.moment += timedelta(minutes=1)
        await settle(mission, clinic)
    pass_time(clock, HOLD, clinic, mission)
    await settle(mission, clinic)
    assert untold_at(mission, sent) == [shelter.id]
    assert UNTOLD not in alarms_at(mission)
    pass_time(clock, timedelta(days=1), mission)
    assert UNTOLD in alarms_at(mission)
    wire.nodes["shelter"] = shelter.node
    for _ in range(8):
        clock.moment += timedelta(minutes=15)
        await settle(*chain)
        mission.run_jobs()
    await settle(*chain)
    assert matrix(shelter, given.case_id).rows[1].state == "erased"
    assert untold_at(mission, sent) == [b""]
