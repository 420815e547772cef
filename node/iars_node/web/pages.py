"""The register of pages: where each is, which action it takes, and what answers it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from iars_node.accounts.access import action as known_action
from iars_node.web.visit import Answer

PageFunction: TypeAlias = Callable[..., Answer]

ANYONE = "anyone"
"""A page for people who have not signed in."""

SIGNED_IN = "signed-in"
"""A page for every account, whatever its roles."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One page. One that shows a record writes too: its reading is an audit event."""

    method: str
    path: str
    action: str
    function: PageFunction
    writes: bool
    takes_file: bool = False
    # Asked by a script, not by a person: it keeps no session alive.
    is_unasked: bool = False

    @property
    def name(self) -> str:
        """The route's name."""
        return f"{self.method} {self.path}"


class Pages:
    """The pages of one topic."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def get(
        self, path: str, action: str, *, writes: bool = False, is_unasked: bool = False
    ) -> Callable[[PageFunction], PageFunction]:
        """Add a page that is looked at."""
        return self._adding("GET", path, action, writes=writes, is_unasked=is_unasked)

    def post(
        self, path: str, action: str, *, writes: bool = True, takes_file: bool = False
    ) -> Callable[[PageFunction], PageFunction]:
        """Add a form that is sent, with a file where it takes one."""
        return self._adding("POST", path, action, writes=writes, takes_file=takes_file)

    def _adding(
        self, method: str, path: str, action: str, **given: bool
    ) -> Callable[[PageFunction], PageFunction]:
        if action not in (ANYONE, SIGNED_IN):
            known_action(action)

        def add(function: PageFunction) -> PageFunction:
            self.entries.append(Entry(method, path, action, function, **given))
            return function

        return add
