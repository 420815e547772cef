from __future__ import annotations

import shutil
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.conftest import PASSPHRASE
from tests.federation.neighbours import Neighbour, Wire, settle

from iars_node.audit import store as audit_store
from iars_node.errors import RefusedError
from iars_node.exchange.restoring import mark_restored
from iars_node.node import build_node
from iars_node.referrals import service as referrals
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable

    from iars_node.clock import SetClock


def restore_older_database(neighbour: Neighbour, wire: Wire, name: str) -> Neighbour:
    """Put yesterday's database back in the place of today's; the key store stays today's."""
    old = neighbour.node
    folder = old.settings.folder
    old.close()
    shutil.copy(folder / "yesterday.sqlite", folder / "node.sqlite")
    for leftover in ("node.sqlite-wal", "node.sqlite-shm"):
        (folder / leftover).unlink(missing_ok=True)
    node = build_node(old.settings, clock=old.clock, transport=wire)
    node.vault.unlock(PASSPHRASE)
    wire.nodes[name] = node
    neighbour.node = node
    with node.works.write(SYSTEM) as work:
        mark_restored(work)
    return neighbour


def back_up(neighbour: Neighbour) -> None:
    folder = neighbour.node.settings.folder
    with neighbour.node.database.engine.connect() as connection:
        connection.exec_driver_sql(f"VACUUM INTO '{folder / 'yesterday.sqlite'}'")


def actions(neighbour: Neighbour) -> set[str]:
    with neighbour.node.works.read(SYSTEM) as work:
        return {event.event.action for event in audit_store.every(work.connection)}


@pytest.mark.parametrize("node_database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("restored", ["shelter", "mission"])
async def test_a_node_restored_from_yesterdays_backup_gets_back_what_both_once_had(
    neighbours: Callable[..., list[Neighbour]], wire: Wire, clock: SetClock, restored: str
) -> None:
    shelter, mission = neighbours("shelter", "mission")
    sides = {"shelter": shelter, "mission": mission}
    case = shelter.open_case()
    given = shelter.give_consent(case, mission)
    early = shelter.refer(case, given, mission)
    await settle(shelter, mission)
    back_up(sides[restored])
    mission.act(referrals.accept, early.id)
    await settle(shelter, mission)
    mission.act(referrals.begin, early.id)
    late = shelter.refer(case, given, mission, service="MED-CARE")
    await settle(shelter, mission)
    mission.act(referrals.accept, late.id)
    await settle(shelter, mission)

    restore_older_database(sides[restored], wire, restored)
    for _ in range(8):
        clock.moment += timedelta(minutes=1)
        await settle(shelter, mission)

    for sent in (early, late):
        ours, theirs = shelter.history(sent.id), mission.history(sent.id)
        assert referrals.differences(ours, theirs) == []
    assert shelter.referral(early.id).state == mission.referral(early.id).state == "in-progress"
    assert shelter.referral(late.id).state == mission.referral(late.id).state == "accepted"
    assert mission.referral(late.id).is_disclosed
    assert "exchange.resync-asked" in actions(sides[restored])
    assert {"exchange.resync-answered", "exchange.restored-peer"} <= actions(
        mission if restored == "shelter" else shelter
    )
    mission.act(referrals.complete, late.id)
    await settle(shelter, mission)
    assert shelter.referral(late.id).state == "completed"


@pytest.mark.parametrize("node_database_url", ["sqlite"], indirect=True)
async def test_a_restored_node_signs_nothing_before_its_peer_answered(
    neighbours: Callable[..., list[Neighbour]], wire: Wire
) -> None:
    shelter, mission = neighbours("shelter", "mission")
    case = shelter.open_case()
    given = shelter.give_consent(case, mission)
    back_up(shelter)
    restore_older_database(shelter, wire, "shelter")
    with pytest.raises(RefusedError) as refusal:
        shelter.refer(case, given, mission)
    assert refusal.value.reason == "restoring"
    await settle(shelter, mission)
    assert shelter.refer(case, given, mission).state == "requested"
