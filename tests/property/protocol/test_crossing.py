"""Two sides, one referral: however their messages cross, both copies end in the same state."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import count, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iars_protocol.errors import TransitionError
from iars_protocol.referral import (
    ENTERED_IN_ERROR,
    EXPIRED,
    REQUESTED,
    TRANSITIONS,
    Side,
    State,
    Taken,
    advance,
    arrive,
    state_of,
    view,
)

ANSWERS = ("referral.accept/1", "handover.accept/1", "referral.reject/1")
SIDES: st.SearchStrategy[Side] = st.sampled_from(["sender", "receiver"])
OTHER: dict[Side, Side] = {"sender": "receiver", "receiver": "sender"}


@dataclass
class Copy:
    """One side's copy of a referral, and what is on its way to it."""

    side: Side
    state: State = "draft"
    taken: list[Taken] = field(default_factory=list)
    seen: bytes = b""
    arriving: deque[Taken] = field(default_factory=deque)

    def take(self, step: str, number: int, other: Copy) -> None:
        self.state = advance(self.state, step, self.side)
        made = Taken(number.to_bytes(4, "big"), self.side, step, self.seen)
        self.taken.append(made)
        other.arriving.append(made)

    def deliver(self) -> None:
        came = self.arriving.popleft()
        seen = view(self.taken, came.by, came.seen)
        self.state = arrive(self.state, came.step, came.by, seen=seen)
        self.taken.append(came)
        self.seen = came.message

    def possible(self) -> list[str]:
        return [
            step
            for step, transition in TRANSITIONS.items()
            if self.side in transition.by and self.state in transition.origins
        ]


def settle(*copies: Copy) -> None:
    for copy in copies:
        while copy.arriving:
            copy.deliver()


@settings(max_examples=400)
@given(st.data())
def test_both_copies_end_alike_whatever_crosses(data: st.DataObject) -> None:
    numbers = count(1)
    copies: dict[Side, Copy] = {"sender": Copy("sender"), "receiver": Copy("receiver")}
    for _ in range(data.draw(st.integers(1, 14))):
        side = data.draw(SIDES)
        copy, other = copies[side], copies[OTHER[side]]
        if data.draw(st.booleans()) and copy.arriving:
            copy.deliver()
        elif steps := copy.possible():
            copy.take(data.draw(st.sampled_from(steps)), next(numbers), other)
    settle(*copies.values())
    sender, receiver = copies.values()
    assert sender.state == receiver.state == state_of(sender.taken) == state_of(receiver.taken)


@settings(max_examples=400)
@given(st.data())
def test_a_deadline_that_passes_on_either_side_changes_nothing_about_that(data: st.DataObject) -> None:
    """Each clock says once, at its own moment, that the time to answer is over."""
    numbers = count(1)
    copies: dict[Side, Copy] = {"sender": Copy("sender"), "receiver": Copy("receiver")}
    copies["sender"].take("referral.offer/1", next(numbers), copies["receiver"])
    is_late: dict[Side, bool] = {"sender": False, "receiver": False}
    for _ in range(data.draw(st.integers(1, 14))):
        side = data.draw(SIDES)
        copy, other = copies[side], copies[OTHER[side]]
        choice = data.draw(st.sampled_from(["deliver", "expire", "step"]))
        if choice == "deliver" and copy.arriving:
            copy.deliver()
        elif choice == "expire":
            is_late[side] = True
        elif choice == "step" and (steps := copy.possible()):
            copy.take(data.draw(st.sampled_from(steps)), next(numbers), other)
        if is_late[side] and copy.state == REQUESTED:
            copy.state = EXPIRED
    settle(*copies.values())
    for copy in copies.values():
        if copy.state == REQUESTED:
            copy.state = EXPIRED
    sender, receiver = copies.values()
    assert sender.state == receiver.state


CARE = ["referral.accept/1", "referral.progress/1", "referral.complete/1"]


@pytest.mark.parametrize("ending", ["referral.cancel/1", "referral.entered-in-error/1"])
@pytest.mark.parametrize("steps", range(4))
def test_the_senders_ending_crosses_a_whole_course_of_care(ending: str, steps: int) -> None:
    for order in set(permutations("sr")):
        sender, receiver = Copy("sender"), Copy("receiver")
        sender.take("referral.offer/1", 1, receiver)
        receiver.deliver()
        sender.take(ending, 2, receiver)
        for number, step in enumerate(CARE[:steps], 3):
            receiver.take(step, number, sender)
        settle(*(sender if letter == "s" else receiver for letter in order))
        assert sender.state == receiver.state
        assert (sender.state == "completed") == (steps == 3 and ending == "referral.cancel/1")
        assert (sender.state == ENTERED_IN_ERROR) == (ending == "referral.entered-in-error/1")


def test_a_side_that_claims_not_to_have_seen_an_ending_is_refused() -> None:
    sender, receiver = Copy("sender"), Copy("receiver")
    sender.take("referral.offer/1", 1, receiver)
    receiver.deliver()
    receiver.take("referral.accept/1", 2, sender)
    sender.deliver()
    sender.take("referral.cancel/1", 3, receiver)
    receiver.deliver()
    seen_all = Taken(b"x", "receiver", "referral.note/1", receiver.seen)
    sender.taken.append(seen_all)
    sender.arriving.append(Taken(b"y", "receiver", "referral.complete/1", sender.taken[0].message))
    with pytest.raises(TransitionError):
        sender.deliver()


def test_an_answer_needs_an_offer_that_was_seen() -> None:
    for answer in ANSWERS:
        sender = Copy("sender")
        sender.arriving.append(Taken(b"y", "receiver", answer))
        with pytest.raises(TransitionError):
            sender.deliver()
