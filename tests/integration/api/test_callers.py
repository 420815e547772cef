"""Tokens: who calls, what they may, and that their use is noticed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from iars_node.accounts.credential_store import tokens
from iars_node.accounts.tokens import revoke_token
from iars_node.api.operations import LARGEST_BODY
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.federation.neighbours import Neighbour
    from tests.integration.api.conftest import System

    from iars_node.accounts.model import Token
    from iars_node.clock import SetClock

    Pair = tuple[Neighbour, Neighbour]


def token_of(nodes: Pair) -> Token:
    with nodes[0].node.works.read(SYSTEM) as work:
        return tokens(work.connection)[0]


@pytest.mark.parametrize("header", ["", "Bearer", "Basic YTpi", "Bearer something", "iars_unknown"])
def test_another_kind_of_authorization_is_none(stranger: System, header: str) -> None:
    assert stranger.get("/peers", headers={"Authorization": header}).status_code == 401


def test_a_revoked_and_an_expired_token_are_refused(
    new_system: Callable[..., System], nodes: Pair, clock: SetClock
) -> None:
    system = new_system()
    assert system.get("/peers").status_code == 200
    with nodes[0].node.works.write(SYSTEM) as work:
        revoke_token(work, tokens(work.connection)[0].id)
    assert system.get("/peers").status_code == 401
    other = new_system()
    assert other.get("/peers").status_code == 200
    clock.moment += timedelta(days=1)
    assert other.get("/peers").status_code == 401


def test_the_use_of_a_token_is_noticed(system: System, nodes: Pair, clock: SetClock) -> None:
    assert token_of(nodes).last_used_at is None
    system.get("/peers")
    assert token_of(nodes).last_used_at == clock.moment
    first = clock.moment
    clock.moment += timedelta(seconds=30)
    system.get("/peers")
    assert token_of(nodes).last_used_at == first


def test_a_locked_node_shows_no_content(system: System, nodes: Pair) -> None:
    shelter, _ = nodes
    case = shelter.open_case()
    shelter.node.vault.lock()
    answer = system.get(f"/cases/{case.id}", params={"scopes": "identity"})
    assert (answer.status_code, answer.json()["code"]) == (503, "locked")


def test_a_body_that_is_too_long_is_not_read(system: System) -> None:
    answer = system.call(
        "POST",
        "/cases",
        content=b'"' + bytes(LARGEST_BODY) + b'"',
        headers={"Content-Type": "application/json"},
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[]", b"null", b'{"text": 1}'])
def test_a_body_of_another_form_is_refused_without_repeating_it(system: System, content: bytes) -> None:
    answer = system.call(
        "POST", "/cases/search", content=content, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid"


def test_an_unknown_field_is_refused_and_no_value_is_repeated(system: System) -> None:
    answer = system.post("/cases", {"stage": "identified", "surname": "Munteanu", "person_id": "Ana"})
    assert answer.status_code == 422
    assert set(answer.json()["faults"]) == {"surname", "person_id"}
    assert "Munteanu" not in answer.text
    assert "Ana" not in answer.text
