"""A database from before an erasure, put back: what it holds of it is taken out, and work goes on."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select
from tests.federation.endings import alarms_at, pass_time, record_of, shown, withdraw
from tests.federation.neighbours import PERSON, SHARED, Neighbour, Wire, settle
from tests.federation.yesterday import actions, back_up, put_back, restore_older_database

from iars_node.attachments.service import add_attachment
from iars_node.attachments.tables import attachment
from iars_node.cases import service as cases
from iars_node.cases.tables import case_content, note, search_word
from iars_node.exchange import messages
from iars_node.referrals import service as referrals
from iars_node.vault.content_keys import find_keys
from iars_node.withdrawals import store as withdrawals
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from iars_node.clock import SetClock

Pair = tuple[Neighbour, Neighbour]
HOLD = timedelta(hours=49)


def found_by_name(side: Neighbour) -> int:
    with side.node.works.read(SYSTEM) as work:
        return len(cases.search_cases(work, "Munteanu", country="AL").found)


def rows_under(side: Neighbour, key_ids: set[bytes]) -> dict[str, int]:
    """Return how much of what some keys seal, or sealed, lies in the database."""
    with side.node.works.read(SYSTEM) as work:
        held = {}
        for table in (search_word, note, attachment, case_content):
            rows = work.connection.execute(select(table).where(table.c.key_id.in_(key_ids))).mappings()
            held[table.name] = sum(bool(row.get("sealed", b"word")) for row in rows)
    return held


NOTHING = {"search_word": 0, "note": 0, "attachment": 0, "case_content": 0}


async def test_what_was_erased_since_the_backup_is_not_found_and_can_be_collected_anew(
    pair: Pair, wire: Wire
) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    stored = shelter.node.folder.write([b"a letter"], most=100)
    with shelter.node.works.write(SYSTEM) as work:
        cases.add_note(work, case.id, "medical", "Allergic to penicillin.")
        add_attachment(work, case.id, "medical", stored, name="letter.png", media_type="image/png")
        keys = {key.key_id for key in find_keys(work.connection, "case", case.id)}
    before = rows_under(shelter, keys)
    assert all(before.values())
    back_up(shelter)
    with shelter.node.works.write(SYSTEM) as work:
        cases.erase_content(work, case.id, "own")
    assert found_by_name(shelter) == 0

    put_back(shelter, wire, "shelter")
    # As it came: nothing of it opens, and yet it is there.
    assert rows_under(shelter, keys) == before
    restore_older_database(shelter, wire, "shelter")
    assert rows_under(shelter, keys) == NOTHING
    assert found_by_name(shelter) == 0
    assert "case.erased" in actions(shelter)
    await settle(shelter, mission)
    with shelter.node.works.write(SYSTEM) as work:
        cases.write_record(work, case.id, {"identity": PERSON["identity"]}, country="AL")
    assert found_by_name(shelter) == 1
    with shelter.node.works.read(SYSTEM) as work:
        fresh = {key.key_id for key in find_keys(work.connection, "case", case.id)}
    assert fresh
    assert not fresh & keys


async def test_what_came_under_a_grant_that_ended_since_stays_erased_whatever_a_peer_gives_back(
    pair: Pair, wire: Wire, clock: SetClock
) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    given = shelter.give_consent(case, mission)
    sent = shelter.refer(case, given, mission)
    await settle(shelter, mission)
    mission.act(referrals.accept, sent.id)
    await settle(shelter, mission)
    back_up(mission)
    with mission.node.works.read(SYSTEM) as work:
        held = find_keys(work.connection, "case", mission.referral(sent.id).case_id or "")
        keys = {key.key_id for key in held if key.source == mission.referral(sent.id).grant_id}
    assert {key.scope for key in held if key.source == mission.referral(sent.id).grant_id} >= set(SHARED)
    withdraw(shelter, given)
    await settle(shelter, mission)
    pass_time(clock, HOLD, shelter, mission)
    await settle(shelter, mission)
    restore_older_database(mission, wire, "mission")
    for _ in range(6):
        assert rows_under(mission, keys) == NOTHING
        assert shown(mission, sent.id) == set()
        assert record_of(mission, sent.id) == {}
        assert found_by_name(mission) == 0
        clock.moment += timedelta(minutes=1)
        await settle(shelter, mission)
    assert not keys & mission.node.vault.has_content_keys(keys)


def opens_of_offer(side: Neighbour, referral_id: str) -> list[bool]:
    """Say of each part of the offer that a node received whether its keys still open it."""
    with side.node.works.read(SYSTEM) as work:
        entry = referrals.timeline(work, referral_id)[0]
        parts = messages.open_parts(work.connection, work.vault, bytes.fromhex(entry.step.message))
    return [part is not None for part in parts]


@pytest.mark.parametrize("is_offer_known", [True, False], ids=["the offer is known", "the offer is lost"])
@pytest.mark.parametrize("is_erased", [True, False], ids=["it was erased and told", "its erasure was due"])
async def test_what_was_rejected_since_the_backup_is_erased_again_whatever_comes_back(
    pair: Pair, wire: Wire, clock: SetClock, *, is_offer_known: bool, is_erased: bool
) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    given = shelter.give_consent(case, mission)
    if not is_offer_known:
        back_up(mission)
    sent = shelter.refer(case, given, mission)
    await settle(shelter, mission)
    if is_offer_known:
        back_up(mission)
    mission.act(referrals.reject, sent.id, "no-capacity")
    await settle(shelter, mission)
    if is_erased:
        mission.run_jobs()
        await settle(shelter, mission)
    restore_older_database(mission, wire, "mission")
    for _ in range(6):
        clock.moment += timedelta(minutes=1)
        await settle(shelter, mission)
    back = mission.referral(sent.id)
    assert (back.state, back.reason) == ("rejected", "no-capacity")
    assert shown(mission, sent.id) == set()
    mission.run_jobs()
    assert opens_of_offer(mission, sent.id) == [True, True, False, False]
    await settle(shelter, mission)
    with shelter.node.works.read(SYSTEM) as work:
        told = withdrawals.reports_of_grant(work.connection, back.grant_id)
    assert {(each.referral_id, each.outcome) for each in told} == {(sent.id, "erased")}
    # What came back was held once more: it is destroyed, and told, for itself.
    assert len(told) == 1 + is_erased
    assert alarms_at(shelter) == ["peer.restored"]
