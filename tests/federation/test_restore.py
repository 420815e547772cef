from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import delete
from tests.federation.neighbours import Neighbour, Wire, settle
from tests.federation.yesterday import actions, back_up, restore_older_database

from iars_node.errors import RefusedError
from iars_node.exchange import hop, outbox
from iars_node.exchange.restoring import awaited
from iars_node.exchange.sending import PATH
from iars_node.exchange.tables import outbox as outbox_table
from iars_node.referrals import service as referrals
from iars_node.vault.identity import identity_of
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable

    from iars_node.clock import SetClock


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


async def test_the_longest_message_that_can_be_sent_can_also_be_given_back(
    neighbours: Callable[..., list[Neighbour]], wire: Wire, clock: SetClock
) -> None:
    shelter, mission = neighbours("shelter", "mission")
    back_up(mission)
    case = shelter.open_case()
    sentences = [("services", f"{number:02}" + "x" * 19_998) for number in range(39)]
    sentences.append(("services", "y" * 5_000))
    sent = shelter.refer(case, shelter.give_consent(case, mission), mission, texts=sentences)
    await settle(shelter, mission)
    restore_older_database(mission, wire, "mission")
    for _ in range(4):
        clock.moment += timedelta(minutes=1)
        await settle(shelter, mission)
    assert referrals.differences(shelter.history(sent.id), mission.history(sent.id)) == []


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


async def settle_slowly(clock: SetClock, *neighbours: Neighbour) -> None:
    """Let everybody send, and send again after the pauses."""
    for _ in range(6):
        clock.moment += timedelta(minutes=1)
        await settle(*neighbours)


async def test_the_answer_does_not_wait_behind_what_a_restored_node_must_refuse(
    neighbours: Callable[..., list[Neighbour]], wire: Wire, clock: SetClock
) -> None:
    shelter, mission = neighbours("shelter", "mission")
    case = shelter.open_case()
    sent = shelter.refer(case, shelter.give_consent(case, mission), mission)
    await settle(shelter, mission)
    back_up(mission)
    wire.disturb = lambda _direction, _body: None
    for number in range(60):
        shelter.act(referrals.write_note, sent.id, [("services", f"note {number}")])
    wire.disturb = lambda _direction, body: body
    restore_older_database(mission, wire, "mission")
    await settle_slowly(clock, shelter, mission)
    ours, theirs = shelter.history(sent.id), mission.history(sent.id)
    assert referrals.differences(ours, theirs) == []
    assert len(theirs.chains[shelter.id.hex()]) == 61


async def test_what_was_answered_though_its_receipt_was_lost_comes_back_first(
    neighbours: Callable[..., list[Neighbour]], wire: Wire, clock: SetClock
) -> None:
    shelter, mission = neighbours("shelter", "mission")
    back_up(mission)
    case = shelter.open_case()
    wire.disturb = lambda direction, body: body if direction == "request" else None
    sent = shelter.refer(case, shelter.give_consent(case, mission), mission)
    await shelter.send(mission)
    mission.act(referrals.accept, sent.id)
    await mission.send(shelter)
    wire.disturb = lambda _direction, body: body
    restore_older_database(mission, wire, "mission")
    await settle_slowly(clock, shelter, mission)
    assert referrals.differences(shelter.history(sent.id), mission.history(sent.id)) == []
    taken = mission.referral(sent.id)
    assert (taken.state, bool(taken.case_id), taken.is_disclosed) == ("accepted", True, True)


async def test_a_referral_whose_content_its_receiver_erased_comes_back_without_it(
    neighbours: Callable[..., list[Neighbour]], wire: Wire, clock: SetClock
) -> None:
    shelter, mission = neighbours("shelter", "mission")
    case = shelter.open_case()
    given = shelter.give_consent(case, mission)
    back_up(shelter)
    sent = shelter.refer(case, given, mission)
    await settle(shelter, mission)
    mission.act(referrals.reject, sent.id, "no-capacity")
    mission.run_jobs()
    await settle(shelter, mission)
    restore_older_database(shelter, wire, "shelter")
    await settle_slowly(clock, shelter, mission)
    assert referrals.differences(shelter.history(sent.id), mission.history(sent.id)) == []
    back = shelter.referral(sent.id)
    assert (back.state, back.reason, back.problem) == ("rejected", "no-capacity", "")
    with shelter.node.works.read(SYSTEM) as work:
        offer = referrals.timeline(work, sent.id)[0]
    assert (offer.is_erased, offer.scopes) == (True, ())


async def lose(sender: Neighbour, receiver: Neighbour, wire: Wire) -> bytes:
    """Let a request leave that does not arrive, and return it."""
    lost: list[bytes] = []
    wire.disturb = lambda _direction, body: lost.append(body)
    await sender.send(receiver)
    wire.disturb = lambda _direction, body: body
    (body,) = lost
    return body


async def hand_over(sender: Neighbour, receiver: Neighbour, body: bytes, clock: SetClock) -> None:
    """Let a request arrive that was made earlier."""
    identity = identity_of(sender.node.vault)
    headers = hop.sign_request(
        identity.hop, method="POST", path=PATH, body=body, recipient=receiver.id, now=clock.moment
    )
    await receiver.node.reception.receive({name.lower(): value for name, value in headers.items()}, body)


