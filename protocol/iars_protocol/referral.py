"""The life of a referral as data: who may take which step from which state (SPEC § 9, DOMAIN: FHIR R4 Task).

Each side holds its own copy and checks every step by this table. Two messages can cross on their way;
`arrive` then gives both sides the same state without asking anyone.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias

from iars_protocol.errors import ExpiredError, TransitionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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

ACCEPTANCE: Mapping[str, str] = MappingProxyType(
    {"service": "referral.accept/1", "handover": "handover.accept/1"}
)
"""By an offer's kind, the message that accepts it: who takes a case over signs that it does."""

ACCEPTANCES = frozenset(ACCEPTANCE.values())
ANSWERS = ACCEPTANCES | {"referral.reject/1"}

# Which of two crossed steps counts: what happened to the person outranks what somebody wished, a deadline
# that passed unanswered gives way to an answer that was under way, and a referral entered in error
# outranks all because nothing in it is to be relied on.
_RANK = {
    state: rank
    for rank, state in enumerate(
        (DRAFT, REQUESTED, EXPIRED, ACCEPTED, ON_HOLD, IN_PROGRESS, CANCELLED, REJECTED, FAILED, COMPLETED,
         ENTERED_IN_ERROR)
    )
}  # fmt: skip


def advance(state: State, step: str, by: Side) -> State:
    """Return the state after one's own step.

    Raises:
        TransitionError: this side may not take this step from this state (SPEC § 9.2).

    """
    transition = TRANSITIONS.get(step)
    if transition is None:
        raise TransitionError("the message type is no step of a referral")
    if by not in transition.by or state not in transition.origins:
        raise TransitionError(f"{step} by the {by} is not allowed when {state}")
    return transition.target or state


def arrive(state: State, step: str, by: Side, *, seen: State) -> State:
    """Return the state after the other side's step, which may have crossed one of ours.

    Args:
        state: the state of our copy now.
        step: the message's type.
        by: the side that took the step.
        seen: the state of the author's copy when it took the step, as `view` finds it.

    Raises:
        TransitionError: neither our copy nor the author's allows it (SPEC § 9.3).

    """
    try:
        return advance(state, step, by)
    except TransitionError:
        meant = advance(seen, step, by)
    return meant if _RANK[meant] > _RANK[state] else state


def check_answer(step: str, kind: str, *, created: int, respond_by: int) -> None:
    """Check that a step, where it answers an offer, answers this kind and in time.

    Args:
        step: the message's type.
        kind: the offer's kind, `service` or `handover`.
        created: when the step was signed.
        respond_by: until when the offer could be answered.

    Raises:
        TransitionError: the other kind's acceptance (SPEC § 9.2).
        ExpiredError: not signed before the time to answer was over, whenever it arrives (SPEC § 9.4).

    """
    if step in ACCEPTANCES and step != ACCEPTANCE[kind]:
        raise TransitionError("an offer of this kind is accepted by another message")
    if step in ANSWERS and created >= respond_by:
        raise ExpiredError("the answer was given after its time")


@dataclass(frozen=True, slots=True)
class Taken:
    """A step that our copy has: its message's id, its author and its type.

    `seen` is the id of the newest message of the other side that the author had applied, or empty.
    """

    message: bytes
    by: Side
    step: str
    seen: bytes = b""


def view(taken: Sequence[Taken], by: Side, seen: bytes) -> State:
    """Return the state of an author's copy when it took its next step (SPEC § 9.3).

    Args:
        taken: every step of the thread that our copy has, each author's in its order.
        by: the author.
        seen: the id of the newest message of the other side that the author had applied, or empty.

    Raises:
        TransitionError: `seen` names no step of the other side, or an earlier one than the author had
            shown to know: nobody unsees a message to win a race against it.

    """
    own = [step for step in taken if step.by == by]
    other = [step.message for step in taken if step.by != by]
    reached = _reached(other, seen)
    if own and reached < _reached(other, own[-1].seen):
        raise TransitionError("the author had seen more before")
    known = frozenset(other[:reached])
    return state_of([step for step in taken if step.by == by or step.message in known])


def _reached(messages: list[bytes], seen: bytes) -> int:
    if not seen:
        return 0
    if seen not in messages:
        raise TransitionError("the author names a message that the other side did not send")
    return messages.index(seen) + 1


def state_of(taken: Sequence[Taken]) -> State:
    """Return the state that steps lead to, in whichever order the two sides' steps came (SPEC § 9.3).

    The receiver alone moves a referral forward; the sender can only end it. So the receiver's last state and
    the sender's ending are all there is to weigh.
    """
    line: dict[Side, State] = {"sender": DRAFT, "receiver": DRAFT}
    for step in taken:
        line[step.by] = TRANSITIONS[step.step].target or line[step.by]
    sender, receiver = line["sender"], line["receiver"]
    return sender if _RANK[sender] > _RANK[receiver] else receiver
