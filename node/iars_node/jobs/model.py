"""A durable job: something to do at a time, once, whatever process lives to do it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from iars_node.errors import ConflictError
from iars_node.work import Work

_ID = re.compile(r"[A-Za-z0-9._:+/=@-]{0,200}").fullmatch


@dataclass(frozen=True, slots=True)
class Job:
    """One job. Its payload holds ids and numbers: content stays where it is sealed."""

    id: str
    kind: str
    subject: str
    payload: Mapping[str, str | int]
    due_at: datetime
    attempts: int = 0
    lease_owner: str | None = None
    lease_fence: int = 0
    lease_until: datetime | None = None
    done_at: datetime | None = None
    failed_at: datetime | None = None
    last_error: str | None = None


# A handler runs inside the transaction that marks the job as done.
Handler: TypeAlias = Callable[[Work, Job], None]


class StaleLeaseError(ConflictError):
    """Another worker has taken the job over; what this one did is rolled back."""

    code = "stale-lease"


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a failing job is tried, and how the time between grows."""

    most: int = 8
    first: timedelta = timedelta(seconds=10)
    longest: timedelta = timedelta(hours=1)

    def wait(self, attempts: int) -> timedelta:
        """Return how long to wait after so many attempts."""
        doublings = max(0, min(attempts - 1, 20))
        return min(self.first * (1 << doublings), self.longest)


@dataclass(frozen=True, slots=True)
class Worker:
    """Who runs jobs: a name that no other process has, what it can do, and for how long it holds one."""

    name: str
    handlers: Mapping[str, Handler] = field(repr=False)
    lease: timedelta = timedelta(minutes=2)
    retries: Retries = Retries()


def check_payload(subject: str, payload: Mapping[str, str | int]) -> None:
    """Refuse anything in a job that is not an id or a number."""
    for word in (subject, *payload.values()):
        if not isinstance(word, int) and _ID(word) is None:
            raise ValueError("a job holds ids and numbers only")
