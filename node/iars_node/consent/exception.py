"""A disclosure that rests on no consent: the ground, its author and approver, and its life as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias

from iars_node.consent.model import Consent, Recipient, Terms
from iars_node.errors import ConflictError
from iars_protocol.consent import Basis
from iars_protocol.vocabulary import ORGANISATION_TYPES, PURPOSES, SCOPES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iars_protocol.consent import ScopeGrant

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "vital-interest": "To protect somebody's life or health",
        "legal-obligation": "The law demands it",
        "judicial": "A court or prosecutor orders it",
    }
)
EMERGENCY = "vital-interest"
"""The one ground on which something may leave before the second approval."""

State: TypeAlias = Literal["pending", "approved", "refused", "lapsed"]
By: TypeAlias = Literal["approver", "clock"]

STATES: Mapping[str, str] = MappingProxyType(
    {
        "pending": "Waits for approval",
        "approved": "Approved",
        "refused": "Not approved",
        "lapsed": "Not approved in time",
    }
)
# From where, to where, by whom. The approver is never the author.
TRANSITIONS: Mapping[str, tuple[By, State, State]] = MappingProxyType(
    {
        "approve": ("approver", "pending", "approved"),
        "refuse": ("approver", "pending", "refused"),
        "lapse": ("clock", "pending", "lapsed"),
    }
)

NO_NOTICE = "und"
"""Stands for the language of a notice where none was read: the person was not asked."""

LONGEST = MappingProxyType(
    {
        "vital-interest": timedelta(days=30),
        "legal-obligation": timedelta(days=365),
        "judicial": timedelta(days=365),
    }
)
NAMED_FROM_LEVEL = 4
"""From this sensitivity on an exception names the fields that leave; a whole scope never does."""

MOST_TIME_TO_DECIDE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class NewException:
    """What its author writes down. `reason` is free text, sealed at rest.

    `decide_within` is the time in which another account must approve it. `tell_after` is when to look
    whether the person can safely be told; none means at once.
    """

    kind: str
    recipient: str
    purposes: tuple[str, ...]
    scopes: tuple[ScopeGrant, ...]
    expires: datetime
    review: datetime
    reason: str = field(repr=False)
    is_emergency: bool = False
    decide_within: timedelta = timedelta(hours=24)
    tell_after: datetime | None = None
    feedback: tuple[str, ...] = ()
    retention_days: int = 90

    def terms(self) -> Terms:
        """Return what may leave, in the form of a consent's terms."""
        return Terms(
            purposes=self.purposes,
            scopes=self.scopes,
            recipients=(Recipient(node=self.recipient),),
            expires=self.expires,
            notice_language=NO_NOTICE,
            how_obtained="",
            from_whom="",
            feedback=self.feedback,
            retention_days=self.retention_days,
            withdrawal_ways=(),
            reasons=self.reason.strip(),
        )


@dataclass(frozen=True, slots=True)
class KeptException:
    """An exception as this organisation keeps it."""

    id: str
    case_id: str
    kind: str
    state: State
    is_emergency: bool
    terms: Terms
    author: str
    decided_by: str
    recorded_at: datetime
    decide_by: datetime
    decided_at: datetime | None
    review_at: datetime
    tell_after: datetime | None
    told_at: datetime | None

    def state_at(self, moment: datetime) -> State:
        """Return the state by the clock: nothing needs to run for an exception to lapse."""
        return "lapsed" if self.state == "pending" and moment >= self.decide_by else self.state

    def basis(self, review: int) -> Basis:
        """Return what a grant says of it; `review` is the review date as the protocol counts."""
        if self.state == "approved":
            return Basis(self.kind, self.author, self.decided_by, review, "approved")
        return Basis(self.kind, self.author, "", review, "pending")

    def hindrance(self, moment: datetime) -> str:
        """Return why nothing may leave under it at a moment, or nothing."""
        state = self.state_at(moment)
        if state == "pending":
            return "" if self.is_emergency else "exception-pending"
        if state in ("refused", "lapsed"):
            return f"exception-{state}"
        return "exception-ended" if moment >= self.terms.expires else ""

    def is_review_due(self, moment: datetime) -> bool:
        """Say whether somebody has to look again whether it still has to be."""
        return self.state == "approved" and self.review_at <= moment < self.terms.expires

    def as_ground(self, moment: datetime, review: int) -> Consent:
        """Return it in the form in which a disclosure asks what may leave."""
        return Consent(
            self.id,
            self.case_id,
            "given",
            1,
            "",
            self.terms,
            self.recorded_at,
            self.author,
            basis=self.basis(review),
            hindrance=self.hindrance(moment),
        )


def advance(state: State, step: str) -> State:
    """Return the state after a step, or say that it is not possible now."""
    _by, origin, target = TRANSITIONS[step]
    if state != origin:
        raise ConflictError(f"The exception is {state}; this step is not possible now. Look at it again.")
    return target


def faults_of(new: NewException, now: datetime) -> dict[str, str]:
    """Say what of an exception can't be used, and why: it has to be as little as the ground demands."""
    faults = {**_code_faults(new), **_scope_faults(new)}
    if not new.reason.strip():
        faults["reason"] = "accepted: why this can't wait for the person's consent"
    if new.is_emergency and new.kind != EMERGENCY:
        faults["is_emergency"] = f"accepted: only for {EMERGENCY}"
    if not now < new.expires <= now + LONGEST.get(new.kind, timedelta(0)):
        days = LONGEST.get(new.kind, timedelta(0)).days
        faults["expires"] = f"accepted: a moment in the next {days} days"
    if not now < new.review <= new.expires:
        faults["review"] = "accepted: a moment from now on until it ends"
    if not timedelta(0) < new.decide_within <= MOST_TIME_TO_DECIDE:
        faults["decide_within"] = f"accepted: at most {MOST_TIME_TO_DECIDE.days} days"
    return faults


def _code_faults(new: NewException) -> dict[str, str]:
    faults = {}
    if new.kind not in KINDS:
        faults["kind"] = f"accepted: {', '.join(KINDS)}"
    if not new.purposes or set(new.purposes) - PURPOSES.keys():
        faults["purposes"] = f"accepted: at least one of {', '.join(PURPOSES)}"
    if not new.recipient or new.recipient in ORGANISATION_TYPES:
        faults["recipient"] = "accepted: one organisation"
    if set(new.feedback) - SCOPES.keys():
        faults["feedback"] = f"accepted: {', '.join(SCOPES)}, each once"
    return faults


def _scope_faults(new: NewException) -> dict[str, str]:
    codes = [scope.code for scope in new.scopes]
    if set(codes) - SCOPES.keys() or len(set(codes)) != len(codes):
        return {"scopes": f"accepted: {', '.join(SCOPES)}, each once"}
    if "services" not in codes:
        return {"scopes": "accepted: at least the scope services, without which nobody can be asked"}
    whole = [
        scope.code
        for scope in new.scopes
        if SCOPES[scope.code].level >= NAMED_FROM_LEVEL
        and not (scope.only and set(scope.only) <= SCOPES[scope.code].fields.keys())
    ]
    if whole:
        return {"scopes": f"accepted: single fields only, of {', '.join(whole)}"}
    return {}
