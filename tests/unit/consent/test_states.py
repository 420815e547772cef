"""The life of a consent, as a table: everything that it does not allow is refused."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, get_args

import pytest

from iars_node.accounts.access import ACTIONS
from iars_node.consent import exception
from iars_node.consent.model import PERMITTING, State
from iars_node.consent.states import TRANSITIONS, By, Step, advance
from iars_node.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Iterator

STATES: tuple[State | None, ...] = (None, *get_args(State))
ALLOWED = {
    (None, "request", "organisation"): "requested",
    (None, "refuse", "person"): "refused",
    (None, "give", "person"): "given",
    ("requested", "refuse", "person"): "refused",
    ("requested", "give", "person"): "given",
    ("requested", "invalidate", "organisation"): "invalidated",
    ("given", "renew", "person"): "renewed",
    ("renewed", "renew", "person"): "renewed",
    ("expired", "renew", "person"): "renewed",
    ("given", "narrow", "person"): "given",
    ("renewed", "narrow", "person"): "renewed",
    ("given", "expire", "clock"): "expired",
    ("renewed", "expire", "clock"): "expired",
    ("given", "invalidate", "organisation"): "invalidated",
    ("renewed", "invalidate", "organisation"): "invalidated",
    ("given", "withdraw", "person"): "withdrawn",
    ("renewed", "withdraw", "person"): "withdrawn",
    ("given", "revoke", "other"): "revoked",
    ("renewed", "revoke", "other"): "revoked",
    ("expired", "withdraw", "person"): "withdrawn",
    ("expired", "revoke", "other"): "revoked",
}


def everything() -> Iterator[tuple[State | None, Step, By]]:
    yield from product(STATES, get_args(Step), get_args(By))


def test_what_the_table_does_not_allow_is_refused() -> None:
    for state, step, by in everything():
        if (state, step, by) not in ALLOWED:
            with pytest.raises(ConflictError):
                advance(state, step, by)


def test_each_step_leads_where_the_table_says() -> None:
    found = {each: advance(*each) for each in everything() if each in ALLOWED}
    assert found == ALLOWED


def test_every_state_is_reached_and_only_two_permit_anything() -> None:
    assert set(ALLOWED.values()) == set(get_args(State))
    assert PERMITTING == ("given", "renewed")


def test_only_the_person_withdraws_and_only_others_revoke() -> None:
    assert TRANSITIONS["withdraw"].by == ("person",)
    assert TRANSITIONS["revoke"].by == ("other",)


def test_every_step_of_people_needs_an_action_of_the_roles() -> None:
    for step, transition in TRANSITIONS.items():
        assert transition.action in ACTIONS or (step == "expire" and transition.action == "")


def test_an_exception_is_decided_once() -> None:
    assert exception.advance("pending", "approve") == "approved"
    assert exception.advance("pending", "refuse") == "refused"
    assert exception.advance("pending", "lapse") == "lapsed"
    decided: tuple[exception.State, ...] = ("approved", "refused", "lapsed")
    for state, step in product(decided, exception.TRANSITIONS):
        with pytest.raises(ConflictError):
            exception.advance(state, step)
