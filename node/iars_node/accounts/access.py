"""Who may do what: the table of roles and actions, and the questions asked of it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING

from iars_node.errors import ForbiddenError
from iars_protocol.vocabulary import SCOPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from iars_node.work import Actor


@dataclass(frozen=True, slots=True)
class Role:
    """A set of actions, and the scopes of a record that it reads."""

    code: str
    label: str
    actions: frozenset[str]
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class AccessTable:
    """Every action and every role of the node."""

    actions: Mapping[str, str]
    people_only: frozenset[str]
    roles: Mapping[str, Role]


def read_table(text: str) -> AccessTable:
    """Read the table of roles; a role with an unknown action or scope is refused."""
    content = tomllib.loads(text)
    actions: dict[str, str] = content["actions"]
    people_only = frozenset(content["people_only"]["actions"])
    roles = {
        code: Role(code, entry["label"], frozenset(entry["actions"]), frozenset(entry["scopes"]))
        for code, entry in content["roles"].items()
    }
    _refuse_unknown(people_only - actions.keys())
    for role in roles.values():
        _refuse_unknown(role.actions - actions.keys())
        _refuse_unknown(role.scopes - SCOPES.keys())
    return AccessTable(MappingProxyType(actions), people_only, MappingProxyType(roles))


def _refuse_unknown(words: Iterable[str]) -> None:
    if unknown := sorted(words):
        raise ValueError(f"not in the table of roles and actions: {', '.join(unknown)}")


TABLE = read_table(resources.files("iars_node.accounts").joinpath("roles.toml").read_text("utf-8"))
ACTIONS = frozenset(TABLE.actions)
ROLES = TABLE.roles
ADMINISTRATOR = "administrator"

_NOTHING: frozenset[str] = frozenset()
_EVERY_SCOPE = frozenset(SCOPES)


def action(code: str) -> str:
    """Return the action's code; an unknown one fails here, when the code that names it is imported."""
    if code not in ACTIONS:
        raise ValueError(f"not in the table of roles and actions: {code}")
    return code


def may(actor: Actor, code: str) -> bool:
    """Say whether the actor may take an action."""
    action(code)
    if actor.kind == "system":
        return True
    if actor.kind == "token":
        return code in actor.actions
    return any(code in role.actions for role in _roles(actor))


def require(actor: Actor, code: str) -> None:
    """Refuse an actor that may not take an action."""
    if not may(actor, code):
        raise ForbiddenError(f"This account's roles do not allow “{code}”; ask an administrator.", code)


def readable_scopes(actor: Actor) -> frozenset[str]:
    """Return the scopes of a record that the actor may read."""
    if actor.kind == "system":
        return _EVERY_SCOPE
    if actor.kind == "token":
        return actor.scopes
    return _NOTHING.union(*(role.scopes for role in _roles(actor)))


def _roles(actor: Actor) -> list[Role]:
    # A peer's node holds no role: what it may do is decided by grants, not by this table.
    if actor.kind != "account":
        return []
    return [ROLES[code] for code in actor.roles if code in ROLES]


def as_markdown() -> str:
    """Write the table of roles, actions and scopes as Markdown."""
    roles = list(ROLES.values())
    heading = "| | " + " | ".join(role.label for role in roles) + " |"
    rule = "|---" * (len(roles) + 1) + "|"
    actions = [
        _line(f"{label} (`{code}`)", code, [r.actions for r in roles])
        for code, label in TABLE.actions.items()
    ]
    scopes = [
        _line(f"Reads: {scope.label}", scope.code, [r.scopes for r in roles]) for scope in SCOPES.values()
    ]
    return "\n".join([heading, rule, *actions, *scopes, ""])


def _line(label: str, code: str, sets: Iterable[frozenset[str]]) -> str:
    return f"| {label} | " + " | ".join("✓" if code in held else "" for held in sets) + " |"
