"""Logs that are shorter or other than a witness saw them: put back, rewritten, restored."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete
from tests.federation.neighbours import Neighbour, Wire, settle
from tests.federation.witnessing import (
    HOUR,
    ON_SQLITE,
    Pair,
    audit_alarms,
    be_witnessed,
    cosigned_sizes,
    happen,
    open_alarms,
    show,
    sign,
)
from tests.federation.yesterday import actions, back_up, put_back, restore_older_database

from iars_node.audit import known_heads, log_store, sequencing
from iars_node.audit import store as audit_store
from iars_node.audit.tables import audit_checkpoint, audit_cosignature, audit_log, audit_tile
from iars_node.exchange.restoring import mark_restored
from iars_node.vault.identity import identity_of
from iars_node.witness import store
from iars_node.witness.verifying import verify_log
from iars_node.work import SYSTEM
from iars_protocol.checkpoint import (
    Checkpoint,
    read_note,
    sign_checkpoint,
    verify_checkpoint,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from iars_node.clock import SetClock
    from iars_node.work import Work


def forge_head(work: Work) -> None:
    """Sign what the log holds now, whatever was signed before: the program itself refuses to."""
    newest = log_store.newest_log(work.connection)
    assert newest is not None
    head = Checkpoint(newest.origin, newest.size, log_store.tree(work.connection, newest).root())
    note = sign_checkpoint(head, identity_of(work.vault).log)
    log_store.add_checkpoint(work, newest.number, newest.size, note.to_bytes())


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
        forge_head(work)
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
        forge_head(work)
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
    shelter.node.vault.store_document(known_heads.LOG_HEAD, known.note)
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


def found_at(side: Neighbour) -> dict[str, bool]:
    """Return what verifying a node's own log finds, and whether it is a fault."""
    with side.node.works.read(SYSTEM) as work:
        return {each.code: each.is_fault for each in verify_log(work).findings}


async def log_that_goes_back(pair: Pair, clock: SetClock) -> Neighbour:
    """Let a log be witnessed, backed up, and witnessed again."""
    shelter, mission = pair
    happen(shelter, 3)
    await be_witnessed(shelter, mission)
    back_up(shelter)
    happen(shelter, 30)
    await be_witnessed(shelter, mission)
    clock.moment += HOUR
    return shelter


async def test_a_restore_that_was_declared_is_told_from_a_log_that_was_put_back(
    pair: Pair, wire: Wire, clock: SetClock
) -> None:
    shelter = await log_that_goes_back(pair, clock)
    put_back(shelter, wire, "shelter")
    assert found_at(shelter)["rolled-back"] is True
    with shelter.node.works.write(SYSTEM) as work:
        # That somebody closes the log's row is no declaration.
        log_store.change_log(work.connection, 1, closed_at=work.now, wait_until=work.now + HOUR)
    assert found_at(shelter)["rolled-back"] is True
    restore_older_database(shelter, wire, "shelter")
    # The next log, which will say so, waits for the witnesses.
    waiting = found_at(shelter)
    assert waiting["restored"] is False
    assert "rolled-back" not in waiting
    for _ in range(4):
        clock.moment += timedelta(minutes=1)
        await settle(*pair)
    sign(shelter)
    after = found_at(shelter)
    assert after["lost"] is False
    assert not after.keys() & {"restored", "rolled-back"}


async def test_a_node_signs_no_head_that_does_not_continue_the_one_in_its_key_store(
    pair: Pair, wire: Wire, clock: SetClock
) -> None:
    shelter = await log_that_goes_back(pair, clock)
    put_back(shelter, wire, "shelter")
    signed = signed_sizes(shelter)
    happen(shelter)
    for _ in range(2):
        sign(shelter)
    assert signed_sizes(shelter) == signed
    assert open_alarms(shelter)["audit.rolled-back"] == 1
    # Grown past what it once had, it is another log, and that is seen too.
    happen(shelter, 60)
    sign(shelter)
    assert signed_sizes(shelter) == signed
    assert audit_alarms(shelter) == {"audit.rolled-back", "audit.forked"}
    assert found_at(shelter)["forked"] is True
    # Declared, the log ends here, and the next one is signed.
    with shelter.node.works.write(SYSTEM) as work:
        mark_restored(work)
    for _ in range(4):
        clock.moment += timedelta(minutes=1)
        await settle(*pair)
    sign(shelter)
    with shelter.node.works.read(SYSTEM) as work:
        assert log_store.newest_checkpoint(work.connection, 2) is not None


def signed_sizes(side: Neighbour) -> list[int]:
    with side.node.works.read(SYSTEM) as work:
        return [each.size for each in log_store.checkpoints(work.connection, 1)]


async def test_a_backup_from_before_the_log_began_tells_of_the_log_that_is_lost(
    pair: Pair, wire: Wire, clock: SetClock
) -> None:
    shelter, mission = pair
    back_up(shelter)
    await be_witnessed(shelter, mission)
    seen = cosigned_sizes(shelter)[-1]
    restore_older_database(shelter, wire, "shelter")
    for _ in range(4):
        clock.moment += timedelta(minutes=1)
        await settle(shelter, mission)
    sign(shelter)
    with shelter.node.works.read(SYSTEM) as work:
        before, after = log_store.logs(work.connection)
        [opening] = audit_store.after(work.connection, after.opening - 1, 1)
    assert opening.event.detail["previous"] == before.origin
    assert (opening.event.detail["size"], opening.event.detail["kept"]) == (seen, 0)
    assert found_at(shelter)["lost"] is False
