"""Write the page about roles: `python -m iars_node.web.roles_page [FILE]`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from iars_node.accounts.access import ROLES, TABLE, as_markdown
from iars_node.api.gathering import DESCRIPTION, TOPICS
from iars_node.api.operations import ACTION
from iars_node.web.pages import ANYONE, SIGNED_IN
from iars_node.web.routes import entries

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PAGE = Path("docs/roles.md")

_HEAD = """# Who may do what

Made from `node/iars_node/accounts/roles.toml`, the register of pages and the interface for own systems;
tests fail when this page differs from them. After a change write it anew:
`python -m iars_node.web.roles_page`.

## Actions and scopes

A role may take the actions and read the scopes that are ticked. No role reads more because a page shows
more: a page leaves out what its reader may not read.

"""
_PAGES = """
## Pages

Whoever is not signed in is sent to the sign-in page, except from the pages for anyone. A ticked role is let
in; every other account, one without roles too, is answered 403. A record that does not exist is 404, to
those who are let in only.

"""
_INTERFACE = """
## The interface for own systems

A token holds actions, not roles: it is let in where it names the action. Ticked is which role could take the
action itself. Without a token the answer is 401, without the action 403.

"""


def page_rows() -> list[tuple[str, str]]:
    """Return every page with its action."""
    return sorted(((entry.name, entry.action) for entry in entries()), key=_by_path)


def interface_rows() -> list[tuple[str, str]]:
    """Return every operation of the interface with its action."""
    found = [(f"GET {DESCRIPTION}", ANYONE)]
    for topic in TOPICS:
        for route in topic.router.routes:
            action = (getattr(route, "openapi_extra", None) or {})[ACTION]
            methods: set[str] = getattr(route, "methods", set())
            path: str = getattr(route, "path", "")
            found += [(f"{method} {path}", action) for method in methods]
    return sorted(found, key=_by_path)


def _by_path(row: tuple[str, str]) -> tuple[str, str]:
    method, _, path = row[0].partition(" ")
    return path, method


def lets_in(role: str, action: str) -> bool:
    """Say whether a role is let in where an action is asked for."""
    return action in (ANYONE, SIGNED_IN) or action in ROLES[role].actions


def as_page() -> str:
    """Write the whole page."""
    tables = (as_markdown(), _table("Page", page_rows()), _table("Operation", interface_rows()))
    return "".join(
        f"{before}{table.rstrip()}\n"
        for before, table in zip((_HEAD, _PAGES, _INTERFACE), tables, strict=True)
    )


def _table(heading: str, rows: Iterable[tuple[str, str]]) -> str:
    return "\n".join(_lines(heading, rows))


def _lines(heading: str, rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield f"| {heading} | Action | " + " | ".join(role.label for role in ROLES.values()) + " |"
    yield "|---" * (len(ROLES) + 2) + "|"
    for name, action in rows:
        marks = " | ".join("✓" if lets_in(role, action) else "" for role in ROLES)
        yield f"| `{name}` | {_asked(action)} | {marks} |"


def _asked(action: str) -> str:
    return (
        f"`{action}`" if action in TABLE.actions else {ANYONE: "anyone", SIGNED_IN: "every account"}[action]
    )


def main() -> None:
    """Write the page."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else PAGE
    path.write_text(as_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
