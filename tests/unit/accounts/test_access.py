"""Roles, actions and scopes: the table and the questions asked of it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import iars_admin
import iars_node
from iars_node.accounts import access
from iars_node.errors import ForbiddenError
from iars_node.work import SYSTEM, Actor
from iars_protocol.vocabulary import SCOPES

CASE_WORKER = Actor("account", "a", frozenset({"case-worker"}))
ADMINISTRATOR = Actor("account", "a", frozenset({"administrator"}))
RECEPTION = Actor("account", "a", frozenset({"reception"}))
TOKEN = Actor("token", "t", actions=frozenset({"case.read"}), scopes=frozenset({"services"}))
PEER = Actor("peer", "p", frozenset({"administrator"}), actions=frozenset({"case.read"}))

TEXT = """
[actions]
"case.read" = "Read a case"
[people_only]
actions = []
[roles.reader]
label = "Reader"
actions = ["case.read"]
scopes = ["services"]
"""


def test_a_role_allows_its_actions_and_nothing_else() -> None:
    assert access.may(CASE_WORKER, "referral.accept")
    assert not access.may(CASE_WORKER, "account.manage")
    access.require(CASE_WORKER, "referral.accept")
    with pytest.raises(ForbiddenError) as caught:
        access.require(CASE_WORKER, "account.manage")
    assert caught.value.code == "forbidden"


def test_two_roles_allow_what_either_does() -> None:
    both = Actor("account", "a", frozenset({"administrator", "reception"}))
    assert access.may(both, "account.manage")
    assert access.may(both, "case.read")
    assert access.readable_scopes(both) == {"services", "safety"}


def test_an_administrator_reads_no_case_content() -> None:
    assert access.readable_scopes(ADMINISTRATOR) == frozenset()
    assert not any(
        access.may(ADMINISTRATOR, action) for action in access.ACTIONS if action.startswith("case.")
    )
    assert not access.may(ADMINISTRATOR, "referral.read")


def test_reception_reads_services_and_safety_only() -> None:
    assert access.readable_scopes(RECEPTION) == {"services", "safety"}


@pytest.mark.parametrize("role", ["medical", "legal", "psychosocial"])
def test_a_specialist_reads_the_own_scope_beside_the_general_ones(role: str) -> None:
    actor = Actor("account", "a", frozenset({role}))
    assert access.readable_scopes(actor) == {"services", "demographics", role}


def test_a_coordinator_never_accepts() -> None:
    assert not access.may(Actor("account", "a", frozenset({"coordinator"})), "referral.accept")


def test_a_token_may_what_it_names() -> None:
    assert access.may(TOKEN, "case.read")
    assert not access.may(TOKEN, "case.search")
    assert access.readable_scopes(TOKEN) == {"services"}


def test_the_node_itself_may_all_and_a_peer_nothing() -> None:
    assert all(access.may(SYSTEM, action) for action in access.ACTIONS)
    assert access.readable_scopes(SYSTEM) == SCOPES.keys()
    assert not any(access.may(PEER, action) for action in access.ACTIONS)
    assert access.readable_scopes(PEER) == frozenset()


def test_a_role_that_no_longer_exists_allows_nothing() -> None:
    assert not access.may(Actor("account", "a", frozenset({"gone"})), "case.read")


def test_an_unknown_action_fails_where_it_is_named() -> None:
    assert access.action("case.read") == "case.read"
    for ask in (lambda: access.action("case.guess"), lambda: access.may(SYSTEM, "case.guess")):
        with pytest.raises(ValueError, match=r"case\.guess"):
            ask()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('actions = ["case.read"]', 'actions = ["case.guess"]'),
        ('scopes = ["services"]', 'scopes = ["gossip"]'),
        ("actions = []", 'actions = ["case.guess"]'),
    ],
)
def test_a_table_with_an_unknown_word_is_refused(old: str, new: str) -> None:
    assert access.read_table(TEXT).roles["reader"].scopes == {"services"}
    with pytest.raises(ValueError, match="not in the table"):
        access.read_table(TEXT.replace(old, new))


def test_every_action_belongs_to_a_role() -> None:
    held = frozenset[str]().union(*(role.actions for role in access.ROLES.values()))
    assert held == access.ACTIONS


def test_the_table_for_the_documentation_has_a_line_for_each_action_and_scope() -> None:
    lines = access.as_markdown().splitlines()
    assert len(lines) == 2 + len(access.ACTIONS) + len(SCOPES)
    assert all(line.count("|") == len(access.ROLES) + 2 for line in lines)


def test_every_action_that_the_code_asks_for_exists() -> None:
    asked = set()
    for package in (iars_node, iars_admin):
        for path in sorted(Path(package.__path__[0]).rglob("*.py")):
            asked |= _asked(ast.parse(path.read_text("utf-8")))
    assert asked - access.ACTIONS == set()
    assert "account.manage" in asked


def _asked(tree: ast.Module) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {
            "require",
            "access.require",
            "access.may",
            "access.action",
        }:
            found |= {word.value for word in node.args if isinstance(word, ast.Constant)}
    return {word for word in found if isinstance(word, str)}
