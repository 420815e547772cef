"""A unit of work: one transaction, one moment, one actor."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from iars_node.events import Events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from sqlalchemy import Connection

    from iars_node.clock import Clock
    from iars_node.db import Database
    from iars_node.vault.breached import BreachedPasswords
    from iars_node.vault.vault import Vault

ActorKind = Literal["account", "token", "peer", "system"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: an account, a token of another system, a peer's node, or the node itself."""

    kind: ActorKind
    id: str
    roles: frozenset[str] = frozenset()
    language: str = "en"
    # A token has no roles: it names what it may do and read.
    actions: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()


SYSTEM = Actor("system", "node")


@dataclass(frozen=True, slots=True)
class AssignmentRule:
    """Whether what is sensitive in a case is for those it is assigned to; how long others may look."""

    is_on: bool = False
    opening: timedelta = timedelta(hours=3)


NO_RULE = AssignmentRule()


@dataclass(frozen=True, slots=True)
class OpeningLimits:
    """How many cases one account or token opens until administrators are told, and at most; 0 is no limit."""

    told_an_hour: int = 0
    most_an_hour: int = 0
    told_a_day: int = 0
    most_a_day: int = 0

    @property
    def are_set(self) -> bool:
        """Say whether anything has to be counted."""
        return bool(self.told_an_hour or self.most_an_hour or self.told_a_day or self.most_a_day)


NO_LIMITS = OpeningLimits()


@dataclass(slots=True)
class Running:
    """The job that a unit of work runs, and when it wants to run again."""

    id: str
    kind: str
    subject: str
    next: tuple[datetime, Mapping[str, str | int]] | None = None

    def is_of(self, kind: str, subject: str) -> bool:
        """Say whether this is the job of a kind and subject."""
        return (self.kind, self.subject) == (kind, subject)


@dataclass(slots=True)
class Work:
    """Everything a use case needs: the open transaction, the vault, the moment and the actor.

    Application code never commits: the edge that opened the work does, once.
    """

    connection: Connection
    vault: Vault
    now: datetime
    actor: Actor
    events: Events
    is_sqlite: bool
    after_commit: list[Callable[[], None]] = field(default_factory=list)
    assignment: AssignmentRule = NO_RULE
    limits: OpeningLimits = NO_LIMITS
    breached: BreachedPasswords | None = None
    running: Running | None = None

    def announce(self, event: object) -> None:
        """Tell the followers of a domain event, inside this transaction."""
        self.events.announce(self, event)


class Works:
    """Opens units of work: the one place where transactions begin and end."""

    def __init__(  # noqa: PLR0913 - what every unit of work needs
        self,
        database: Database,
        vault: Vault,
        clock: Clock,
        events: Events | None = None,
        assignment: AssignmentRule = NO_RULE,
        *,
        limits: OpeningLimits = NO_LIMITS,
        breached: BreachedPasswords | None = None,
    ) -> None:
        self.assignment = assignment
        self.limits = limits
        self.breached = breached
        self.database = database
        self.vault = vault
        self.clock = clock
        self.events = events or Events()

    @contextmanager
    def write(self, actor: Actor) -> Iterator[Work]:
        """Open a writing unit of work; commit at the end, then run what waits for the commit."""
        with self.database.write() as connection:
            work = self._work(connection, actor)
            yield work
        for action in work.after_commit:
            action()

    @contextmanager
    def read(self, actor: Actor) -> Iterator[Work]:
        """Open a reading unit of work."""
        with self.database.read() as connection:
            yield self._work(connection, actor)

    def _work(self, connection: Connection, actor: Actor) -> Work:
        return Work(
            connection,
            self.vault,
            self.clock.now(),
            actor,
            self.events,
            self.database.is_sqlite,
            assignment=self.assignment,
            limits=self.limits,
            breached=self.breached,
        )
