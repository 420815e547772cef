"""What is on its way to one peer, and what lies ready to follow it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from iars_node.exchange.model import Queued
    from iars_node.peers.model import Peer

    Post = Callable[["Request"], Coroutine[None, None, bytes]]
    Finished = list[tuple["Request", asyncio.Task[bytes]]]

AHEAD = 1
"""Requests made while others are on their way: the line isn't idle then while their answers are settled."""

FRESH_SECONDS = 0.1
"""For so long may a request lie ready: of what the person withdraws meanwhile nothing is to leave.

A peer that takes longer to answer gets none made ahead for it: they would only be thrown away.
"""


@dataclass(frozen=True, slots=True)
class Request:
    """Lines sealed and signed for one request to where the peer is now."""

    peer: Peer
    lines: tuple[Queued, ...]
    body: bytes
    headers: dict[str, str]
    # Whether it took everything that could go: what is queued meanwhile wakes the sender.
    is_all: bool
    # When it was read what may leave, by the monotonic clock.
    made: float


class Traffic:
    """The requests of one serving: so many on their way at once, the others ready for a moment."""

    def __init__(self, post: Post, in_flight: int) -> None:
        self._post = post
        self._in_flight = in_flight
        self._pending: dict[asyncio.Task[bytes], tuple[float, Request]] = {}
        self._ready: list[Request] = []
        self._is_quick = False

    @property
    def requests(self) -> list[Request]:
        """Every request that is on its way or ready: what is in them is not to be taken again."""
        return [*(request for _, request in self._pending.values()), *self._ready]

    @property
    def room(self) -> int:
        """How many more requests to make now."""
        most = self._in_flight + (AHEAD if self._is_quick else 0)
        return most - len(self._pending) - len(self._ready)

    def add(self, requests: Sequence[Request]) -> None:
        """Send requests while there is room for them; keep the others ready."""
        self._ready += requests
        self._send()

    async def next(self, seconds: float) -> Finished:
        """Wait for the first answers, send what is still fresh in their place, and return the answered."""
        done, _ = await asyncio.wait(self._pending, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        oldest = time.monotonic() - FRESH_SECONDS
        finished: Finished = []
        for task in done:
            sent, request = self._pending.pop(task)
            self._is_quick = sent >= oldest
            finished.append((request, task))
        self._ready = [request for request in self._ready if request.made >= oldest]
        # A failed request ends the serving: nothing more is thrown after it.
        if not any(task.exception() for task in done):
            self._send()
        return finished

    async def cancel(self) -> None:
        """Give up what is on its way."""
        for task in self._pending:
            task.cancel()
        await asyncio.gather(*self._pending, return_exceptions=True)

    def _send(self) -> None:
        while self._ready and len(self._pending) < self._in_flight:
            request = self._ready.pop(0)
            self._pending[asyncio.create_task(self._post(request))] = time.monotonic(), request
