"""Witnesses: who is asked when, what they cosign, and what is kept of it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from tests.federation.neighbours import Neighbour, Wire, settle
from tests.federation.witnessing import (
    HOUR,
    ON_SQLITE,
    POLICY,
    Pair,
    audit_alarms,
    be_witnessed,
    cosigned_sizes,
    happen,
    log_size,
    show,
    sign,
)
from tests.federation.yesterday import actions

from iars_node.audit import known_heads, log_store, sequencing
from iars_node.exchange.tables import message
from iars_node.jobs.store import open_job
from iars_node.vault.identity import identity_of
from iars_node.witness import store
from iars_node.witness.exporting import with_cosignatures
from iars_node.witness.jobs import WITNESS_JOB
from iars_node.witness.model import Policy
from iars_node.witness.service import FORGOTTEN_AFTER, forget_old_messages
from iars_node.work import SYSTEM
from iars_protocol.checkpoint import (
    read_note,
    verify_checkpoint,
    verify_cosignature,
)
from iars_protocol.messages.checkpoint import SubmitCheckpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from iars_node.clock import SetClock


@ON_SQLITE
async def test_nothing_is_shown_before_a_head_is_signed(pair: Pair) -> None:
    shelter, _mission = pair
    happen(shelter)
    assert show(shelter) == 0
    with shelter.node.works.write(SYSTEM) as work:
        sequencing.sequence(work)
    assert show(shelter) == 0


async def test_a_witness_cosigns_what_continues_what_it_saw(pair: Pair) -> None:
    shelter, mission = pair
    for _ in range(3):
        happen(shelter, 5)
        assert await be_witnessed(shelter, mission) == 1
    sizes = cosigned_sizes(shelter)
    assert len(sizes) == 3
    assert sizes == sorted(sizes)
    with shelter.node.works.read(SYSTEM) as work:
        [first, *_] = log_store.logs(work.connection)
        stored = log_store.checkpoint_at(work.connection, first.number, sizes[-1])
        assert stored is not None
        last = log_store.cosignatures(work.connection, first.number)[-1]
        head = work.vault.document(known_heads.LOG_HEAD)
    assert head == stored.note
    with mission.node.works.read(SYSTEM) as work:
        [held] = store.held_logs(work.connection, shelter.id)
        mission_history = identity_of(work.vault).history
    note = read_note(held.note)
    verify_checkpoint(note, identity_of(shelter.node.vault).history)
    assert note.checkpoint.size == sizes[-1]
    whole = with_cosignatures(stored, [last], {mission.id: mission_history})
    assert verify_cosignature(whole, mission_history) == int(last.at.timestamp())
    assert audit_alarms(shelter) == audit_alarms(mission) == set()
    assert "audit.witnessed" in actions(shelter)
    assert "audit.cosigned" in actions(mission)


async def test_witnesses_are_not_asked_for_what_asking_itself_has_written(
    pair: Pair, clock: SetClock
) -> None:
    shelter, mission = pair
    await be_witnessed(shelter, mission)
    before = log_size(shelter)
    clock.moment += HOUR
    sign(shelter)
    assert log_size(shelter) > before
    assert show(shelter) == 0
    assert show(shelter, now=True) == 1
    await settle(shelter, mission)
    sign(shelter)
    clock.moment += POLICY.quiet_every
    # Once a day they are, so that a log in which nothing happens is seen to be unchanged.
    assert show(shelter) == 1


@ON_SQLITE
async def test_no_more_witnesses_are_asked_than_the_settings_say(
    neighbours: Callable[..., list[Neighbour]],
) -> None:
    shelter, mission, clinic = neighbours("shelter", "mission", "clinic")
    happen(shelter)
    sign(shelter)
    assert show(shelter, Policy(witnesses=0)) == 0
    assert show(shelter, Policy(witnesses=1)) == 1
    await settle(shelter, mission, clinic)
    assert len(cosigned_sizes(shelter)) == 1
    assert show(shelter, Policy(witnesses=2)) == 1
    await settle(shelter, mission, clinic)
    assert len(cosigned_sizes(shelter)) == 2


async def test_a_witness_that_stays_away_is_an_alarm_and_asked_one_question(
    pair: Pair, wire: Wire, clock: SetClock
) -> None:
    shelter, mission = pair
    node = wire.nodes.pop("mission")
    happen(shelter)
    sign(shelter)
    assert show(shelter) == 1
    for _ in range(3):
        clock.moment += timedelta(days=1)
        happen(shelter)
        sign(shelter)
        assert show(shelter) == 0
    assert audit_alarms(shelter) == {"audit.witness-missing"}
    # Nothing else waits for it.
    case = shelter.open_case()
    assert shelter.refer(case, shelter.give_consent(case, mission), mission).state == "requested"
    wire.nodes["mission"] = node
    clock.moment += HOUR
    await settle(shelter, mission)
    assert len(cosigned_sizes(shelter)) == 1


async def test_a_witness_whose_answer_was_lost_is_asked_again_and_says_how_far_it_is(
    pair: Pair, clock: SetClock
) -> None:
    shelter, mission = pair
    await be_witnessed(shelter, mission)
    await be_witnessed(shelter, mission)
    with shelter.node.works.write(SYSTEM) as work:
        # As if the last answer had never come.
        store.set_witness(work, mission.id, size=1, asked=bytes(32), asked_at=work.now)
    happen(shelter)
    sign(shelter)
    assert show(shelter) == 0
    clock.moment += POLICY.quiet_every
    assert show(shelter) == 1
    await settle(shelter, mission)
    assert cosigned_sizes(shelter)[-1] == log_size(shelter)
    assert audit_alarms(shelter) == audit_alarms(mission) == set()


def messages_about_logs(side: Neighbour) -> int:
    with side.node.works.read(SYSTEM) as work:
        count = select(func.count()).where(message.c.type.like("checkpoint.%"))
        return int(work.connection.execute(count).scalar_one())


async def test_messages_about_logs_are_forgotten_when_nobody_can_ask_for_them(
    pair: Pair, clock: SetClock
) -> None:
    shelter, mission = pair
    await be_witnessed(shelter, mission)
    for side in pair:
        assert messages_about_logs(side) == 2
    clock.moment += FORGOTTEN_AFTER - HOUR
    for side in pair:
        with side.node.works.write(SYSTEM) as work:
            assert forget_old_messages(work) == 0
    clock.moment += 2 * HOUR
    for side in pair:
        with side.node.works.write(SYSTEM) as work:
            assert forget_old_messages(work) == 2
        assert messages_about_logs(side) == 0
    # What they said is kept.
    assert len(cosigned_sizes(shelter)) == 1


async def test_the_head_is_shown_by_a_timer_of_its_own(pair: Pair, clock: SetClock) -> None:
    shelter, mission = pair
    happen(shelter)
    sign(shelter)
    shelter.run_jobs()
    await settle(shelter, mission)
    assert len(cosigned_sizes(shelter)) == 1
    with shelter.node.works.read(SYSTEM) as work:
        job = open_job(work.connection, WITNESS_JOB, "")
    assert job is not None
    wait = job.due_at - clock.moment
    assert POLICY.every * 0.75 <= wait <= POLICY.every * 1.26
    with mission.node.works.read(SYSTEM) as work:
        types = [row.type for row in work.connection.execute(message.select())]
    assert types.count(SubmitCheckpoint.type) == 1
