"""What a node and its witnesses know of each other's logs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Policy:
    """How many witnesses are shown the log's head, how often, and when one is missed."""

    witnesses: int = 5
    every: timedelta = timedelta(minutes=15)
    missed_after: timedelta = timedelta(hours=48)
    # Where nothing happens, witnesses still say once a day that nothing was changed.
    quiet_every: timedelta = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Witness:
    """A peer that is shown our log: what it cosigned last, and what it was asked since."""

    peer: bytes
    origin: str
    size: int
    cosigned_at: datetime | None
    # The message that it was asked with and has not answered.
    asked: bytes | None
    asked_at: datetime | None
    asked_since: datetime | None
    # The newest event when it was asked.
    asked_reached: int
    # After a restore: whether it has still to say what it cosigned last.
    is_awaited: bool


@dataclass(frozen=True, slots=True)
class Held:
    """The newest checkpoint of a peer's log that this node has cosigned."""

    peer: bytes
    origin: str
    number: int
    note: bytes
    size: int
    cosigned_at: datetime
