"""The exchange's nouns: messages kept as evidence, what waits to be sent, what comes in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    from iars_node.peers.model import Peer
    from iars_node.work import Work
    from iars_protocol.content import Content
    from iars_protocol.envelope import Header, Message
    from iars_protocol.receipt import Receipt, SignedReceipt

Direction: TypeAlias = Literal["out", "in"]
OutboxState: TypeAlias = Literal["pending", "parked"]

# How many threads, and their name. Where all nodes live in one test, what is handed over may run at once.
Threads: TypeAlias = "Callable[[int, str], Executor]"

OUT: Direction = "out"
IN: Direction = "in"

FIRST, ORDINARY = 0, 1
"""Which lines of the outbox go before which; within each, and in a thread anyway, the order of queueing."""

PENDING: OutboxState = "pending"
PARKED: OutboxState = "parked"

BATCH = 50
"""Envelopes in one request at the most; a receiver takes up to 100."""

BATCH_BYTES = 256 * 1024
"""A longer envelope goes alone. A request is one transaction at the peer: short, so that it comes to its end
between two failures, and so that others get their turn."""
"""Bytes of envelopes in one request at the most; a receiver takes up to 16 MiB."""

LEASE = timedelta(seconds=20)
"""How long a worker owns a peer's route when it isn't heard of; while it sends it renews the lease."""

FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(minutes=30)
# A locked node is there, and somebody is about to unlock it.
LONGEST_LOCKED = timedelta(minutes=1)
PARK_AFTER = timedelta(days=14)
KEEP_SIGNED = timedelta(days=35)


@dataclass(frozen=True, slots=True)
class Draft:
    """A message to be signed and queued.

    `part_keys` gives, for each part in the order of the content, the ids of the content keys that seal it
    at rest: all of them must live for the part to be opened again. `precedence` puts news of keys and streams
    before what is said about persons.
    """

    peer: Peer
    thread: bytes
    content: Content
    part_keys: tuple[tuple[bytes, ...], ...]
    expires: datetime
    grant: bytes = b""
    precedence: int = ORDINARY


@dataclass(frozen=True, slots=True)
class Queued:
    """One line of the outbox."""

    sequence: int
    message: bytes
    thread: bytes
    precedence: int
    attempts: int
    queued_at: datetime


@dataclass(frozen=True, slots=True)
class Route:
    """The right to send to one peer, until another worker's higher fence takes it."""

    peer: bytes
    owner: str
    fence: int
    failures: int
    last_error: str
    lease: timedelta


@dataclass(frozen=True, slots=True)
class Incoming:
    """A verified message and where it came from, as a handler gets it."""

    peer: Peer
    message: Message
    header: Header
    content: Content


@dataclass(frozen=True, slots=True)
class Proof:
    """One message of a thread as evidence: who signed what when, and the other side's signed answer."""

    message: bytes
    direction: Direction
    type: str
    author: bytes
    previous: bytes
    seen: bytes
    number: int
    created_at: datetime
    recorded_at: datetime
    header_bytes: bytes
    signature: bytes
    receipt: SignedReceipt | None

    @property
    def outcome(self) -> Receipt | None:
        """The decoded receipt."""
        return None if self.receipt is None else self.receipt.receipt


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Announced when a message was queued: after the commit the sender need not wait for its next look."""

    peer: bytes


@dataclass(frozen=True, slots=True)
class Receipted:
    """Announced when a peer's final receipt for one of our messages was verified."""

    message: bytes
    thread: bytes
    type: str
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class PutBack:
    """Announced when the database is one from a backup: what was erased since lies in it again, sealed."""


@dataclass(frozen=True, slots=True)
class Resynced:
    """Announced when a restored node may sign for a peer again: it has what it had forgotten."""

    peer: bytes


@dataclass(frozen=True, slots=True)
class Handler:
    """What a message type does here: the keys that keep its parts, and its effect.

    Both run in one transaction. They refuse by raising ProtocolError or NodeError with a code.
    """

    apply: Callable[[Work, Incoming], None]
    part_keys: Callable[[Work, Incoming], tuple[tuple[bytes, ...], ...]]
