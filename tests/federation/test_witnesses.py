"""Nodes that witness each other's logs: consistent, behind, rolled back, forked, restored, absent."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import delete, func, select
from tests.federation.neighbours import Neighbour, Wire, settle
from tests.federation.yesterday import actions, back_up, restore_older_database

from iars_node import audit
from iars_node.audit import alarms, log_store, sequencing
from iars_node.audit import store as audit_store
from iars_node.audit.tables import audit_checkpoint, audit_cosignature, audit_log, audit_tile
from iars_node.exchange.tables import message
from iars_node.jobs.store import open_job
from iars_node.peers import service as peers
from iars_node.vault.identity import identity_of
from iars_node.witness import store
from iars_node.witness.exporting import with_cosignatures
from iars_node.witness.jobs import WITNESS_JOB
from iars_node.witness.model import Policy
from iars_node.witness.service import FORGOTTEN_AFTER, answer, forget_old_messages, show_head
from iars_node.witness.verifying import verify_log
from iars_node.work import SYSTEM
from iars_protocol.checkpoint import (
    Checkpoint,
    origin_of,
    read_note,
    sign_checkpoint,
    verify_checkpoint,
    verify_cosignature,
)
from iars_protocol.encoding import encode
from iars_protocol.messages.checkpoint import CosignCheckpoint, KnownCheckpoint, SubmitCheckpoint
from iars_protocol.receipt import read_signed_receipt
from iars_protocol.transparency import commitment, leaf_hash, tree_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from iars_node.clock import SetClock

Pair = tuple[Neighbour, Neighbour]
POLICY = Policy()
HOUR = timedelta(hours=1)
ON_SQLITE = pytest.mark.parametrize("node_database_url", ["sqlite"], indirect=True)
"""For what does not depend on the database."""


def happen(side: Neighbour, times: int = 1, action: str = "case.read") -> None:
    with side.node.works.write(SYSTEM) as work:
        audit.record_many(work, [audit.Entry(action)] * times)


def sign(side: Neighbour) -> None:
    sequencing.turn(side.node.works, timedelta(0))


def show(side: Neighbour, policy: Policy = POLICY, *, now: bool = False) -> int:
    with side.node.works.write(SYSTEM) as work:
        return show_head(work, policy, now=now)


async def be_witnessed(side: Neighbour, *others: Neighbour) -> int:
    happen(side)
    sign(side)
    shown = show(side)
    await settle(side, *others)
    return shown


def cosigned_sizes(side: Neighbour) -> list[int]:
    with side.node.works.read(SYSTEM) as work:
        newest = log_store.newest_log(work.connection)
        assert newest is not None
        return [each.size for each in log_store.cosignatures(work.connection, newest.number)]


def open_alarms(side: Neighbour) -> dict[str, int]:
    with side.node.works.read(SYSTEM) as work:
        return {alarm.kind: alarm.times for alarm in alarms.open_alarms(work.connection)}


def audit_alarms(side: Neighbour) -> set[str]:
    return {kind for kind in open_alarms(side) if kind.startswith("audit.")}


def log_size(side: Neighbour) -> int:
    with side.node.works.read(SYSTEM) as work:
        newest = log_store.newest_log(work.connection)
        assert newest is not None
        return newest.size


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
        head = work.vault.document(sequencing.LOG_HEAD)
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


def cut_back(side: Neighbour) -> None:
    """Do what a thief of the database does: take the log's end away, with everything that tells of it."""
    with side.node.works.write(SYSTEM) as work:
        for table in (audit_checkpoint, audit_cosignature, audit_tile, audit_log):
            connection = work.connection
            if table is audit_log:
                log_store.change_log(connection, 1, size=0, reached=0)
            else:
                connection.execute(delete(table))


