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
    # Whether its form is kept for its person where it meets a locked session.
    keeps: bool = False
    takes_file: bool = False
    # A file that is sealed while it arrives: it may be long.
    takes_attachment: bool = False
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
        return self._adding(
            action, lambda function: Entry("GET", path, action, function, writes, is_unasked=is_unasked)
        )

    def post(
        self, path: str, action: str, *, writes: bool = True, keeps: bool = True
    ) -> Callable[[PageFunction], PageFunction]:
        """Add a form that is sent."""
        return self._adding(
            action, lambda function: Entry("POST", path, action, function, writes, keeps=keeps)
        )

    def upload(self, path: str, action: str) -> Callable[[PageFunction], PageFunction]:
        """Add a form that is sent with a file."""
        return self._adding(
            action, lambda function: Entry("POST", path, action, function, writes=True, takes_file=True)
        )

    def attach(self, path: str, action: str) -> Callable[[PageFunction], PageFunction]:
        """Add a form that is sent with an attachment."""
        return self._adding(
            action, lambda function: Entry("POST", path, action, function, writes=True, takes_attachment=True)
        )

    def _adding(
        self, action: str, entry_of: Callable[[PageFunction], Entry]
    ) -> Callable[[PageFunction], PageFunction]:
        if action not in (ANYONE, SIGNED_IN):
            known_action(action)

        def add(function: PageFunction) -> PageFunction:
            self.entries.append(entry_of(function))
            return function

        return add
