"""What somebody with the database in hands can do to the log, and how it is found, where, and by whom."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from tests.audit_guard import lift_the_guard
from tests.federation.neighbours import Neighbour, Wire, settle
from tests.federation.witnessing import audit_alarms, be_witnessed, cosigned_sizes, happen, show, sign
from tests.federation.yesterday import back_up, put_back, restore_older_database

from iars_node.audit import known_heads, log_store, sequencing, tiles
from iars_node.audit.rebuilding import rebuild
from iars_node.audit.tables import append_only_statements
from iars_node.exchange.tables import message
from iars_node.vault.identity import identity_of
from iars_node.witness import store
from iars_node.witness.exporting import bundle_lines
from iars_node.witness.verifying import Verified, verify_file, verify_log
from iars_node.work import SYSTEM
from iars_protocol.bundle import Bundle, read_bundle
from iars_protocol.checkpoint import Checkpoint, sign_checkpoint
from iars_protocol.transparency import tree_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from iars_node.clock import SetClock

Pair = tuple[Neighbour, Neighbour]
MINUTE = timedelta(minutes=1)
COPY_ROW = (
    "INSERT INTO audit_event "
    "(seq, id, at, actor_kind, actor_id, action, purpose, subject, scopes, detail, salt, leaf) "
    "SELECT :to, id, at, actor_kind, actor_id, action, purpose, subject, scopes, detail, salt, leaf "
    "FROM audit_event WHERE seq = 4"
)


@pytest.fixture
async def logged(pair: Pair, clock: SetClock) -> Pair:
    """A shelter whose log was witnessed, and went on: a referral, and events that nobody has cosigned."""
    shelter, mission = pair
    case = shelter.open_case()
    shelter.refer(case, shelter.give_consent(case, mission), mission)
    await settle(shelter, mission)
    mission.open_case()
    for one, other in (pair, pair[::-1]):
        await be_witnessed(one, other)
    happen(shelter, 5)
    clock.moment += MINUTE
    for side in pair:
        sign(side)
    return pair


def verified(side: Neighbour, *others: Bundle) -> Verified:
    with side.node.works.read(SYSTEM) as work:
        return verify_log(work, others)


def bundle(side: Neighbour) -> Bundle:
    with side.node.works.read(SYSTEM) as work:
        return read_bundle(bundle_lines(work))


def faults(found: Verified) -> dict[str, tuple[int, int, tuple[str, ...]]]:
    return {each.code: (each.first, each.last, each.shown_by) for each in found.findings if each.is_fault}


def tamper(side: Neighbour, *statements: str, **values: object) -> None:
    with side.node.database.write() as connection:
        lift_the_guard(connection)
        for statement in statements:
            connection.execute(text(statement), values)
        for statement in append_only_statements(connection.dialect.name):
            # And put it back, so that nothing shows.
            connection.execute(text(statement))


def forge_tree(side: Neighbour, *, signed: bool) -> None:
    """Make the stored tree anew out of the rows, as a forger with the program would; sign its head or not."""
    with side.node.works.write(SYSTEM) as work:
        connection = work.connection
        rows = log_store.leaves_between(connection, 1, None, 10_000)
        connection.execute(text("DELETE FROM audit_tile"))
        log_store.change_log(connection, 1, size=0, reached=0)
        newest = log_store.hold_newest_log(work)
        assert newest is not None
        if rows:
            sequencing._append(work, newest, rows)  # noqa: SLF001 - as a forger would
        if signed:
            root = tree_of([leaf for _number, leaf in rows]).root()
            head = Checkpoint(newest.origin, len(rows), root)
            note = sign_checkpoint(head, identity_of(work.vault).log)
            log_store.add_checkpoint(work, 1, len(rows), note.to_bytes())


async def test_an_honest_log_holds_here_and_against_what_the_other_knows(logged: Pair) -> None:
    shelter, mission = logged
    for one, other in (logged, logged[::-1]):
        found = verified(one, bundle(other))
        assert faults(found) == {}
        assert {each.code for each in found.findings} == {"cosigned", "unprovable"}
        [proved] = [each for each in found.findings if each.code == "cosigned"]
        assert proved.last == cosigned_sizes(one)[-1]
        assert proved.shown_by == (other.id.hex(),)
    assert verify_file(bundle(shelter), [bundle(mission)]).is_sound


async def test_a_row_that_was_changed_is_found_at_its_place(logged: Pair) -> None:
    shelter, mission = logged
    tamper(shelter, "UPDATE audit_event SET actor_id = 'somebody-else' WHERE seq = 3")
    assert faults(verified(shelter)) == {"changed": (2, 2, (mission.id.hex(),))}
    # So is one that can't even be read any more.
    tamper(shelter, "UPDATE audit_event SET detail = 'junk' WHERE seq = 4")
    assert faults(verified(shelter))["changed"] == (3, 3, (mission.id.hex(),))


async def test_a_row_that_was_taken_out_is_found_at_its_place(logged: Pair) -> None:
    shelter, mission = logged
    tamper(shelter, "DELETE FROM audit_event WHERE seq = 3")
    assert faults(verified(shelter)) == {"missing": (2, 2, (mission.id.hex(),))}


async def test_a_row_that_was_put_in_beside_the_tree_is_found(logged: Pair) -> None:
    shelter, _mission = logged
    tamper(shelter, "DELETE FROM audit_event WHERE seq = 3")
    tamper(shelter, COPY_ROW, to=-5)
    assert faults(verified(shelter)).keys() == {"missing", "not-in-tree"}
    tamper(shelter, COPY_ROW, to=3)
    assert faults(verified(shelter)).keys() == {"changed", "not-in-tree"}


async def test_a_row_that_no_tree_has_is_found(logged: Pair) -> None:
    shelter, _mission = logged
    tamper(shelter, "DELETE FROM audit_event WHERE seq = 3", "UPDATE audit_event SET seq = 3 WHERE seq = 4")
    found = faults(verified(shelter))
    assert found.keys() == {"changed", "missing"}
    with shelter.node.works.write(SYSTEM) as work:
        hashes, numbers = log_store.read_tile(work.connection, 1, 0, 0)
        kept = numbers[:16] + (999_999).to_bytes(8, "big") + numbers[24:]
        log_store.write_tiles(work, 1, [(0, 0, hashes, kept)])
    assert "not-in-tree" in faults(verified(shelter))


async def test_a_rewritten_event_with_all_its_hashes_is_found_by_the_head_above_it(logged: Pair) -> None:
    shelter, mission = logged
    proved = cosigned_sizes(shelter)[-1]
    tamper(
        shelter,
        "UPDATE audit_event SET salt = (SELECT salt FROM audit_event WHERE seq = 4), "
        "leaf = (SELECT leaf FROM audit_event WHERE seq = 4) WHERE seq = 3",
    )
    forge_tree(shelter, signed=False)
    assert faults(verified(shelter))["rewritten"][0] == 0
    found = verified(shelter).findings
    assert any(each.code == "rewritten" and each.last == proved and each.shown_by for each in found)
    assert mission.id.hex() in {node for each in found for node in each.shown_by}


async def test_a_forger_with_the_log_key_is_shown_by_the_witness_alone(logged: Pair) -> None:
    shelter, mission = logged
    proved = cosigned_sizes(shelter)[-1]
    shelter.node.vault.store_document(known_heads.LOG_HEAD, _head(mission, shelter))
    tamper(
        shelter,
        "DELETE FROM audit_checkpoint",
        "DELETE FROM audit_cosignature",
        "DELETE FROM audit_event WHERE seq = 3",
    )
    forge_tree(shelter, signed=True)
    # The key store, which lies elsewhere, knows what was cosigned; so does the witness.
    assert faults(verified(shelter))["forked"] == (0, proved, (shelter.id.hex(),))
    alone = verify_file(bundle(shelter))
    assert faults(alone) == {}
    shown = faults(verify_file(bundle(shelter), [bundle(mission)]))
    assert shown["forked"] == (0, proved, (mission.id.hex(),))


def _head(witness: Neighbour, of: Neighbour) -> bytes:
    with witness.node.works.read(SYSTEM) as work:
        return store.held_logs(work.connection, of.id)[-1].note


async def test_a_cut_tail_is_found_by_the_heads_and_by_receipts(logged: Pair) -> None:
    shelter, mission = logged
    proved = cosigned_sizes(shelter)[-1]
    tamper(shelter, "DELETE FROM audit_event WHERE seq > :proved", proved=proved)
    found = faults(verified(shelter))
    # The rows are gone, the tree still has their leaves.
    assert found.keys() == {"missing"}
    forge_tree(shelter, signed=False)
    [cut] = [each for each in verified(shelter).findings if each.code == "cut"]
    assert (cut.first, cut.shown_by) == (proved, ())
    tamper(shelter, "DELETE FROM audit_checkpoint WHERE size > :proved", proved=proved)
    # Of what nobody had cosigned only the receipts know that were given meanwhile.
    assert faults(verified(shelter)).keys() == {"receipt"}
    tamper(
        shelter,
        "DELETE FROM audit_event WHERE seq > 4",
        "DELETE FROM audit_checkpoint",
        "DELETE FROM audit_cosignature",
    )
    forge_tree(shelter, signed=True)
    said = verified(shelter, bundle(mission)).findings
    put_back = [each for each in said if each.code == "rolled-back"]
    assert {(each.first, each.last) for each in put_back} == {(4, proved)}
    assert {each.shown_by for each in put_back} == {(shelter.id.hex(),), (mission.id.hex(),)}


async def test_an_uncosigned_tail_that_was_cut_off_is_shown_by_the_receipts_that_others_hold(
    logged: Pair, clock: SetClock
) -> None:
    shelter, mission = logged
    case = mission.open_case()
    mission.refer(case, mission.give_consent(case, shelter), shelter)
    await settle(shelter, mission)
    sign(shelter)
    clock.moment += MINUTE
    assert faults(verified(shelter, bundle(mission))) == {}
    proved = cosigned_sizes(shelter)[-1]
    tamper(
        shelter,
        "DELETE FROM audit_event WHERE seq > :proved",
        "DELETE FROM audit_checkpoint WHERE size > :proved",
        "DELETE FROM outbox",
        "DELETE FROM message_part",
        "DELETE FROM message",
        proved=proved,
    )
    forge_tree(shelter, signed=True)
    assert faults(verified(shelter)) == {}
    found = faults(verified(shelter, bundle(mission)))
    assert found.keys() == {"receipt"}
    assert found["receipt"][2] == (mission.id.hex(), shelter.id.hex())


async def test_a_false_cosignature_and_a_false_receipt_are_found(logged: Pair) -> None:
    shelter, mission = logged
    tamper(shelter, "UPDATE audit_cosignature SET signature = :false", false=bytes(72))
    assert faults(verified(shelter))["cosignature"][2] == (mission.id.hex(),)
    with shelter.node.works.read(SYSTEM) as work:
        rows = work.connection.execute(message.select().where(message.c.direction == "in")).all()
    receipt = bytes(rows[0].receipt)
    forged = receipt[:-1] + bytes([receipt[-1] ^ 1])
    tamper(shelter, "UPDATE message SET receipt = :forged WHERE id = :id", forged=forged, id=rows[0].id)
    assert "false-receipt" in faults(verified(shelter))


async def test_a_damaged_tree_is_found_and_can_be_built_anew(logged: Pair) -> None:
    shelter, _mission = logged
    with shelter.node.works.write(SYSTEM) as work:
        hashes, numbers = log_store.read_tile(work.connection, 1, 0, 0)
        broken = tiles.split(hashes)
        broken[5] = bytes(32)
        log_store.write_tiles(work, 1, [(0, 0, b"".join(broken), numbers)])
    assert {"changed", "rewritten"} <= faults(verified(shelter)).keys()
    with shelter.node.works.write(SYSTEM) as work:
        log_store.write_tiles(work, 1, [(0, 0, hashes[:64], numbers[:16])])
    assert "cut" in faults(verified(shelter))
    # What waits can't be added to a tree with a hole, and the node says so.
    happen(shelter)
    sign(shelter)
    assert "audit.damaged" in audit_alarms(shelter)
    with shelter.node.works.write(SYSTEM) as work:
        [rebuilt] = rebuild(work, write=True)
    assert (rebuilt.damaged, rebuilt.continues) == (1, True)
    sign(shelter)
    assert faults(verified(shelter)) == {}


async def test_a_database_that_was_put_back_without_a_word_is_found_at_once(
    neighbours: Callable[..., list[Neighbour]], wire: Wire, clock: SetClock
) -> None:
    shelter, mission = neighbours("shelter", "mission")
    happen(shelter, 3)
    await be_witnessed(shelter, mission)
    back_up(shelter)
    kept = cosigned_sizes(shelter)[-1]
    happen(shelter, 10)
    await be_witnessed(shelter, mission)
    proved = cosigned_sizes(shelter)[-1]
    # Not as `iars restore` does it: nothing is said to anybody.
    put_back(shelter, wire, "shelter")
    found = faults(verified(shelter))
    assert found["rolled-back"][1:] == (proved, (shelter.id.hex(),))
    assert found["rolled-back"][0] >= kept
    with_witness = verified(shelter, bundle(mission)).findings
    assert {each.shown_by for each in with_witness if each.code == "rolled-back"} == {
        (shelter.id.hex(),),
        (mission.id.hex(),),
    }
    del clock


async def test_a_log_that_was_restored_as_it_should_be_tells_its_loss_and_holds(
    neighbours: Callable[..., list[Neighbour]], wire: Wire, clock: SetClock
) -> None:
    shelter, mission = neighbours("shelter", "mission")
    happen(shelter, 3)
    await be_witnessed(shelter, mission)
    back_up(shelter)
    case = mission.open_case()
    mission.refer(case, mission.give_consent(case, shelter), shelter)
    await settle(shelter, mission)
    happen(shelter, 10)
    await be_witnessed(shelter, mission)
    restore_older_database(shelter, wire, "shelter")
    for _ in range(4):
        clock.moment += MINUTE
        await settle(shelter, mission)
        sign(shelter)
    show(shelter)
    await settle(shelter, mission)
    clock.moment += MINUTE
    sign(shelter)
    found = verified(shelter, bundle(mission))
    assert faults(found) == {}
    assert {"gap", "lost", "cosigned"} <= {each.code for each in found.findings}
