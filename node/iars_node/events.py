"""Domain events: what one slice announces and another follows, in the same transaction."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from iars_node.work import Work


EventT = TypeVar("EventT")


class Events:
    """A registry from an event's class to the functions that follow it."""

    def __init__(self) -> None:
        self._followers: dict[type[Any], list[Callable[[Work, Any], None]]] = defaultdict(list)

    def follow(self, kind: type[EventT], follower: Callable[[Work, EventT], None]) -> None:
        """Register a follower; it runs inside the announcing transaction and may fail it."""
        self._followers[kind].append(follower)

    def announce(self, work: Work, event: object) -> None:
        """Call every follower of the event's class, in the order of registration."""
        for follower in self._followers[type(event)]:
            follower(work, event)
