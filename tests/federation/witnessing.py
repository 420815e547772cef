"""A log and its witnesses, as tests drive them: what happens, what is signed, shown and cosigned."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.federation.neighbours import Neighbour, settle

from iars_node import audit
from iars_node.audit import alarms, log_store, sequencing
from iars_node.vault.identity import identity_of
from iars_node.witness.model import Policy
from iars_node.witness.service import show_head
from iars_node.work import SYSTEM
from iars_protocol.checkpoint import Checkpoint, sign_checkpoint
from iars_protocol.transparency import tree_of

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


def head_of(side: Neighbour, leaves: list[bytes], origin: str) -> bytes:
    """Sign a head over any leaves at all, as who has the log key can."""
    """Return how many leaves the newest log has."""
    """Return the open alarms about logs."""
    """Return how often each open alarm came."""
    """Return the sizes of the newest log's cosigned heads."""
    """Let one more event happen, sign, show and be answered; return how many were asked."""
    """Show the newest head to the witnesses that are due; return to how many."""
    """Take everything into the tree and sign its head."""
    """Write events of one action into the log."""
    head = Checkpoint(origin, len(leaves), tree_of(leaves).root())
    return sign_checkpoint(head, identity_of(side.node.vault).log).to_bytes()