async def test_a_log_that_is_put_back_is_seen_by_its_witness_and_told(pair: Pair, clock: SetClock) -> None:
    shelter, mission = pair
    await be_witnessed(shelter, mission)
    happen(shelter, 20)
    await be_witnessed(shelter, mission)
    cut_back(shelter)
    with shelter.node.works.write(SYSTEM) as work:
        # Nobody but who has the log's key can sign a smaller head; the node that does it can.
        newest = log_store.hold_newest_log(work)
        assert newest is not None
        entries = log_store.leaves_between(work.connection, 1, None, 3)
        sequencing._append(work, newest, entries)  # noqa: SLF001 - as a forger would
        sequencing.sign_head(work)
        store.set_witness(work, mission.id, size=0, asked_reached=0)
    clock.moment += HOUR
    assert show(shelter) == 1
    await settle(shelter, mission)
    assert audit_alarms(shelter) == audit_alarms(mission) == {"audit.rolled-back"}
    for side in pair:
        assert "audit.rollback-seen" in actions(side)
        with side.node.works.read(SYSTEM) as work:
            [kept] = store.evidence(work.connection)
            held, offered = read_note(kept["held"]), read_note(kept["offered"])
        assert kept["kind"] == "rolled-back"
        assert held.checkpoint.size > offered.checkpoint.size
        for note in (held, offered):
            verify_checkpoint(note, identity_of(shelter.node.vault).history)


async def test_a_log_that_was_rewritten_is_a_fork_that_both_sides_can_show(
    pair: Pair, clock: SetClock
) -> None:
    shelter, mission = pair
    happen(shelter, 4)
    await be_witnessed(shelter, mission)
    with shelter.node.works.write(SYSTEM) as work:
        numbers, leaves = zip(*log_store.leaves_between(work.connection, 1, None, 1000), strict=True)
        work.connection.execute(delete(audit_checkpoint))
        log_store.change_log(work.connection, 1, size=0)
        newest = log_store.hold_newest_log(work)
        assert newest is not None
        sequencing._append(work, newest, list(zip(numbers, [bytes(32), *leaves[1:]], strict=True)))  # noqa: SLF001 - as a forger would
        sequencing.sign_head(work)
    clock.moment += HOUR
    assert show(shelter, now=True) == 1
    await settle(shelter, mission)
    assert audit_alarms(shelter) == audit_alarms(mission) == {"audit.forked"}
    for side in pair:
        assert "audit.fork-seen" in actions(side)
        with side.node.works.read(SYSTEM) as work:
            [kept] = store.evidence(work.connection)
        held = verify_checkpoint(read_note(kept["held"]), identity_of(shelter.node.vault).history)
        offered = verify_checkpoint(read_note(kept["offered"]), identity_of(shelter.node.vault).history)
        assert held.root != offered.root
    assert cosigned_sizes(shelter) == [held.size]
    # Its own log does not hold at the one; at the other, what it has seen of it is a remark.
    for side, is_fault in ((shelter, True), (mission, False)):
        with side.node.works.read(SYSTEM) as work:
            found = verify_log(work).findings
        [seen] = [each for each in found if each.code == "seen-forked"]
        assert (seen.is_fault, seen.last) == (is_fault, held.size)


@ON_SQLITE
async def test_a_restored_log_begins_anew_and_names_what_its_witness_had_seen(
    neighbours: Callable[..., list[Neighbour]], wire: Wire, clock: SetClock
) -> None:
    shelter, mission = neighbours("shelter", "mission")
    happen(shelter, 3)
    await be_witnessed(shelter, mission)
    back_up(shelter)
    happen(shelter, 30)
    await be_witnessed(shelter, mission)
    seen = cosigned_sizes(shelter)[-1]
    restore_older_database(shelter, wire, "shelter")
    sign(shelter)
    assert show(shelter) == 0
    for _ in range(4):
        clock.moment += timedelta(minutes=1)
        await settle(shelter, mission)
    sign(shelter)
    with shelter.node.works.read(SYSTEM) as work:
        before, after = log_store.logs(work.connection)
        [opening] = audit_store.after(work.connection, after.opening - 1, 1)
    assert opening.event.action == "audit.origin-opened"
    assert opening.event.detail["previous"] == before.origin
    assert (opening.event.detail["size"], opening.event.detail["gap"]) == (seen, "known")
    assert opening.event.detail["kept"] == before.size < seen
    assert show(shelter) == 1
    await settle(shelter, mission)
    assert cosigned_sizes(shelter) != []
    assert "audit.restarted" in audit_alarms(mission)
    assert "audit.gap" not in audit_alarms(mission)
    with mission.node.works.read(SYSTEM) as work:
        assert [held.origin for held in store.held_logs(work.connection, shelter.id)] == [
            before.origin,
            after.origin,
        ]


