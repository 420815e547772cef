"""A proxy between two nodes that loses, delays, doubles, alters and repeats what passes, as its seed says."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from iars_admin.demo.draw import Draw

# Of a hundred requests.
FAULTS = {
    "lose-request": 4,
    "lose-answer": 5,
    "delay-request": 4,
    "delay-answer": 4,
    "duplicate": 5,
    "late": 3,
    "replay": 4,
    "cut-request": 2,
    "alter-request": 3,
    "cut-answer": 2,
    "alter-answer": 3,
    "error": 2,
    "garbage": 2,
}
HUNDRED = 100
LONGEST_DELAY_MS = 400
LATEST_MS = 3000
REMEMBERED = 100
END_OF_HEAD = b"\r\n\r\n"
ERROR = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 5\r\n\r\nsorry"


@dataclass(frozen=True)
class Passing:
    """A request or an answer: its head, to the empty line, and its body."""

    head: bytes
    body: bytes

    def to_bytes(self) -> bytes:
        return self.head + self.body

    def with_body(self, body: bytes) -> Passing:
        lines = [line for line in self.head.split(b"\r\n") if not line.lower().startswith(b"content-length:")]
        lines.insert(1, b"content-length: %d" % len(body))
        return Passing(b"\r\n".join(lines), body)


class CutError(Exception):
    """The client hears nothing more on this connection."""


class Mischief:
    """Listens on a port of its own and passes on to a node's servers, one of them for each request."""

    def __init__(self, port: int, servers: Sequence[int], draw: Draw) -> None:
        self.port = port
        self.counts: Counter[str] = Counter()
        self.is_honest = False
        self.is_offline = False
        self._servers = servers
        self._draw = draw
        self._seen: deque[Passing] = deque(maxlen=REMEMBERED)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ready = threading.Event()
        self._ended = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._clients: set[asyncio.Task[None] | None] = set()

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(20)
        assert not self._thread.is_alive()
        self._loop.close()

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._client, "127.0.0.1", self.port)
        self._ready.set()
        await self._ended.wait()
        server.close()
        # What is under way ends by itself; only then is whoever waits for a next request sent away.
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=LATEST_MS / 1000 + 1)
        await asyncio.sleep(LONGEST_DELAY_MS / 1000)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Held by name: the event loop itself holds its tasks only weakly.
        task = asyncio.current_task()
        self._clients.add(task)
        try:
            while True:
                request = await _read(reader)
                writer.write(await self._answer(request))
                await writer.drain()
        except (CutError, OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            # Cancelled at the end of the test: the stream's own callback stumbles over a cancelled task.
            pass
        finally:
            writer.transport.abort()
            self._clients.discard(task)

    async def _answer(self, request: Passing) -> bytes:
        if self.is_offline:
            self.counts["offline"] += 1
            raise CutError
        fault = self._draw_fault()
        if fault:
            self.counts[fault] += 1
        before = getattr(self, f"_{fault.replace('-', '_')}", None)
        if before is not None:
            return bytes(await before(request))
        self._seen.append(request)
        return (await self._pass(request)).to_bytes()

    def _draw_fault(self) -> str:
        if self.is_honest:
            return ""
        return self._draw.weighted({**FAULTS, "": HUNDRED - sum(FAULTS.values())})

    async def _pass(self, request: Passing) -> Passing:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._draw.one(self._servers))
        try:
            writer.write(request.to_bytes())
            await writer.drain()
            return await _read(reader)
        finally:
            writer.transport.abort()

    async def _wait(self, most: int) -> None:
        await asyncio.sleep(self._draw.below(most) / 1000)

    # -- what can go wrong, one for each name in FAULTS

    async def _lose_request(self, _request: Passing) -> bytes:
        raise CutError

    async def _lose_answer(self, request: Passing) -> bytes:
        self._seen.append(request)
        await self._pass(request)
        raise CutError

    async def _delay_request(self, request: Passing) -> bytes:
        await self._wait(LONGEST_DELAY_MS)
        return (await self._pass(request)).to_bytes()

    async def _delay_answer(self, request: Passing) -> bytes:
        answer = await self._pass(request)
        await self._wait(LONGEST_DELAY_MS)
        return answer.to_bytes()

    async def _duplicate(self, request: Passing) -> bytes:
        first, second = await asyncio.gather(self._pass(request), self._pass(request))
        return (first if self._draw.chance(50) else second).to_bytes()

    async def _late(self, request: Passing) -> bytes:
        """Let the client think that it is lost, and deliver it behind what comes next."""
        self._in_background(self._deliver_late(request))
        raise CutError

    async def _deliver_late(self, request: Passing) -> None:
        await self._wait(LATEST_MS)
        with suppress(CutError, OSError, asyncio.IncompleteReadError):
            await self._pass(request)

    async def _replay(self, request: Passing) -> bytes:
        """Send an old request again, with its old signature, beside the new one."""
        if self._seen:
            self._in_background(self._deliver_late(self._draw.one(self._seen)))
        return (await self._pass(request)).to_bytes()

    async def _cut_request(self, request: Passing) -> bytes:
        return (await self._pass(request.with_body(self._cut(request.body)))).to_bytes()

    async def _alter_request(self, request: Passing) -> bytes:
        return (await self._pass(request.with_body(self._altered(request.body)))).to_bytes()

    async def _cut_answer(self, request: Passing) -> bytes:
        answer = await self._pass(request)
        return answer.with_body(self._cut(answer.body)).to_bytes()

    async def _alter_answer(self, request: Passing) -> bytes:
        answer = await self._pass(request)
        return answer.with_body(self._altered(answer.body)).to_bytes()

    async def _error(self, _request: Passing) -> bytes:
        return ERROR

    async def _garbage(self, request: Passing) -> bytes:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/cbor\r\n\r\n"
        return Passing(head, b"").with_body(bytes(reversed(request.body))).to_bytes()

    def _cut(self, body: bytes) -> bytes:
        return body[: self._draw.below(len(body))] if body else body

    def _altered(self, body: bytes) -> bytes:
        if not body:
            return body
        altered = bytearray(body)
        altered[self._draw.below(len(body))] ^= 1 << self._draw.below(8)
        return bytes(altered)

    def _in_background(self, doing: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(doing)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _read(reader: asyncio.StreamReader) -> Passing:
    head = await reader.readuntil(END_OF_HEAD)
    lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    length = int(lengths[0].split(b":")[1]) if lengths else 0
    return Passing(head, await reader.readexactly(length))
