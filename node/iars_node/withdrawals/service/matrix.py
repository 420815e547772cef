"""Who holds what of a case: recipients by scopes, since when, until when, and what became of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, TypeAlias

from sqlalchemy import select

from iars_node.accounts.access import require
from iars_node.audit.tables import audit_event
from iars_node.consent import onward_store
from iars_node.consent import store as consent_store
from iars_node.db import EPOCH
from iars_node.withdrawals import store
from iars_node.withdrawals.model import NOTHING_HELD
from iars_node.withdrawals.service import telling
from iars_protocol.record import SCOPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from iars_node.consent.model import KeptGrant
    from iars_node.consent.onward_model import KeptPermission, Passing
    from iars_node.withdrawals.model import Notice, Report
    from iars_node.work import Work
    from iars_protocol.messages.consent import ScopeOutcome

Share: TypeAlias = Literal[
    "not-yet", "held", "expired", "asked", "overdue", "erased", "retained", "failed", "nothing-held"
]
DISCLOSING = ("referral.offered", "referral.disclosed", "referral.amended")


@dataclass(frozen=True, slots=True)
class Cell:
    """One scope at one recipient: since when it is there, and what became of it.

    `state` is what this node knows: by its own log, or by the recipient's statement. `backups_expire` and
    `until` come with an erasure and with a retention.
    """

    scope: str
    since: datetime | None
    state: Share
    stated_at: datetime | None = None
    backups_expire: datetime | None = None
    until: datetime | None = None
    ground: str = ""


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
    issued = [
        kept for kept in consent_store.grants_of_case(work.connection, case_id) if kept.direction == "out"
    ]
    told = _Told(work, case_id)
    permissions = onward_store.of_case(work.connection, case_id)
    given = {each.id: each for each in permissions if each.way == "out"}
    passed = onward_store.passings(work.connection, "in", given) if given else []
    direct = [_direct(work, kept, told) for kept in issued]
    onward = [_passed(work, each, given[each.onward_id]) for each in passed]
    return Matrix((*direct, *onward), tuple(permissions))


class _Told:
    """What this node's log and its recipients' statements say of a case."""

    def __init__(self, work: Work, case_id: str) -> None:
        self.since = _disclosed(work, case_id)
        self.notices: dict[str, list[Notice]] = defaultdict(list)
        for notice in store.notices_of_case(work.connection, case_id):
            for grant_id in notice.grants:
                self.notices[grant_id].append(notice)
        self.reports: dict[str, list[Report]] = defaultdict(list)
        for report in store.reports_of_case(work.connection, case_id):
            self.reports[report.grant_id].append(report)


def _disclosed(work: Work, case_id: str) -> Mapping[str, Mapping[str, datetime]]:
    """Return, by grant and scope, when something was first disclosed: as the log says."""
    column = audit_event.c
    rows = work.connection.execute(
        select(column.subject, column.scopes, column.at)
        .where(column.case_id == case_id, column.action.in_(DISCLOSING))
        .order_by(column.seq)
    )
    found: dict[str, dict[str, datetime]] = defaultdict(dict)
    for row in rows:
        for scope in row.scopes.split():
            found[row.subject].setdefault(scope, row.at)
    return found


def _direct(work: Work, kept: KeptGrant, told: _Told) -> Row:
    codes = kept.grant.codes()
    cells = tuple(_cell(work, kept, code, told) for code in SCOPES if code in codes)
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
        untold_to=_untold_to(work, kept),
    )


def _untold_to(work: Work, kept: KeptGrant) -> bytes:
    waiting = telling.untold(work, kept)
    return b"" if waiting is None else waiting[0].peer


def _worst(cells: Sequence[Cell]) -> Share:
    """Return the state that a person has to look at first."""
    order: tuple[Share, ...] = (
        "failed", "overdue", "asked", "held", "retained", "expired", "erased", "nothing-held", "not-yet",
    )  # fmt: skip
    states = {cell.state for cell in cells}
    return next((state for state in order if state in states), "not-yet")


def _cell(work: Work, kept: KeptGrant, scope: str, told: _Told) -> Cell:
    since = told.since.get(kept.id, {}).get(scope)
    stated = _stated(told.reports[kept.id], scope)
    asked = [notice for notice in told.notices[kept.id] if not notice.scopes or scope in notice.scopes]
    # What was sent again after a statement is held again: a statement speaks of what came before it.
    if stated is not None and (since is None or stated.at >= since):
        return stated.cell(scope, since)
    if since is None:
        return Cell(scope, None, "not-yet")
    if asked:
        is_late = any(notice.is_overdue(work.now) for notice in asked)
        return Cell(scope, since, "overdue" if is_late else "asked")
    if work.now.timestamp() >= kept.grant.expires:
        return Cell(scope, since, "expired")
    return Cell(scope, since, "held")


@dataclass(frozen=True, slots=True)
class _Stated:
    at: datetime
    outcome: ScopeOutcome | None

    def cell(self, scope: str, since: datetime | None) -> Cell:
        said = self.outcome
        if said is None:
            return Cell(scope, since, NOTHING_HELD, self.at)  # type: ignore[arg-type]  # a constant of this name
        return Cell(
            scope,
            since,
            said.outcome,  # type: ignore[arg-type]  # one of the three that were read
            self.at,
            EPOCH + timedelta(seconds=said.backups_expire) if said.backups_expire else None,
            EPOCH + timedelta(seconds=said.until) if said.until else None,
            said.ground,
        )


def _stated(reports: Iterable[Report], scope: str) -> _Stated | None:
    """Return the newest statement that speaks of a scope, or that nothing at all was held."""
    found: _Stated | None = None
    for report in reports:
        if not report.outcomes and found is None:
            found = _Stated(report.received_at, None)
        for each in report.outcomes:
            if each.scope == scope:
                found = _Stated(report.received_at, each)
    return found


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
