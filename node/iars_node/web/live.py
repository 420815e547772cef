"""Telling open pages that something changed: the word alone, never what; each replica looks for itself.

A stream is an enhancement. It says "changed", and its reader's script offers to show the list again. It keeps
no session alive, ends by itself, and where too many are open the next one is asked to come back later.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from typing import TYPE_CHECKING

import structlog

from iars_node.referrals.service import waiting
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from iars_node.work import Works

MEDIA_TYPE = "text/event-stream"
POLL_SECONDS = 2.0
HEARTBEATS = 8
"""After so many polls without news a comment is sent, by which a line that was cut is noticed."""
MOST_EACH = 6
"""Open lists of one account that are told: so many windows nobody reads at once."""
POLLS = 150
"""A stream ends after so many; the browser comes again, and is asked anew who it is."""
COME_BACK = b"retry: 60000\n\n"
BEGIN = b"retry: 5000\n\n"
STILL_HERE = b":\n\n"

log = structlog.get_logger()


class Watch:
    """Looks at the database for all streams of this process together."""

    def __init__(
        self,
        works: Works,
        *,
        most: int,
        poll_seconds: float = POLL_SECONDS,
        state: Callable[[], str] | None = None,
    ) -> None:
        self._works = works
        self._state = state or self._newest_steps
        self._most = most
        self._poll = poll_seconds
        self._open: Counter[str] = Counter()
        self._mark = ""
        self._looked_at = float("-inf")
        self._lock: asyncio.Lock | None = None

    def is_full(self, reader: str) -> bool:
        """Say whether no further stream is served: at all, or to one reader, who could take every place."""
        return self._open.total() >= self._most or self._open[reader] >= MOST_EACH

    async def stream(
        self, reader: str, known: str, may_stay: Callable[[], bool], *, polls: int = POLLS
    ) -> AsyncIterator[bytes]:
        """Yield the events of one stream until it ends, or its reader may not stay.

        `known` is the mark of what the browser has seen by an earlier stream, or nothing.
        """
        if self.is_full(reader):
            yield COME_BACK
            return
        self._open[reader] += 1
        try:
            yield BEGIN
            mark = known or await self._current()
            for count in range(polls):
                now = await self._current()
                if now != mark:
                    mark = now
                    yield f"id: {mark}\nevent: changed\ndata: changed\n\n".encode("ascii")
                elif count % HEARTBEATS == 0:
                    if not await asyncio.to_thread(may_stay):
                        return
                    yield STILL_HERE
                await asyncio.sleep(self._poll)
        finally:
            self._open[reader] -= 1
            # What is zero would be kept for everybody who ever looked.
            self._open += Counter()

    async def _current(self) -> str:
        """Return the mark of the state now; one look serves everybody who asks within a poll."""
        self._lock = self._lock or asyncio.Lock()
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if now - self._looked_at >= self._poll:
                self._mark = await asyncio.to_thread(self._look)
                self._looked_at = now
            return self._mark

    def _look(self) -> str:
        try:
            return hashlib.sha256(self._state().encode()).hexdigest()[:32]
        except Exception as error:  # noqa: BLE001 - a database that is away for a moment must not end the streams
            log.warning("live.paused", error=type(error).__name__)
            return self._mark

    def _newest_steps(self) -> str:
        with self._works.read(SYSTEM) as work:
            return repr(waiting.newest_steps(work))
