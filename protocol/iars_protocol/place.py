"""Where a message stands among those that came before it from its author (SPEC § 5.6).

Only a recipient's memory can tell: it is asked here, so that every implementation judges alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iars_protocol.errors import ExpiredError, ReplayError
from iars_protocol.receipt import REFUSED, WAITING

if TYPE_CHECKING:
    from collections.abc import Callable

    from iars_protocol.envelope import Header
    from iars_protocol.receipt import Outcome

ALARMING = frozenset({"replay", "thread-fork"})
"""Codes of two messages where only one can be: their author has contradicted itself."""


@dataclass(frozen=True, slots=True)
class Misplaced:
    """What the receipt says of a message that is not in its place."""

    outcome: Outcome
    code: str


@dataclass(frozen=True, slots=True)
class Memory:
    """What a recipient remembers of an author.

    `head` is the id of the author's newest applied message in the thread, or empty. `fate` returns the
    outcome of one of the author's messages, None where it is not known; `has_sent` says whether the recipient
    itself has sent the author a message.
    """

    head: bytes
    fate: Callable[[bytes], str | None]
    has_sent: Callable[[bytes], bool]


def judge_number(message: bytes, known: bytes | None) -> bool:
    """Say whether a message is known already, by what was received under its id or its stream's number.

    Args:
        message: its id, 32 bytes.
        known: the id of the message that was received under this id, or else under this stream and number.

    Returns:
        True: it gets its stored receipt again. False: it is new.

    Raises:
        ReplayError: its number belongs to another message (SPEC § 5.6).

    """
    if known is not None and known != message:
        raise ReplayError("a stream number has two meanings")
    return known is not None


def judge_place(header: Header, memory: Memory, *, at: int) -> Misplaced | None:
    """Judge the place of a message that is not known yet.

    Args:
        header: verified.
        memory: what the recipient remembers.
        at: seconds since 1970.

    Returns:
        None where it is in its place; else that it waits for what has to come before, or is refused for good.

    """
    if header.expires <= at:
        return Misplaced(REFUSED, ExpiredError.code)
    if header.previous != memory.head:
        return _judge_previous(header.previous, memory)
    if header.seen and not memory.has_sent(header.seen):
        return Misplaced(WAITING, "unknown-seen")
    return None


def _judge_previous(previous: bytes, memory: Memory) -> Misplaced:
    fate = memory.fate(previous) if previous else ""
    if fate is None:
        return Misplaced(WAITING, "out-of-order")
    return Misplaced(REFUSED, "thread-blocked" if fate == "refused" else "thread-fork")
