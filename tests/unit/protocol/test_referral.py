from __future__ import annotations

import pytest

from iars_protocol.errors import TransitionError
from iars_protocol.messages.registry import TYPES
from iars_protocol.referral import (
    CLOSED,
    OPEN,
    STATES,
    TRANSITIONS,
    Side,
    State,
    Taken,
    advance,
    arrive,
    state_of,
    view,
)


@pytest.mark.parametrize("step", TRANSITIONS)
@pytest.mark.parametrize("by", ["sender", "receiver"])
@pytest.mark.parametrize("state", STATES)
def test_the_table_decides_every_step(step: str, by: Side, state: State) -> None:
    transition = TRANSITIONS[step]
    if by in transition.by and state in transition.origins:
        assert advance(state, step, by) == (transition.target or state)
        return
    with pytest.raises(TransitionError):
        advance(state, step, by)


def test_every_step_is_a_registered_message_and_unknown_ones_are_refused() -> None:
    assert TRANSITIONS.keys() <= TYPES.keys()
    with pytest.raises(TransitionError) as refusal:
        advance("requested", "x" * 100, "sender")
    assert "xxx" not in str(refusal.value)


def test_the_receiver_alone_accepts_and_the_sender_alone_corrects() -> None:
    with pytest.raises(TransitionError):
        advance("requested", "referral.accept/1", "sender")
    with pytest.raises(TransitionError):
        advance("accepted", "referral.entered-in-error/1", "receiver")


@pytest.mark.parametrize("state", CLOSED)
def test_nothing_reopens_a_closed_referral(state: State) -> None:
    for step, transition in TRANSITIONS.items():
        for by in transition.by:
            try:
                assert advance(state, step, by) == state
            except TransitionError:
                continue


@pytest.mark.parametrize(
    ("state", "step", "by", "seen", "after"),
    [
        ("cancelled", "referral.accept/1", "receiver", "requested", "cancelled"),
        ("cancelled", "referral.progress/1", "receiver", "accepted", "cancelled"),
        ("cancelled", "referral.complete/1", "receiver", "in-progress", "completed"),
        ("cancelled", "referral.reject/1", "receiver", "requested", "rejected"),
        ("completed", "referral.cancel/1", "sender", "in-progress", "completed"),
        ("completed", "referral.entered-in-error/1", "sender", "accepted", "entered-in-error"),
        ("entered-in-error", "referral.complete/1", "receiver", "in-progress", "entered-in-error"),
        ("expired", "referral.accept/1", "receiver", "requested", "accepted"),
        ("expired", "referral.cancel/1", "sender", "requested", "cancelled"),
        ("expired", "referral.amend/1", "sender", "requested", "expired"),
        ("accepted", "referral.progress/1", "receiver", "accepted", "in-progress"),
        ("cancelled", "referral.appointment/1", "receiver", "accepted", "cancelled"),
    ],
)
def test_steps_that_crossed_end_in_one_state(
    state: State, step: str, by: Side, seen: State, after: State
) -> None:
    assert arrive(state, step, by, seen=seen) == after


def test_a_step_that_its_author_could_not_take_is_refused() -> None:
    with pytest.raises(TransitionError):
        arrive("cancelled", "referral.complete/1", "receiver", seen="requested")


OFFER = Taken(b"o", "sender", "referral.offer/1")
ACCEPT = Taken(b"a", "receiver", "referral.accept/1", b"o")
PROGRESS = Taken(b"p", "receiver", "referral.progress/1", b"o")
CANCEL = Taken(b"c", "sender", "referral.cancel/1", b"a")
NOTE = Taken(b"n", "receiver", "referral.note/1", b"c")


def test_the_authors_copy_holds_its_own_steps_and_those_it_had_seen() -> None:
    assert view([], "sender", b"") == "draft"
    assert view([OFFER], "receiver", b"o") == "requested"
    assert view([OFFER, CANCEL, ACCEPT, PROGRESS], "receiver", b"o") == "in-progress"
    assert view([OFFER, CANCEL, ACCEPT, PROGRESS], "receiver", b"c") == "cancelled"
    assert view([OFFER, ACCEPT, PROGRESS], "sender", b"a") == "accepted"


def test_nobody_unsees_a_message() -> None:
    for seen in (b"o", b""):
        with pytest.raises(TransitionError):
            view([OFFER, CANCEL, NOTE], "receiver", seen)


def test_what_was_seen_is_the_other_sides() -> None:
    for seen in (b"x", b"a"):
        with pytest.raises(TransitionError):
            view([OFFER, ACCEPT], "receiver", seen)


def test_the_order_of_the_two_sides_does_not_matter() -> None:
    assert (
        state_of([OFFER, ACCEPT, CANCEL, PROGRESS])
        == state_of([OFFER, CANCEL, ACCEPT, PROGRESS])
        == "cancelled"
    )
    assert state_of([OFFER, ACCEPT]) in OPEN
