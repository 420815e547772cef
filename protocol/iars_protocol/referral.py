"""The life of a referral as data: who may take which step from which state (SPEC § 9, DOMAIN: FHIR R4 Task).

Each side holds its own copy and checks every step by this table. Two messages can cross on their way;
`arrive` then gives both sides the same state without asking anyone.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias

from iars_protocol.errors import TransitionError

if TYPE_CHECKING:
    from collections.abc import Mapping

Side: TypeAlias = Literal["sender", "receiver"]
State: TypeAlias = Literal[
    "draft", "requested", "accepted", "in-progress", "on-hold",
    "completed", "failed", "rejected", "cancelled", "expired", "entered-in-error",
]  # fmt: skip

DRAFT: State = "draft"
REQUESTED: State = "requested"
ACCEPTED: State = "accepted"
IN_PROGRESS: State = "in-progress"
ON_HOLD: State = "on-hold"
COMPLETED: State = "completed"
FAILED: State = "failed"
REJECTED: State = "rejected"
CANCELLED: State = "cancelled"
EXPIRED: State = "expired"
ENTERED_IN_ERROR: State = "entered-in-error"

IN_CARE = (ACCEPTED, IN_PROGRESS, ON_HOLD)
OPEN = (REQUESTED, *IN_CARE)
CLOSED = (COMPLETED, FAILED, REJECTED, CANCELLED, EXPIRED, ENTERED_IN_ERROR)
STATES = (DRAFT, *OPEN, *CLOSED)

BOTH: tuple[Side, ...] = ("sender", "receiver")
SENDER: tuple[Side, ...] = ("sender",)
RECEIVER: tuple[Side, ...] = ("receiver",)


@dataclass(frozen=True, slots=True)
class Transition:
    """One step: who takes it, from where, and where it leads (None: the state stays)."""

    by: tuple[Side, ...]
    origins: tuple[State, ...]
    target: State | None


TRANSITIONS: Mapping[str, Transition] = MappingProxyType(
    {
        "referral.offer/1": Transition(SENDER, (DRAFT,), REQUESTED),
        "referral.accept/1": Transition(RECEIVER, (REQUESTED,), ACCEPTED),
        "handover.accept/1": Transition(RECEIVER, (REQUESTED,), ACCEPTED),
        "referral.reject/1": Transition(RECEIVER, (REQUESTED,), REJECTED),
        "referral.disclose/1": Transition(SENDER, IN_CARE, None),
        "referral.appointment/1": Transition(RECEIVER, IN_CARE, None),
        "referral.progress/1": Transition(RECEIVER, IN_CARE, IN_PROGRESS),
        "referral.hold/1": Transition(RECEIVER, (ACCEPTED, IN_PROGRESS), ON_HOLD),
        "referral.complete/1": Transition(RECEIVER, IN_CARE, COMPLETED),
        "referral.fail/1": Transition(RECEIVER, IN_CARE, FAILED),
        "referral.cancel/1": Transition(BOTH, OPEN, CANCELLED),
        "referral.entered-in-error/1": Transition(SENDER, OPEN, ENTERED_IN_ERROR),
        "referral.amend/1": Transition(SENDER, OPEN, None),
        "referral.note/1": Transition(BOTH, (*OPEN, COMPLETED, FAILED), None),
    }
)

# Which end counts when two crossed: what happened to the person outranks what somebody wished, and a
# referral entered in error outranks all because nothing in it is to be relied on.
_RANK = {
    state: rank
    for rank, state in enumerate(
        (DRAFT, REQUESTED, ACCEPTED, ON_HOLD, IN_PROGRESS, EXPIRED, CANCELLED, REJECTED, FAILED, COMPLETED,
         ENTERED_IN_ERROR)
    )
}  # fmt: skip


def advance(state: State, step: str, by: Side) -> State:
    """Return the state after one's own step.

    Raises:
        TransitionError: this side may not take this step from this state (SPEC § 9.2).

    """
    transition = TRANSITIONS.get(step)
    if transition is None or by not in transition.by or state not in transition.origins:
        raise TransitionError(f"{step} by the {by} is not allowed when {state}")
    return transition.target or state


def arrive(state: State, step: str, by: Side, *, seen: State) -> State:
    """Return the state after the other side's step, which may have crossed one of ours.

    Args:
        state: the state of our copy now.
        step: the message's type.
        by: the side that took the step.
        seen: the state of our copy after the newest of our messages that the author had seen.

    Raises:
        TransitionError: not allowed now, and not allowed in what the author had seen either (SPEC § 9.3).

    """
    try:
        return advance(state, step, by)
    except TransitionError:
        meant = advance(seen, step, by)
    return meant if _RANK[meant] > _RANK[state] else state
