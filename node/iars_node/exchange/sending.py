"""The sender: takes what waits in the outbox to its peers, and brings the receipts home."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from iars_node.errors import LockedError, NodeError
from iars_node.exchange import hop, messages, outbox, settling
from iars_node.exchange.model import BATCH, Queued
from iars_node.exchange.transport import UnreachableError
from iars_node.peers import store as peer_store
from iars_node.vault.identity import identity_of, seconds
from iars_node.work import SYSTEM
from iars_protocol.encoding import encode
from iars_protocol.envelope import seal_envelope
from iars_protocol.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iars_node.exchange.model import Route
    from iars_node.exchange.settling import Answer
    from iars_node.exchange.transport import Transport
    from iars_node.peers.model import Peer
    from iars_node.work import Works

PATH = "/iars/v1/envelopes"
CBOR = "application/cbor"
HTTP_OK = 200
POLL_SECONDS = 0.5

log = structlog.get_logger()


@dataclass(frozen=True)
class Sending:
    """How much goes out at once: envelopes in one request, and requests on their way to one peer."""

    batch: int = BATCH
    in_flight: int = 4


@dataclass(frozen=True, slots=True)
class _Request:
    """Lines sealed and signed for one request."""

    lines: tuple[Queued, ...]
    body: bytes
    headers: dict[str, str]


class Sender:
    """Serves every peer that has something waiting, each under its own route."""

    def __init__(self, works: Works, transport: Transport, sending: Sending | None = None) -> None:
        self._works = works
        self._transport = transport
        self._sending = sending or Sending()
        self._owner = secrets.token_hex(8)
        self._woken = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._serving: dict[bytes, asyncio.Task[None]] = {}

    def wake(self) -> None:
        """Look at the outbox now; callable from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._woken.set)

    async def run(self) -> None:
        """Serve until cancelled."""
        self._loop = asyncio.get_running_loop()
        try:
            while True:
                self._woken.clear()
                await self._start_serving()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), POLL_SECONDS)
        finally:
            for task in self._serving.values():
                task.cancel()
            await asyncio.gather(*self._serving.values(), return_exceptions=True)

    async def _start_serving(self) -> None:
        if not self._works.vault.is_unlocked:
            return
        for peer_id in await asyncio.to_thread(self._due_peers):
            if peer_id not in self._serving:
                task = asyncio.create_task(self._serve(peer_id))
                self._serving[peer_id] = task
                task.add_done_callback(lambda _task, served=peer_id: self._done(served))  # type: ignore[misc]

    def _done(self, peer_id: bytes) -> None:
        task = self._serving.pop(peer_id, None)
        if task is not None and not task.cancelled() and task.exception() is not None:
            log.error("sending failed", peer=peer_id.hex(), error=type(task.exception()).__name__)

    def _due_peers(self) -> list[bytes]:
        with self._works.read(SYSTEM) as work:
            return outbox.due_peers(work.connection, work.now, self._owner)

    async def send_once(self, peer_id: bytes) -> None:
        """Serve one peer until nothing of it is due; for tests and the command line."""
        await self._serve(peer_id)

    async def _serve(self, peer_id: bytes) -> None:
        held, peer = await asyncio.to_thread(self._take, peer_id)
        if held is None or peer is None:
            return
        pending: dict[asyncio.Task[list[Answer]], _Request] = {}
        try:
            while await self._fill(held, peer, pending):
                done, _ = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                finished = [(pending.pop(task), task) for task in done]
                await asyncio.to_thread(self._settle, held, peer, finished)
        except UnreachableError as error:
            await asyncio.to_thread(self._fail, held, peer, error.reason)
        finally:
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)
        await asyncio.to_thread(self._give_back, held)

    def _take(self, peer_id: bytes) -> tuple[Route | None, Peer | None]:
        with self._works.write(SYSTEM) as work:
            peer = peer_store.find(work.connection, peer_id)
            if peer is None or not peer.is_exchanged_with or peer.endpoint is None:
                return None, None
            return outbox.take_route(work, peer_id, self._owner), peer

    async def _fill(
        self, held: Route, peer: Peer, pending: dict[asyncio.Task[list[Answer]], _Request]
    ) -> bool:
        """Start requests until enough are on their way; say whether any is."""
        while len(pending) < self._sending.in_flight:
            busy = {line.thread for request in pending.values() for line in request.lines}
            request = await asyncio.to_thread(self._prepare, held, peer, busy)
            if request is None:
                break
            pending[asyncio.create_task(self._post(peer, request))] = request
        return bool(pending)

    def _prepare(self, held: Route, peer: Peer, busy: set[bytes]) -> _Request | None:
        vault = self._works.vault
        identity = identity_of(vault)
        with self._works.read(SYSTEM) as work:
            lines = outbox.next_lines(
                work.connection, held.peer, work.now, most=self._sending.batch, busy=busy
            )
            loaded = [(line, messages.load(work.connection, vault, line.message)) for line in lines]
            now = work.now
        gone = [line for line, message in loaded if message is None]
        if gone:
            self._park(held, peer, gone)
        lines = [line for line, message in loaded if message is not None]
        if not lines:
            return None
        key = peer.history.sealing_key(at=seconds(now))
        sealed = [seal_envelope(each.to_bytes(), peer.node_id, key) for _, each in loaded if each is not None]
        body = encode(sealed)
        headers = hop.sign_request(
            identity.hop, method="POST", path=PATH, body=body, recipient=peer.node_id, now=now
        )
        return _Request(tuple(lines), body, headers | {"Content-Type": CBOR})

    def _park(self, held: Route, peer: Peer, lines: Sequence[Queued]) -> None:
        with self._works.write(SYSTEM) as work:
            if outbox.holds(work, held):
                for line in lines:
                    settling.park(work, peer, line, "erased")

    async def _post(self, peer: Peer, request: _Request) -> list[Answer]:
        url = (peer.endpoint or "").rstrip("/") + PATH
        status, body = await self._transport.request("POST", url, request.body, request.headers)
        if status != HTTP_OK:
            raise UnreachableError(f"http-{status}")
        try:
            return await asyncio.to_thread(self._read_answers, peer, request, body)
        except ProtocolError as error:
            raise UnreachableError(f"answer-{error.code}") from error

    def _read_answers(self, peer: Peer, request: _Request, body: bytes) -> list[Answer]:
        at = seconds(self._works.clock.now())
        answers = settling.read_answers(self._works.vault, peer, request.lines, body, at=at)
        if any(answer.hint == LockedError.code for answer in answers):
            raise UnreachableError(LockedError.code)
        return answers

    def _settle(
        self, held: Route, peer: Peer, finished: Sequence[tuple[_Request, asyncio.Task[list[Answer]]]]
    ) -> None:
        """Settle what was answered; then let the first failure, if any, end the serving."""
        answered = [(request, task.result()) for request, task in finished if task.exception() is None]
        if answered:
            with self._works.write(SYSTEM) as work:
                for request, answers in answered:
                    settling.settle(work, held, peer, request.lines, answers)
        for _, task in finished:
            task.result()

    def _fail(self, held: Route, peer: Peer, reason: str) -> None:
        with self._works.write(SYSTEM) as work:
            settling.fail_route(work, held, peer, reason)

    def _give_back(self, held: Route) -> None:
        with suppress(NodeError), self._works.write(SYSTEM) as work:
            outbox.give_route_back(work, held)