async def test_what_comes_late_from_before_a_restore_is_refused(
    neighbours: Callable[..., list[Neighbour]], wire: Wire, clock: SetClock
) -> None:
    shelter, mission = neighbours("shelter", "mission")
    case = shelter.open_case()
    sent = shelter.refer(case, shelter.give_consent(case, mission), mission)
    await settle(shelter, mission)
    mission.act(referrals.write_note, sent.id, [("services", "remembered")])
    await settle(shelter, mission)
    back_up(mission)
    mission.act(referrals.write_note, sent.id, [("services", "forgotten")])
    late = await lose(mission, shelter, wire)
    restore_older_database(mission, wire, "mission")
    await settle_slowly(clock, shelter, mission)
    await hand_over(mission, shelter, late, clock)
    assert "exchange.refused" in actions(shelter)
    mission.act(referrals.accept, sent.id)
    await settle_slowly(clock, shelter, mission)
    assert referrals.differences(shelter.history(sent.id), mission.history(sent.id)) == []


async def test_what_was_overtaken_and_forgotten_is_refused_when_it_comes_after_all(
    neighbours: Callable[..., list[Neighbour]], wire: Wire, clock: SetClock
) -> None:
    shelter, mission = neighbours("shelter", "mission")
    case = shelter.open_case()
    given = shelter.give_consent(case, mission)
    first, second = shelter.refer(case, given, mission), shelter.refer(case, given, mission)
    await settle(shelter, mission)
    back_up(mission)
    mission.act(referrals.write_note, first.id, [("services", "overtaken")])
    late = await lose(mission, shelter, wire)
    with mission.node.works.write(SYSTEM) as work:
        # It stays on the line, and its author is put back before it could send it again.
        work.connection.execute(delete(outbox_table).where(outbox_table.c.thread == first.thread))
    mission.act(referrals.write_note, second.id, [("services", "in time")])
    in_time: list[bytes] = []

    def note(direction: str, body: bytes) -> bytes:
        if direction == "request":
            in_time.append(body)
        return body

    wire.disturb = note
    await settle_slowly(clock, shelter, mission)
    wire.disturb = lambda _direction, body: body
    assert shelter.history(second.id).chains[mission.id.hex()]
    restore_older_database(mission, wire, "mission")
    await settle_slowly(clock, shelter, mission)
    assert "exchange.refused" not in actions(shelter)
    await hand_over(mission, shelter, late, clock)
    assert "exchange.refused" in actions(shelter)
    # What was taken in before is answered as it was then, though its author had forgotten it as well.
    await hand_over(mission, shelter, in_time[0], clock)
    assert "exchange.duplicate" in actions(shelter)
    for sent in (first, second):
        assert referrals.differences(shelter.history(sent.id), mission.history(sent.id)) == []


async def test_an_acceptance_that_comes_back_discloses_what_waited_for_it(
    neighbours: Callable[..., list[Neighbour]], wire: Wire, clock: SetClock
) -> None:
    shelter, mission = neighbours("shelter", "mission")
    case = shelter.open_case()
    sent = shelter.refer(case, shelter.give_consent(case, mission), mission)
    await settle(shelter, mission)
    back_up(shelter)
    mission.act(referrals.accept, sent.id)
    await mission.send(shelter)
    restore_older_database(shelter, wire, "shelter")
    await settle_slowly(clock, shelter, mission)
    assert referrals.differences(shelter.history(sent.id), mission.history(sent.id)) == []
    assert shelter.referral(sent.id).problem == ""
    assert mission.referral(sent.id).is_disclosed


async def test_a_restored_node_asks_again_whoever_stays_silent_and_is_answered_once(
    neighbours: Callable[..., list[Neighbour]], wire: Wire, clock: SetClock
) -> None:
    shelter, mission = neighbours("shelter", "mission")
    case = shelter.open_case()
    given = shelter.give_consent(case, mission)
    back_up(mission)
    shelter.refer(case, given, mission)
    await settle(shelter, mission)
    restore_older_database(mission, wire, "mission")
    await mission.send(shelter)
    # The shelter's answer waits, and its pauses have grown long: the line was down for a while.
    with shelter.node.works.write(SYSTEM) as work:
        held = outbox.take_route(work, mission.id, "another", timedelta(seconds=1))
        assert held is not None
        outbox.note_failure(work, replace(held, failures=12), "connection")
        outbox.give_route_back(work, held)
    with shelter.node.works.read(SYSTEM) as work:
        assert outbox.due_peers(work.connection, work.now, "any") == []
    mission.run_jobs()
    assert not waits(mission, shelter)
    clock.moment += timedelta(minutes=2)
    mission.run_jobs()
    assert waits(mission, shelter)
    await mission.send(shelter)
    with shelter.node.works.read(SYSTEM) as work:
        assert outbox.due_peers(work.connection, work.now, "any") == [mission.id]
        assert len(outbox.next_lines(work.connection, mission.id, work.now, most=10)) == 1
    await settle(shelter, mission)
    with mission.node.works.read(SYSTEM) as work:
        assert awaited(work) == set()


def waits(one: Neighbour, other: Neighbour) -> bool:
    """Say whether something waits to be sent."""
    with one.node.works.read(SYSTEM) as work:
        return bool(outbox.next_lines(work.connection, other.id, work.now, most=1))
