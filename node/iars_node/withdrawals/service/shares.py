"""What a recipient holds of a case, by this node's log and by the recipient's statements: decided only here.

A statement speaks of what it was made about: of one referral that ended before anybody accepted it, or of
what ended, in the scopes and for the purposes that were asked for. A scope is gone from a recipient only when
a statement reaches every referral that carried it there.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, TypeAlias

from sqlalchemy import select

from iars_node.audit.tables import audit_event
from iars_node.consent import store as consent_store
from iars_node.db import EPOCH
from iars_node.referrals.model import DISCLOSING
from iars_node.withdrawals import store
from iars_node.withdrawals.model import NOT_ACCEPTED, NOTHING_HELD, WORST_FIRST
from iars_protocol.record import SCOPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from iars_node.consent.model import KeptGrant
    from iars_node.withdrawals.model import Notice, Report
    from iars_node.work import Work
    from iars_protocol.messages.consent import ScopeOutcome

Share: TypeAlias = Literal[
    "not-yet",
    "held",
    "expired",
    "asked",
    "overdue",
    "erased",
    "retained",
    "failed",
    "nothing-held",
    "held-otherwise",
]
GONE: frozenset[Share] = frozenset({"erased", "nothing-held"})


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
class Delivery:
    """One scope that one referral carried to its recipient: when first and when last."""

    referral_id: str
    purpose: str
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class _Stated:
    at: datetime
    outcome: ScopeOutcome | None

    @property
    def state(self) -> str:
        return NOTHING_HELD if self.outcome is None else self.outcome.outcome

    def cell(self, scope: str, since: datetime | None) -> Cell:
        said = self.outcome
        if said is None:
            return Cell(scope, since, NOTHING_HELD, self.at)
        return Cell(
            scope,
            since,
            said.outcome,  # type: ignore[arg-type]  # one of the three that were read
            self.at,
            EPOCH + timedelta(seconds=said.backups_expire) if said.backups_expire else None,
            EPOCH + timedelta(seconds=said.until) if said.until else None,
            said.ground,
        )


class Shares:
    """What this node's log and its recipients' statements say of a case."""

    def __init__(self, work: Work, case_id: str) -> None:
        self._now = work.now
        self._sent = _deliveries(work, case_id)
        self._asked: dict[str, Notice] = {}
        self._notices: dict[str, list[Notice]] = defaultdict(list)
        for notice in store.notices_of_case(work.connection, case_id):
            self._asked[notice.id] = notice
            for grant_id in notice.grants:
                self._notices[grant_id].append(notice)
        self._reports: dict[str, list[Report]] = defaultdict(list)
        for report in store.reports_of_case(work.connection, case_id):
            self._reports[report.grant_id].append(report)

    def cells(self, kept: KeptGrant) -> tuple[Cell, ...]:
        """Return what a recipient holds under a grant, scope by scope."""
        codes = kept.grant.codes()
        return tuple(self._cell(kept, code) for code in SCOPES if code in codes)

    def _cell(self, kept: KeptGrant, scope: str) -> Cell:
        sent, reports = self._sent.get((kept.id, scope), ()), self._reports[kept.id]
        since = min((each.first for each in sent), default=None)
        if since is None:
            stated = _stated(reports, scope)
            return Cell(scope, None, "not-yet") if stated is None else stated.cell(scope, None)
        stated_of = [(each, _stated(self._reaching(kept, scope, each), scope)) for each in sent]
        left = [each for each, stated in stated_of if stated is None]
        if left:
            return self._left(kept, scope, left)
        said = [stated for _each, stated in stated_of if stated is not None]
        # Of what several referrals carried, what a person has to look at first; of that, the newest word.
        worst = min(WORST_FIRST.index(each.state) for each in said)
        newest = max((each for each in said if each.state == WORST_FIRST[worst]), key=lambda each: each.at)
        return newest.cell(scope, since)

    def _left(self, kept: KeptGrant, scope: str, left: list[Delivery]) -> Cell:
        since = min(each.first for each in left)
        asked = [
            notice
            for notice in self._notices[kept.id]
            if any(_concerns(notice, scope, each.purpose) for each in left)
        ]
        if asked:
            is_late = any(notice.is_overdue(self._now) for notice in asked)
            return Cell(scope, since, "overdue" if is_late else "asked")
        is_over = self._now.timestamp() >= kept.grant.expires
        return Cell(scope, since, "expired" if is_over else "held")

    def _reaching(self, kept: KeptGrant, scope: str, sent: Delivery) -> list[Report]:
        return [each for each in self._reports[kept.id] if self._reaches(each, scope, sent)]

    def _reaches(self, report: Report, scope: str, sent: Delivery) -> bool:
        if report.cause == NOT_ACCEPTED:
            return report.referral_id == sent.referral_id
        notice = self._asked.get(report.withdrawal_id)
        if notice is not None and not _concerns(notice, scope, sent.purpose):
            return False
        # What was sent again after a statement is held again: a statement speaks of what came before it.
        return report.received_at >= sent.last

    def outcome(self, kept: KeptGrant) -> str:
        """Return what became of all that went out under a grant, or nothing while some of it is unanswered.

        A statement about everything need not name what never arrived.
        """
        for (grant_id, scope), sent in self._sent.items():
            if grant_id == kept.id and not all(self._reaching(kept, scope, each) for each in sent):
                return ""
        states = {cell.state for cell in self.cells(kept)}
        return next((word for word in WORST_FIRST if word in states), NOTHING_HELD)


def _concerns(notice: Notice, scope: str, purpose: str) -> bool:
    return (not notice.scopes or scope in notice.scopes) and (
        not notice.purposes or purpose in notice.purposes
    )


def _deliveries(work: Work, case_id: str) -> Mapping[tuple[str, str], tuple[Delivery, ...]]:
    """Return, by grant and scope, the referrals that carried something: as the log says."""
    column = audit_event.c
    rows = work.connection.execute(
        select(column.subject, column.scopes, column.at, column.referral_id, column.purpose)
        .where(column.case_id == case_id, column.action.in_(DISCLOSING))
        .order_by(column.seq)
    )
    found: dict[tuple[str, str], dict[str, Delivery]] = defaultdict(dict)
    for row in rows:
        for scope in row.scopes.split():
            of_scope = found[row.subject, scope]
            known = of_scope.get(row.referral_id)
            first = row.at if known is None else known.first
            of_scope[row.referral_id] = Delivery(row.referral_id, row.purpose, first, row.at)
    return {place: tuple(sent.values()) for place, sent in found.items()}


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


def gone(work: Work, case_id: str) -> set[tuple[str, str]]:
    """Return the grants of a case and their scopes of which nothing is left at the recipient."""
    shares = Shares(work, case_id)
    return {
        (kept.id, cell.scope)
        for kept in consent_store.grants_of_case(work.connection, case_id)
        if kept.direction == "out"
        for cell in shares.cells(kept)
        if cell.state in GONE
    }