@ON_SQLITE
async def test_a_witness_that_answers_too_late_tells_of_a_gap(
    neighbours: Callable[..., list[Neighbour]], wire: Wire, clock: SetClock
) -> None:
    shelter, mission = neighbours("shelter", "mission")
    await be_witnessed(shelter, mission)
    back_up(shelter)
    happen(shelter, 30)
    await be_witnessed(shelter, mission)
    node = wire.nodes.pop("mission")
    restore_older_database(shelter, wire, "shelter")
    # The key store is as old as the database: what it knew of the newest head is lost as well.
    with shelter.node.works.read(SYSTEM) as work:
        [known] = log_store.checkpoints(work.connection, 1)
    shelter.node.vault.store_document(sequencing.LOG_HEAD, known.note)
    clock.moment += HOUR
    sign(shelter)
    with shelter.node.works.read(SYSTEM) as work:
        _before, after = log_store.logs(work.connection)
        [opening] = audit_store.after(work.connection, after.opening - 1, 1)
    assert opening.event.detail["gap"] == "unknown"
    wire.nodes["mission"] = node
    for _ in range(6):
        clock.moment += HOUR
        await settle(shelter, mission)
        sign(shelter)
    assert "audit.gap-found" in actions(shelter)
    assert "audit.gap" in audit_alarms(shelter)
    show(shelter, now=True)
    await settle(shelter, mission)
    # The new log names less than the witness had cosigned: it says so on its side too.
    assert "audit.gap" in audit_alarms(mission)


def new_origin(side: Neighbour) -> str:
    return origin_of(side.id, secrets.token_bytes(16))


async def offer(side: Neighbour, other: Neighbour, body: SubmitCheckpoint) -> set[str]:
    """Show a witness something that no honest node would; return what the author's receipts say."""
    with side.node.works.write(SYSTEM) as work:
        answer(work, peers.get(work, other.id), body)
    await settle(side, other)
    with side.node.works.read(SYSTEM) as work:
        sent = select(message.c.receipt).where(message.c.type == SubmitCheckpoint.type)
        rows = work.connection.execute(sent).scalars()
        return {read_signed_receipt(bytes(row)).receipt.code for row in rows}


def head_of(side: Neighbour, leaves: list[bytes], origin: str) -> bytes:
    head = Checkpoint(origin, len(leaves), tree_of(leaves).root())
    return sign_checkpoint(head, identity_of(side.node.vault).log).to_bytes()


OPENING = {"v": 1, "action": "audit.origin-opened", "detail": {"previous": "", "size": 3}}


@ON_SQLITE
@pytest.mark.parametrize(
    ("event", "code"),
    [
        (None, "proof"),
        ({**OPENING, "action": "case.read"}, "proof"),
        ({**OPENING, "detail": []}, "proof"),
        ([], "proof"),
        ({**OPENING, "detail": {"previous": 3, "size": 3}}, "malformed"),
        (OPENING, "malformed"),
    ],
)
async def test_a_log_after_another_must_show_what_it_begins_with(pair: Pair, event: Any, code: str) -> None:
    shelter, mission = pair
    await be_witnessed(shelter, mission)
    content = encode(event)
    leaves = [leaf_hash(commitment(bytes(32), content)), bytes(32)]
    body = SubmitCheckpoint(
        checkpoint=head_of(shelter, leaves, new_origin(shelter)),
        old=0,
        opening=() if event is None else (bytes(32), content),
        first=tuple(tree_of(leaves).inclusion(0, 2)),
    )
    seen = cosigned_sizes(shelter)
    assert code in await offer(shelter, mission, body)
    assert cosigned_sizes(shelter) == seen
    if event is not None:
        # The event has to be the first leaf of the tree that is shown.
        other = replace(body, opening=(bytes([1]) * 32, content))
        assert "proof" in await offer(shelter, mission, other)


