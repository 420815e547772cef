"""Who holds what of a case: recipients by scopes, since when, until when, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node.accounts.access import require
from iars_node.consent import onward_store
from iars_node.consent import store as consent_store
from iars_node.db import EPOCH
from iars_node.withdrawals.service import telling
from iars_node.withdrawals.service.shares import GONE, Cell, Share, Shares
from iars_protocol.record import SCOPES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from iars_node.consent.model import KeptGrant
    from iars_node.consent.onward_model import KeptPermission, Passing
    from iars_node.work import Work

WORST_FIRST: tuple[Share, ...] = (
    "failed", "overdue", "asked", "held", "retained", "expired", "held-otherwise", "erased", "nothing-held",
    "not-yet",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One recipient under one consent. Without a node: passed on by `via`, not visible here."""

    node: bytes
    via: bytes
    consent_id: str
    grant_id: str
    onward_id: str
    since: datetime
    until: datetime
    cells: tuple[Cell, ...]
    # Of what was passed on, its holder tells one outcome for all; of what is not visible, no scope is known.
    state: Share
    # The origin whose permission it stands under, if it could not be told yet what the recipient stated.
    untold_to: bytes = b""


@dataclass(frozen=True, slots=True)
class Matrix:
    """Every recipient of a case, and the permissions under which more may follow."""

    rows: tuple[Row, ...]
    permissions: tuple[KeptPermission, ...]


def matrix_of_case(work: Work, case_id: str) -> Matrix:
    """Return who holds what of a case."""
    require(work.actor, "consent.read")
    permissions = onward_store.of_case(work.connection, case_id)
    return Matrix(_rows(work, case_id, permissions), tuple(permissions))


def still_held(work: Work, case_id: str) -> dict[str, frozenset[str]]:
    """Return, by grant, the scopes that its recipient holds, for whoever tells the person of it."""
    rows = _rows(work, case_id, onward_store.of_case(work.connection, case_id))
    return {
        row.grant_id: frozenset(cell.scope for cell in row.cells if cell.since and cell.state not in GONE)
        for row in rows
        if not row.via
    }


def _rows(work: Work, case_id: str, permissions: Sequence[KeptPermission]) -> tuple[Row, ...]:
    issued = [
        kept for kept in consent_store.grants_of_case(work.connection, case_id) if kept.direction == "out"
    ]
    shares = Shares(work, case_id)
    given = {each.id: each for each in permissions if each.way == "out"}
    passed = onward_store.passings(work.connection, "in", given) if given else []
    direct = [_direct(work, kept, shares) for kept in issued]
    onward = [_passed(work, each, given[each.onward_id]) for each in passed]
    return _beside_each_other([*direct, *onward])


def _direct(work: Work, kept: KeptGrant, shares: Shares) -> Row:
    cells = shares.cells(kept)
    return Row(
        node=kept.peer,
        via=b"",
        consent_id=kept.consent_id,
        grant_id=kept.id,
        onward_id=kept.grant.onward,
        since=kept.recorded_at,
        until=EPOCH + timedelta(seconds=kept.grant.expires),
        cells=cells,
        state=_worst(cells),
        untold_to=_untold_to(work, kept, shares),
    )


def _untold_to(work: Work, kept: KeptGrant, shares: Shares) -> bytes:
    waiting = telling.untold(work, kept, shares)
    return b"" if waiting is None else waiting.told.peer


def _worst(cells: Sequence[Cell]) -> Share:
    """Return the state that a person has to look at first."""
    states = {cell.state for cell in cells}
    return next((state for state in WORST_FIRST if state in states), "not-yet")


def _beside_each_other(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Say of what is gone under one consent where its recipient holds the same scope under another."""
    left: dict[tuple[bytes, str], datetime] = {}
    for row in rows:
        for cell in row.cells:
            if row.node and cell.since is not None and cell.state not in GONE:
                place = (row.node, cell.scope)
                left[place] = min(cell.since, left.get(place, cell.since))
    return tuple(_beside(row, left) for row in rows)


def _beside(row: Row, left: dict[tuple[bytes, str], datetime]) -> Row:
    cells = tuple(
        replace(cell, state="held-otherwise", since=left[row.node, cell.scope])
        if cell.state in GONE and (row.node, cell.scope) in left
        else cell
        for cell in row.cells
    )
    return row if cells == row.cells else replace(row, cells=cells, state=_worst(cells))


def _passed(work: Work, told: Passing, permission: KeptPermission) -> Row:
    state = _state_of(work, told, permission)
    return Row(
        node=told.recipient,
        via=told.peer,
        consent_id=permission.consent_id,
        grant_id=permission.grant_id,
        onward_id=told.onward_id,
        since=told.told_at,
        until=told.expires_at,
        cells=tuple(
            Cell(scope, told.told_at, state, told.outcome_at) for scope in SCOPES if scope in told.scopes
        ),
        state=state,
    )


def _state_of(work: Work, told: Passing, permission: KeptPermission) -> Share:
    if told.outcome:
        return told.outcome  # type: ignore[return-value]  # one of the codes that the wire knows
    if permission.ended_at is not None:
        return "asked"
    return "expired" if work.now >= told.expires_at else "held"
