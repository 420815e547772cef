"""How failed sign-ins are counted, and how waiting grows with them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node.accounts import credential_store
from iars_node.audit import alarms

if TYPE_CHECKING:
    from iars_node.work import Work

FORGOTTEN_AFTER = timedelta(hours=24)
ALARMING = 25


@dataclass(frozen=True, slots=True)
class Delay:
    """How waiting grows: so many failures are free, then seconds double up to the longest."""

    free: int
    longest: timedelta

    def after(self, failures: int) -> timedelta:
        """Return how long to wait after so many failures."""
        if failures < self.free:
            return timedelta(0)
        doublings = min(failures - self.free, 20)
        return min(timedelta(seconds=2**doublings), self.longest)


# A name waits minutes at most: whoever knows a colleague's name can make it wait. An address is
# often a whole office behind one line, so more failures are free.
NAME_DELAY = Delay(5, timedelta(minutes=5))
ADDRESS_DELAY = Delay(30, timedelta(minutes=15))


def key_of(kind: str, word: str) -> str:
    """Return the key under which failures are counted: a digest, for people type passwords as names."""
    return hashlib.sha256(f"{kind}:{word}".encode()).hexdigest()


def waiting(work: Work, key: str, delay: Delay) -> tuple[int, timedelta]:
    """Return how many failures count for a key and how long it still waits; others wait for the answer."""
    failures, last_at = credential_store.hold_failures(
        work.connection, key, work.now, is_sqlite=work.is_sqlite
    )
    if work.now >= last_at + FORGOTTEN_AFTER:
        failures = 0
    return failures, last_at + delay.after(failures) - work.now


def count(work: Work, key: str, delay: Delay) -> tuple[int, timedelta]:
    """Count a failure beforehand, unless the key has to wait; return the failures and the waiting left."""
    failures, wait = waiting(work, key, delay)
    if wait > timedelta(0):
        return failures, wait
    credential_store.set_failures(work.connection, key, failures + 1, work.now)
    return failures + 1, timedelta(0)


def alarm_if_many(work: Work, account_id: str, failures: int) -> None:
    """Tell an administrator of an account that somebody tries to get into."""
    if account_id and failures >= ALARMING:
        alarms.raise_alarm(work, "account.under-attack", account_id, {"failures": failures})
