"""How long what was collected here is kept after a case is closed: a rule for scope and closure reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node.cases.model import CLOSURE_REASONS
from iars_protocol.vocabulary import SCOPES

if TYPE_CHECKING:
    from datetime import datetime

RETENTION_JOB = "retention.apply"

ANY_REASON = ""
"""The closure reason of the rule that counts where a scope has none for the case's own reason."""

MOST_DAYS = 36_525


@dataclass(frozen=True, slots=True)
class Rule:
    """For how many days after closing a scope is kept: for one closure reason or, without one, the rest."""

    scope: str
    closure_reason: str
    days: int
    set_at: datetime
    set_by: str

    @property
    def length(self) -> timedelta:
        """For how long it is kept."""
        return timedelta(days=self.days)


@dataclass(frozen=True, slots=True)
class Due:
    """One scope of a closed case that a rule gives up; with `held_until` a legal hold keeps it."""

    case_id: str
    reference: str
    scope: str
    closure_reason: str
    days: int
    closed_at: datetime
    due_at: datetime
    held_until: datetime | None = None


def faults_of(scope: str, closure_reason: str, days: int) -> dict[str, str]:
    """Say what of a rule can't be used, and why."""
    faults = {}
    if scope not in SCOPES:
        faults["scope"] = f"accepted: {', '.join(SCOPES)}"
    if closure_reason != ANY_REASON and closure_reason not in CLOSURE_REASONS:
        faults["closure_reason"] = f"accepted: nothing, or one of {', '.join(CLOSURE_REASONS)}"
    if not 1 <= days <= MOST_DAYS:
        faults["days"] = f"accepted: 1 to {MOST_DAYS}"
    return faults
