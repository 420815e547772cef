"""By which clock commands go: the machine's own, but for a demo that lives through a year first."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from iars_node.clock import Clock, SystemClock

if TYPE_CHECKING:
    from collections.abc import Iterator

_OWN = SystemClock()
_CLOCK: ContextVar[Clock] = ContextVar("clock")


def clock() -> Clock:
    """Return the clock that commands go by."""
    return _CLOCK.get(_OWN)


@contextmanager
def going_by(other: Clock) -> Iterator[None]:
    """Let commands go by another clock."""
    before = _CLOCK.set(other)
    try:
        yield
    finally:
        _CLOCK.reset(before)
