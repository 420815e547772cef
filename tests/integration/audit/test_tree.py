"""The sequencer on real databases: every event in the tree, once, in one order for ever."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest
from pymerkle import InmemoryTree
from tests.federation.processes import wait_until
from tests.integration.audit.growing import MINUTE, FalteringWorks, happen, leaves

from iars_node import audit
from iars_node.audit import alarms, known_heads, log_store, reading, sequencing, store, tiles
from iars_node.audit.sequencing import LATE, close_log, sequence, sign_head, turn
from iars_node.db import Database
from iars_node.vault.identity import identity_of
from iars_node.work import SYSTEM, Works
from iars_protocol.checkpoint import Checkpoint, read_note, sign_checkpoint, verify_checkpoint
from iars_protocol.errors import ProofError
from iars_protocol.transparency import commitment, leaf_hash, tree_of, verify_consistency, verify_inclusion

if TYPE_CHECKING:
    from iars_node.clock import SetClock
    from iars_node.vault.vault import Vault


def test_nothing_is_put_anywhere_while_nobody_can_say_whose_log_it_is(log: Works, vault: Vault) -> None:
    happen(log)
    vault.lock()
    assert turn(log, MINUTE) == 0
    with log.write(SYSTEM) as work:
        assert sequence(work) == 0
        assert sign_head(work) is None
        assert log_store.newest_log(work.connection) is None


def test_an_open_log_grows_while_the_keys_are_locked_and_is_signed_later(log: Works, vault: Vault) -> None:
    happen(log)
    assert turn(log, MINUTE) == 1
    happen(log, 2)
    vault.lock()
    assert turn(log, timedelta(0)) == 2


@pytest.mark.parametrize("sizes", [[1], [3, 1, 255, 1, 2], [255, 257, 520], [1, 1, 1]])
def test_the_stored_tree_is_that_of_another_implementation_at_every_size(
    log: Works, sizes: list[int]
) -> None:
    for size in sizes:
        happen(log, size)
        turn(log, MINUTE)
    stored = [leaf for _number, leaf in leaves(log)]
    with log.read(SYSTEM) as work:
        newest = log_store.newest_log(work.connection)
        assert newest is not None
        tree = log_store.tree(work.connection, newest)
        another = InmemoryTree(algorithm="sha256")
        for recorded in store.every(work.connection):
            another.append_entry(commitment(recorded.salt, recorded.event.content()))
        assert newest.size == sum(sizes)
        assert tree.root() == another.get_root()
        for index in {0, newest.size // 2, newest.size - 1}:
            proof = tree.inclusion(index, newest.size)
            assert another.prove_inclusion(index + 1).path == [stored[index], *proof]
            verify_inclusion(stored[index], index, newest.size, proof, tree.root())
        for old in {1, max(1, newest.size // 2), newest.size}:
            assert tree.root(old) == another.get_root(old)
            proof = tree.consistency(old, newest.size)
            verify_consistency(old, newest.size, tree.root(old), tree.root(), proof)


def test_a_tree_with_a_tile_missing_says_so() -> None:
    tree = tiles.stored_tree(300, lambda row, position: b"" if row else bytes(32) * (position + 1))
    with pytest.raises(ProofError):
        tree.root()


def test_a_head_is_signed_when_it_is_due_and_has_grown(log: Works, clock: SetClock) -> None:
    happen(log)
    turn(log, MINUTE)
    first = newest_checkpoint(log)
    assert first.size == 1
    happen(log)
    turn(log, MINUTE)
    assert newest_checkpoint(log) == first
    clock.moment += MINUTE
    turn(log, MINUTE)
    second = newest_checkpoint(log)
    assert second.size == 2
    clock.moment += MINUTE
    assert turn(log, MINUTE) == 0
    assert newest_checkpoint(log) == second
    with log.read(SYSTEM) as work:
        # The one that nobody was shown is gone.
        assert log_store.checkpoints(work.connection, 1) == [second]


def newest_checkpoint(works: Works) -> log_store.StoredCheckpoint:
    with works.read(SYSTEM) as work:
        found = log_store.newest_checkpoint(work.connection, 1)
        assert found is not None
        verify_checkpoint(read_note(found.note), identity_of(work.vault).history)
        return found


def test_several_replicas_number_each_leaf_once(log: Works) -> None:
    others = [Works(Database(log.database.url), log.vault, log.clock) for _ in range(3)]
    stop = Event()

    def keep_on(works: Works) -> None:
        while not stop.is_set():
            turn(works, timedelta(0))

    threads = [Thread(target=keep_on, args=(works,)) for works in others]
    for thread in threads:
        thread.start()
    for _ in range(30):
        happen(log, 7)
    stop.set()
    for thread in threads:
        thread.join()
    turn(log, timedelta(0))
    numbers = [number for number, _leaf in leaves(log)]
    assert len(numbers) == len(set(numbers)) == 210
    with log.read(SYSTEM) as work:
        newest = log_store.newest_log(work.connection)
        assert newest is not None
        root = log_store.tree(work.connection, newest).root()
    assert root == tree_of([leaf for _number, leaf in leaves(log)]).root()
    for works in others:
        works.database.close()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_an_event_that_is_committed_after_later_ones_is_not_passed_over(log: Works, clock: SetClock) -> None:
    happen(log)
    turn(log, MINUTE)
    with log.write(SYSTEM) as slow:
        audit.record(slow, "case.opened")
        audit.record(slow, "case.closed")
        happen(log, 2)
        assert turn(log, MINUTE) == 2
        clock.moment += 2 * LATE
        # However long it takes: its numbers are looked for as long as it may still commit.
        turn(log, MINUTE)
        with log.read(SYSTEM) as work:
            assert [(each.first, each.last) for each in log_store.skipped(work.connection)] == [(2, 3)]
    assert turn(log, MINUTE) == 2
    assert [number for number, _leaf in leaves(log)] == [1, 4, 5, 2, 3]
    with log.read(SYSTEM) as work:
        assert log_store.skipped(work.connection) == []


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_number_that_was_rolled_back_is_forgotten_after_a_while(log: Works, clock: SetClock) -> None:
    happen(log)
    with log.database.engine.connect() as connection:
        begun = connection.begin()
        with log.write(SYSTEM) as work:
            work.connection = connection
            audit.record(work, "case.opened")
        begun.rollback()
    happen(log)
    assert turn(log, MINUTE) == 2
    with log.read(SYSTEM) as work:
        assert [(each.first, each.last) for each in log_store.skipped(work.connection)] == [(2, 2)]
    clock.moment += LATE
    turn(log, MINUTE)
    with log.read(SYSTEM) as work:
        assert log_store.skipped(work.connection) == []
    assert [number for number, _leaf in leaves(log)] == [1, 3]


def test_a_log_whose_end_was_cut_off_is_an_alarm(log: Works) -> None:
    happen(log, 3)
    turn(log, MINUTE)
    with log.write(SYSTEM) as work:
        log_store.change_log(work.connection, 1, reached=10)
    turn(log, MINUTE)
    with log.read(SYSTEM) as work:
        assert "audit.cut" in {alarm.kind for alarm in alarms.open_alarms(work.connection)}


def test_after_a_restore_a_new_log_begins_with_the_event_that_names_the_old_one(
    log: Works, clock: SetClock
) -> None:
    happen(log, 3)
    turn(log, timedelta(0))
    happen(log, 2)
    with log.write(SYSTEM) as work:
        close_log(work, timedelta(hours=1))
    assert turn(log, MINUTE) == 0
    clock.moment += timedelta(hours=1)
    assert turn(log, MINUTE) == 2
    turn(log, MINUTE)
    entries = leaves(log)
    assert [number for number, _leaf in entries] == [6, 4, 5]
    with log.read(SYSTEM) as work:
        first, second = log_store.logs(work.connection)
        opening = next(each for each in store.every(work.connection) if each.seq == 6)
    assert (first.size, second.size) == (3, 3)
    assert opening.event.action == "audit.origin-opened"
    assert opening.event.detail == {
        "previous": first.origin,
        "size": 0,
        "root": "",
        "kept": 3,
        "gap": "unknown",
    }
    happen(log)
    assert turn(log, MINUTE) == 1
    assert leaves(log)[-1][0] == 7


def test_a_leaf_is_found_by_what_the_event_committed_to(log: Works) -> None:
    with log.write(SYSTEM) as work:
        leaf = audit.record(work, "case.read")
    sequencing.turn(log, MINUTE)
    [(_number, stored)] = leaves(log)
    assert stored == leaf != leaf_hash(leaf)


async def test_a_served_node_takes_events_in_by_itself_also_after_its_database_was_away(log: Works) -> None:
    works = FalteringWorks(log.database, log.vault, log.clock)
    running = asyncio.create_task(sequencing.run(works, seconds=0.01, checkpoint_seconds=0))
    happen(log, 3)
    await asyncio.to_thread(wait_until, lambda: works.asked > 1 and is_signed(log), 10)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert len(leaves(log)) == 3


def is_signed(works: Works) -> bool:
    with works.read(SYSTEM) as work:
        return log_store.newest_checkpoint(work.connection, 1) is not None


def test_a_closed_log_is_continued_by_what_anybody_knows_of_it(log: Works, clock: SetClock) -> None:
    happen(log, 3)
    turn(log, timedelta(0))
    with log.write(SYSTEM) as work:
        [first] = log_store.logs(work.connection)
        tree = log_store.tree(work.connection, first)
        head = sign_checkpoint(Checkpoint(first.origin, 2, tree.root(2)), identity_of(work.vault).log)
        newest = sign_checkpoint(Checkpoint(first.origin, 9, bytes(32)), identity_of(work.vault).log)
        cosigned = log_store.Cosignature(1, 3, bytes(32), work.now, bytes(72))
        log_store.add_cosignature(work, cosigned)
        work.vault.store_document(known_heads.LOG_HEAD, head.to_bytes())
        close_log(work, timedelta(0))
    with log.write(SYSTEM) as work:
        [closed] = log_store.logs(work.connection)
        known = known_heads.newest_known(work, closed)
        assert known is not None
        assert known.size == 3
        work.vault.store_document(known_heads.LOG_HEAD, b"no note")
        log_store.change_log(work.connection, 1, newest_note=newest.to_bytes())
    turn(log, MINUTE)
    with log.read(SYSTEM) as work:
        after = log_store.logs(work.connection)[-1]
        [opening] = store.after(work.connection, after.opening - 1, 1)
    assert (opening.event.detail["size"], opening.event.detail["gap"]) == (9, "known")
    del clock


def test_nothing_is_lost_when_a_restored_log_has_all_that_was_cosigned(log: Works) -> None:
    happen(log, 3)
    turn(log, timedelta(0))
    with log.write(SYSTEM) as work:
        log_store.add_cosignature(work, log_store.Cosignature(1, 3, bytes(32), work.now, bytes(72)))
        close_log(work, timedelta(0))
        close_log(work, timedelta(hours=1))
    turn(log, MINUTE)
    with log.read(SYSTEM) as work:
        after = log_store.logs(work.connection)[-1]
        [opening] = store.after(work.connection, after.opening - 1, 1)
        # Who follows goes on in the new log, from its beginning.
        assert reading.following(work.connection, reading.Place(1, 2))[1] == reading.Place(2, 1)
    assert opening.event.detail["gap"] == "none"
