from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from iars_node.exchange.traffic import FRESH_SECONDS, Request, Traffic

NOBODY: Any = None
LONG_AGO = 0.0


class Line:
    """Where requests go: each is answered when the test says so."""

    def __init__(self) -> None:
        self.begun: list[bytes] = []
        self._answers: dict[bytes, asyncio.Future[bytes]] = {}

    async def post(self, request: Request) -> bytes:
        """Take a request and wait for its answer."""
        self.begun.append(request.body)
        self._answers[request.body] = asyncio.get_running_loop().create_future()
        return await self._answers[request.body]

    async def begins(self, *bodies: bytes) -> None:
        """Let what was posted begin, and see that it is this."""
        await asyncio.sleep(0)
        assert self.begun == list(bodies)

    def answer(self, body: bytes) -> None:
        """Answer a request."""
        self._answers[body].set_result(body)

    def fail(self, body: bytes) -> None:
        """Let a request fail."""
        self._answers[body].set_exception(ConnectionError())


def request(body: bytes) -> Request:
    return Request(NOBODY, (), body, {}, is_all=False, made=time.monotonic())


@pytest.fixture
def line() -> Line:
    return Line()


async def quick(line: Line, in_flight: int = 1) -> Traffic:
    """Return traffic on a line that has answered at once before."""
    traffic = Traffic(line.post, in_flight)
    traffic.add([request(b"first")])
    await line.begins(b"first")
    line.answer(b"first")
    await traffic.next(1)
    line.begun.clear()
    return traffic


async def test_nothing_is_made_ahead_until_the_peer_has_answered_quickly(line: Line) -> None:
    traffic = Traffic(line.post, 2)
    assert traffic.room == 2
    assert (await quick(line, 2)).room == 3


async def test_what_lies_ready_leaves_as_soon_as_an_answer_comes(line: Line) -> None:
    traffic = await quick(line)
    traffic.add([request(b"one"), request(b"two")])
    await line.begins(b"one")
    assert [each.body for each in traffic.requests] == [b"one", b"two"]
    line.answer(b"one")
    ((finished, task),) = await traffic.next(1)
    assert (finished.body, task.result()) == (b"one", b"one")
    await line.begins(b"one", b"two")
    assert [each.body for each in traffic.requests] == [b"two"]
    await traffic.cancel()


async def test_what_has_lain_ready_for_longer_than_a_moment_never_leaves(line: Line) -> None:
    traffic = await quick(line)
    traffic.add([request(b"one"), replace(request(b"two"), made=LONG_AGO)])
    await line.begins(b"one")
    line.answer(b"one")
    await traffic.next(1)
    await line.begins(b"one")
    assert not traffic.requests


async def test_nothing_is_thrown_after_a_request_that_failed(line: Line) -> None:
    traffic = await quick(line)
    traffic.add([request(b"one"), request(b"two")])
    await line.begins(b"one")
    line.fail(b"one")
    ((_, task),) = await traffic.next(1)
    assert isinstance(task.exception(), ConnectionError)
    await line.begins(b"one")


async def test_a_peer_that_turns_slow_gets_nothing_made_ahead_any_more(line: Line) -> None:
    traffic = await quick(line)
    assert traffic.room == 2
    traffic.add([request(b"one")])
    await line.begins(b"one")
    await asyncio.sleep(FRESH_SECONDS * 1.5)
    line.answer(b"one")
    await traffic.next(1)
    assert traffic.room == 1


async def test_a_wait_without_answers_ends_in_time_with_nothing(line: Line) -> None:
    traffic = await quick(line)
    traffic.add([request(b"one")])
    assert await traffic.next(0.01) == []
    await traffic.cancel()
    assert line.begun == [b"one"]
