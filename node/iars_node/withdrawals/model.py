"""The end of consent: what the origin asked of whom, what a recipient locked and when it is destroyed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from datetime import datetime

    from iars_node.consent.ended import EndedPart
    from iars_protocol.messages.consent import ScopeOutcome

By: TypeAlias = Literal["person", "other"]
Cause: TypeAlias = Literal["withdrawal", "expiry", "not-accepted", "lapse", "told-back"]
EndingState: TypeAlias = Literal["held", "paused", "done"]

NOT_ACCEPTED: Cause = "not-accepted"
LAPSE: Cause = "lapse"
TOLD_BACK: Cause = "told-back"
"""What recipients told back here, in a scope that the person has taken out. It is reported to nobody."""

HELD: EndingState = "held"
PAUSED: EndingState = "paused"
DONE: EndingState = "done"

DESTROY_JOB = "erasure.destroy"
WATCH_JOB = "withdrawal.watch"
EXPIRE_JOB = "grant.expire"
CLOCK_JOB = "clock.watch"

DEADLINE = timedelta(hours=72)
"""How long a recipient has to answer a withdrawal before its silence is an administrator's business."""

MESSAGE_LIFE = timedelta(days=60)

WAITING = "waiting"
NOTHING_HELD: Literal["nothing-held"] = "nothing-held"
WORST_FIRST = ("failed", "retained", "erased", NOTHING_HELD)


@dataclass(frozen=True, slots=True)
class Rules:
    """How long this node waits before it destroys, and when it asks a person first."""

    hold: timedelta = timedelta(hours=48)
    grace: timedelta = timedelta(days=14)
    backups: timedelta = timedelta(days=35)
    peer_withdrawals_a_day: int = 50


@dataclass(frozen=True, slots=True)
class Part:
    """What of a consent is withdrawn; what is left empty stands for every one: an empty part is the whole."""

    scopes: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether the whole consent ends."""
        return not (self.scopes or self.purposes or self.recipients)


@dataclass(frozen=True, slots=True)
class Notice:
    """A withdrawal on its way to one recipient, and what the recipient has answered."""

    id: str
    consent_id: str
    case_id: str
    peer: bytes
    grants: tuple[str, ...]
    scopes: tuple[str, ...]
    purposes: tuple[str, ...]
    by: By
    signed: str
    asked_at: datetime
    deadline_at: datetime
    message: bytes
    answered_at: datetime | None
    overdue_at: datetime | None
    outcome: str

    def is_overdue(self, now: datetime) -> bool:
        """Whether the recipient has let its time pass in silence."""
        return self.answered_at is None and now >= self.deadline_at


@dataclass(frozen=True, slots=True)
class Report:
    """What a recipient stated about what it had received: its own words, kept by the asker."""

    message: bytes
    peer: bytes
    grant_id: str
    cause: Cause
    withdrawal_id: str
    referral_id: str
    case_id: str
    outcomes: tuple[ScopeOutcome, ...]
    leaf: bytes
    received_at: datetime

    @property
    def outcome(self) -> str:
        """The worst of what became of the scopes: failed, retained, erased, or that nothing was held."""
        said = {each.outcome for each in self.outcomes}
        return next((word for word in WORST_FIRST if word in said), NOTHING_HELD)


@dataclass(frozen=True, slots=True)
class Ending:
    """What ended of a received grant: locked at once, destroyed after the hold, reported to its issuer."""

    id: str
    grant_id: str
    peer: bytes
    cause: Cause
    withdrawal_id: str
    by: By
    parts: tuple[EndedPart, ...]
    locked_at: datetime
    destroy_after: datetime
    state: EndingState
    reported_at: datetime | None


@dataclass(frozen=True, slots=True)
class Retention:
    """A scope that is kept although its consent ended: on which ground, until when, and who decided."""

    ending_id: str
    scope: str
    ground: str
    until: datetime
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class TellingBackEnded:
    """Announced when recipients may tell nothing back any more in some scopes, by the ids of their grants."""

    grants: tuple[str, ...]
    parts: tuple[EndedPart, ...]
    by: By


@dataclass(frozen=True, slots=True)
class ClockMark:
    """The latest moment that this node has seen, and since when and why its clock is doubted."""

    high_water: datetime
    sequence: int
    paused_at: datetime | None
    cause: str


@dataclass(frozen=True, slots=True)
class Handover:
    """A case that another organisation took over from here, and when its content goes."""

    referral_id: str
    case_id: str
    peer: bytes
    accepted_at: datetime
    release_after: datetime
    released_at: datetime | None


@dataclass(frozen=True, slots=True)
class Kept:
    """A scope that the former controller keeps after a handover: on which ground, until when, who decided."""

    case_id: str
    scope: str
    ground: str
    until: datetime
    decided_by: str
    decided_at: datetime
