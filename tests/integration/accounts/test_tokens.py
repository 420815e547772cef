"""Access tokens on real databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from iars_node.accounts import access, credential_store, tokens
from iars_node.accounts.tokens import WantedToken
from iars_node.errors import ForbiddenError, InvalidError, NotFoundError, UnauthenticatedError
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from iars_node.accounts.model import Account, NewToken
    from iars_node.clock import SetClock
    from iars_node.work import Works

WANTED = WantedToken(
    "case system", frozenset({"case.read", "case.import"}), frozenset({"services"}), timedelta(days=90)
)


@pytest.fixture
def made(works: Works, administrator: Account) -> NewToken:
    """A token for the organisation's case system."""
    with works.write(administrator.actor) as work:
        return tokens.create_token(work, WANTED)


def test_a_token_acts_with_its_own_actions_and_scopes(works: Works, made: NewToken) -> None:
    with works.read(SYSTEM) as work:
        actor = tokens.find_token(work, made.secret).actor
    assert made.secret.startswith("iars_")
    assert actor.id == made.token.id
    assert access.may(actor, "case.import")
    assert not access.may(actor, "referral.send")
    assert access.readable_scopes(actor) == {"services"}


def test_the_secret_is_not_stored(works: Works, made: NewToken) -> None:
    with works.read(SYSTEM) as work:
        row = work.connection.execute(text("SELECT * FROM token")).one()
    assert made.secret not in map(str, row)
    assert made.secret.removeprefix("iars_") not in repr(row)


def test_an_unknown_an_expired_and_a_revoked_token_are_refused(
    works: Works, administrator: Account, made: NewToken, clock: SetClock
) -> None:
    with works.read(SYSTEM) as work, pytest.raises(UnauthenticatedError):
        tokens.find_token(work, "iars_guess")
    clock.moment += WANTED.life
    with works.read(SYSTEM) as work, pytest.raises(UnauthenticatedError):
        tokens.find_token(work, made.secret)
    clock.moment -= timedelta(seconds=1)
    with works.write(administrator.actor) as work:
        assert tokens.find_token(work, made.secret) == made.token
        tokens.revoke_token(work, made.token.id)
        with pytest.raises(UnauthenticatedError):
            tokens.find_token(work, made.secret)
        with pytest.raises(NotFoundError):
            tokens.revoke_token(work, made.token.id)


def test_the_last_use_is_written_at_most_once_a_minute(works: Works, made: NewToken, clock: SetClock) -> None:
    with works.write(SYSTEM) as work:
        assert tokens.is_use_unnoticed(made.token, work.now)
        tokens.notice_use(work, made.token)
        used = tokens.find_token(work, made.secret)
    assert used.last_used_at == clock.moment
    assert not tokens.is_use_unnoticed(used, clock.moment + timedelta(seconds=59))
    assert tokens.is_use_unnoticed(used, clock.moment + timedelta(seconds=60))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"label": " "}, "label"),
        ({"actions": frozenset[str]()}, "actions"),
        ({"actions": frozenset({"case.guess"})}, "actions"),
        ({"actions": frozenset({"account.manage"})}, "actions"),
        ({"scopes": frozenset({"gossip"})}, "scopes"),
        ({"life": timedelta(0)}, "life"),
        ({"life": timedelta(days=401)}, "life"),
    ],
)
def test_a_token_that_should_not_be_is_not_made(works: Works, change: dict[str, object], field: str) -> None:
    with works.write(SYSTEM) as work:
        with pytest.raises(InvalidError) as caught:
            tokens.create_token(work, replace(WANTED, **change))  # type: ignore[arg-type]  # each value fits its field
        assert credential_store.tokens(work.connection) == []
    assert caught.value.faults.keys() == {field}


def test_only_an_administrator_makes_and_revokes_tokens(
    works: Works, made: NewToken, case_worker: Account
) -> None:
    with works.write(case_worker.actor) as work:
        with pytest.raises(ForbiddenError):
            tokens.create_token(work, WANTED)
        with pytest.raises(ForbiddenError):
            tokens.revoke_token(work, made.token.id)
        assert credential_store.tokens(work.connection) == [made.token]
