"""Heads, cosignatures and answers that no honest node would send."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select
from tests.federation.neighbours import Neighbour, settle
from tests.federation.witnessing import (
    ON_SQLITE,
    Pair,
    audit_alarms,
    be_witnessed,
    cosigned_sizes,
    head_of,
)

from iars_node.audit import log_store
from iars_node.exchange.tables import message
from iars_node.peers import service as peers
from iars_node.vault.identity import identity_of
from iars_node.witness.service import answer
from iars_node.work import SYSTEM
from iars_protocol.checkpoint import (
    Checkpoint,
    origin_of,
    sign_checkpoint,
)
from iars_protocol.encoding import encode
from iars_protocol.messages.checkpoint import CosignCheckpoint, KnownCheckpoint, SubmitCheckpoint
from iars_protocol.receipt import read_signed_receipt
from iars_protocol.transparency import commitment, leaf_hash, tree_of


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