@ON_SQLITE
async def test_a_log_that_was_given_up_can_not_be_taken_up_again(pair: Pair) -> None:
    shelter, mission = pair
    await be_witnessed(shelter, mission)
    with shelter.node.works.read(SYSTEM) as work:
        [first] = log_store.logs(work.connection)
        stored = log_store.checkpoints(work.connection, 1)[-1]
    content = encode({**OPENING, "detail": {"previous": first.origin, "size": stored.size}})
    leaves = [leaf_hash(commitment(bytes(32), content))]
    later = SubmitCheckpoint(head_of(shelter, leaves, new_origin(shelter)), 0, opening=(bytes(32), content))
    assert await offer(shelter, mission, later) == {"ok"}
    assert audit_alarms(mission) == {"audit.restarted"}
    assert await offer(shelter, mission, SubmitCheckpoint(stored.note, stored.size)) == {"ok"}
    assert audit_alarms(mission) == {"audit.restarted", "audit.rolled-back"}


@ON_SQLITE
async def test_a_head_that_another_key_signed_is_refused(pair: Pair) -> None:
    shelter, mission = pair
    head = Checkpoint(new_origin(shelter), 1, bytes(32))
    forged = sign_checkpoint(head, identity_of(mission.node.vault).log).to_bytes()
    assert await offer(shelter, mission, SubmitCheckpoint(forged, 0)) == {"signature"}
    theirs = head_of(mission, [bytes(32)], new_origin(mission))
    assert await offer(shelter, mission, SubmitCheckpoint(theirs, 0)) == {"signature"}


@ON_SQLITE
async def test_a_cosignature_that_nobody_asked_for_is_refused(pair: Pair) -> None:
    shelter, mission = pair
    await be_witnessed(shelter, mission)
    with shelter.node.works.read(SYSTEM) as work:
        [first] = log_store.logs(work.connection)
    [seen] = cosigned_sizes(shelter)
    for size, signature in ((seen + 1, bytes(72)), (seen, bytes(72))):
        with mission.node.works.write(SYSTEM) as work:
            answer(work, peers.get(work, shelter.id), CosignCheckpoint(first.origin, size, signature))
    await settle(shelter, mission)
    with mission.node.works.read(SYSTEM) as work:
        sent = select(message.c.receipt).where(
            message.c.type == CosignCheckpoint.type, message.c.direction == "out"
        )
        rows = work.connection.execute(sent).scalars()
        found = [read_signed_receipt(bytes(row)).receipt.code for row in rows]
    assert found == ["ok", "not-found", "signature"]
    assert cosigned_sizes(shelter) == [seen]


@ON_SQLITE
async def test_a_witness_that_knows_a_head_which_the_log_never_had_is_believed_with_an_alarm(
    pair: Pair,
) -> None:
    shelter, mission = pair
    await be_witnessed(shelter, mission)
    with shelter.node.works.read(SYSTEM) as work:
        [first] = log_store.logs(work.connection)
    other = head_of(shelter, [bytes(32)], first.origin)
    with mission.node.works.write(SYSTEM) as work:
        answer(work, peers.get(work, shelter.id), KnownCheckpoint("behind", other))
    await settle(shelter, mission)
    assert audit_alarms(shelter) == {"audit.forked"}
    with mission.node.works.write(SYSTEM) as work:
        answer(work, peers.get(work, shelter.id), KnownCheckpoint("rolled-back", b""))
    await settle(shelter, mission)
    assert audit_alarms(shelter) == {"audit.forked", "audit.rolled-back"}


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
