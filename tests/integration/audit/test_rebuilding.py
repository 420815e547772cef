"""A stored tree that was damaged, built anew from the events; and what is refused."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import delete, text, update
from tests.audit_guard import lift_the_guard
from tests.integration.audit.growing import MINUTE, happen, leaves

from iars_node import audit
from iars_node.audit import alarms, log_store, store
from iars_node.audit.model import AuditFilter
from iars_node.audit.rebuilding import Rebuilt, rebuild
from iars_node.audit.sequencing import LATE, close_log, sequence, turn
from iars_node.audit.tables import audit_checkpoint, audit_log, audit_tile
from iars_node.audit.tiles import WIDTH
from iars_node.errors import ConflictError, RefusedError
from iars_node.vault.identity import identity_of
from iars_node.work import SYSTEM, Works
from iars_protocol.checkpoint import Checkpoint, sign_checkpoint
from iars_protocol.errors import ProofError

if TYPE_CHECKING:
    from iars_node.clock import SetClock

NOW = timedelta(0)
Tiles = dict[tuple[int, int], tuple[bytes, bytes]]


def tiles(works: Works, number: int = 1) -> Tiles:
    with works.read(SYSTEM) as work:
        return log_store.every_tile(work.connection, number)


def rebuilt(works: Works, *, write: bool = False) -> list[Rebuilt]:
    with works.write(SYSTEM) as work:
        return rebuild(work, write=write)


def damage(works: Works, row: int, position: int, hashes: bytes | None = None) -> None:
    """Take a tile away, or leave other hashes in it."""
    here = (audit_tile.c.log == 1, audit_tile.c.row == row, audit_tile.c.position == position)
    with works.write(SYSTEM) as work:
        statement = delete(audit_tile) if hashes is None else update(audit_tile).values(hashes=hashes)
        work.connection.execute(statement.where(*here))


@pytest.fixture
def grown(log: Works) -> Works:
    """A log of two whole tiles and a piece of a third, signed, with some events after its head."""
    happen(log, 2 * WIDTH + 20)
    turn(log, NOW)
    happen(log, 5)
    turn(log, MINUTE)
    return log


def test_a_whole_tree_is_left_as_it_is(grown: Works) -> None:
    before = tiles(grown)
    [found] = rebuilt(grown)
    assert (found.size, found.damaged, found.lost) == (2 * WIDTH + 25, 0, 0)
    assert found.signed == found.agreed == 2 * WIDTH + 20
    rebuilt(grown, write=True)
    assert tiles(grown) == before
    with grown.read(SYSTEM) as work:
        assert "audit.rebuilt" not in {each.event.action for each in store.every(work.connection)}


@pytest.mark.parametrize(
    ("row", "position", "hashes"),
    [
        (0, 0, None),
        (0, 1, bytes(32) * WIDTH),
        (0, 1, b""),
        (0, 2, None),
        (0, 2, bytes(32)),
        (1, 0, None),
        (1, 0, bytes(64)),
        (7, 3, None),
    ],
)
def test_every_damaged_tile_comes_back_as_it_was(
    grown: Works, row: int, position: int, hashes: bytes | None
) -> None:
    before = tiles(grown)
    if row == 7:
        with grown.write(SYSTEM) as work:
            log_store.write_tiles(work, 1, [(row, position, bytes(32), b"")])
    else:
        damage(grown, row, position, hashes)
    damaged = tiles(grown)
    [dry] = rebuilt(grown)
    assert (dry.damaged, dry.continues) == (1, True)
    assert tiles(grown) == damaged
    assert rebuilt(grown, write=True) == [dry]
    assert tiles(grown) == before
    turn(grown, NOW)
    with grown.read(SYSTEM) as work:
        [newest] = store.page(work.connection, AuditFilter(action="audit.rebuilt")).events
        head = log_store.newest_checkpoint(work.connection, 1)
    assert newest.event.detail == {"tiles": 1, "size": 2 * WIDTH + 25}
    assert head is not None
    assert head.size == 2 * WIDTH + 26


def test_a_tree_with_nothing_left_of_it_is_built_from_the_events_alone(grown: Works) -> None:
    before = tiles(grown)
    with grown.write(SYSTEM) as work:
        work.connection.execute(delete(audit_tile))
    [found] = rebuilt(grown, write=True)
    assert found.damaged == len(before)
    assert tiles(grown) == before


def test_nothing_is_added_to_a_tree_with_a_hole_and_an_alarm_says_so(grown: Works) -> None:
    damage(grown, 0, 2)
    left = tiles(grown)
    happen(grown)
    with grown.write(SYSTEM) as work, pytest.raises(ProofError):
        sequence(work)
    for _ in range(3):
        assert turn(grown, NOW) == 0
    assert tiles(grown) == left
    with grown.read(SYSTEM) as work:
        [alarm] = alarms.open_alarms(work.connection)
    assert (alarm.kind, alarm.times) == ("audit.damaged", 1)
    rebuilt(grown, write=True)
    # The event that waited, the alarm's, and the one about the new tree.
    assert turn(grown, NOW) == 3


def test_events_that_are_not_those_that_were_signed_are_refused(grown: Works) -> None:
    with grown.database.write() as connection:
        lift_the_guard(connection)
        connection.execute(text("UPDATE audit_event SET leaf = :other WHERE seq = 3"), {"other": bytes(32)})
    before = tiles(grown)
    [found] = rebuilt(grown)
    assert (found.damaged > 0, found.signed, found.agreed) == (True, 2 * WIDTH + 20, 0)
    with pytest.raises(RefusedError) as refused:
        rebuilt(grown, write=True)
    assert refused.value.reason == "forked"
    assert tiles(grown) == before


def test_one_signed_head_that_does_not_fit_is_enough_to_refuse(grown: Works) -> None:
    with grown.write(SYSTEM) as work:
        [log] = log_store.logs(work.connection)
        other = sign_checkpoint(Checkpoint(log.origin, 3, bytes(32)), identity_of(work.vault).log)
        log_store.add_checkpoint(work, 1, 3, other.to_bytes())
    [found] = rebuilt(grown)
    assert (found.signed, found.agreed, found.continues) == (2 * WIDTH + 20, 0, False)


def test_a_head_that_was_put_in_with_another_signature_counts_for_nothing(grown: Works) -> None:
    with grown.write(SYSTEM) as work:
        [signed] = log_store.checkpoints(work.connection, 1)
        forged = signed.note[:-8] + b"AAAAAAA\n"
        work.connection.execute(update(audit_checkpoint).values(note=forged))
    [found] = rebuilt(grown)
    assert (found.signed, found.continues) == (0, True)


def test_an_event_that_is_gone_keeps_its_leaf_while_its_tile_is_there(grown: Works) -> None:
    with grown.database.write() as connection:
        lift_the_guard(connection)
        connection.execute(text("DELETE FROM audit_event WHERE seq = 3"))
    damage(grown, 1, 0)
    assert [each.continues for each in rebuilt(grown, write=True)] == [True]
    damage(grown, 0, 0)
    [found] = rebuilt(grown)
    assert found.lost > 0
    with pytest.raises(RefusedError):
        rebuilt(grown, write=True)


def test_the_logs_before_and_after_a_restore_are_both_built_anew(grown: Works, clock: SetClock) -> None:
    with grown.write(SYSTEM) as work:
        close_log(work, NOW)
    happen(grown, 3)
    turn(grown, NOW)
    before = tiles(grown, 1), tiles(grown, 2)
    with grown.write(SYSTEM) as work:
        work.connection.execute(delete(audit_tile))
    first, second = rebuilt(grown, write=True)
    assert first.continues
    assert second.continues
    assert (tiles(grown, 1), tiles(grown, 2)) == before
    del clock


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_an_order_that_only_the_lost_tile_knew_is_not_guessed(log: Works, clock: SetClock) -> None:
    happen(log)
    with log.write(SYSTEM) as slow:
        audit.record(slow, "case.opened")
        happen(log, 2)
        turn(log, NOW)
    clock.moment += 2 * LATE
    turn(log, NOW)
    assert [number for number, _leaf in leaves(log)] == [1, 3, 4, 2]
    damage(log, 0, 0)
    [found] = rebuilt(log)
    assert (found.lost, found.continues) == (0, False)
    with pytest.raises(RefusedError):
        rebuilt(log, write=True)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_log_that_is_being_added_to_is_not_replaced(grown: Works) -> None:
    with grown.write(SYSTEM) as work:
        assert log_store.hold_newest_log(work) is not None
        with pytest.raises(ConflictError):
            rebuilt(grown, write=True)


def test_a_log_that_is_not_there_can_not_be_replaced(log: Works) -> None:
    with log.read(SYSTEM) as work:
        assert work.connection.execute(audit_log.select()).first() is None
    assert rebuilt(log) == []
    with pytest.raises(ConflictError):
        rebuilt(log, write=True)
