"""The sender: takes what waits in the outbox to its peers, and brings the receipts home."""

from __future__ import annotations

import asyncio
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError

from iars_node.errors import InvalidError, LockedError
from iars_node.exchange import hop, messages, outbox, settling
from iars_node.exchange.model import BATCH, BATCH_BYTES, LEASE, Queued
from iars_node.exchange.traffic import Request, Traffic
from iars_node.exchange.transport import UnreachableError
from iars_node.peers import store as peer_store
from iars_node.peers.service import follow_listing
from iars_node.vault.identity import identity_of, seconds
from iars_node.work import SYSTEM
from iars_protocol.batch import LOCKED, UNKNOWN_RECIPIENT_KEY, write_batch
from iars_protocol.envelope import seal_envelope
from iars_protocol.errors import MalformedError, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime, timedelta

    from iars_node.exchange.model import Route, Threads
    from iars_node.exchange.settling import Answer
    from iars_node.exchange.transport import Transport
    from iars_node.peers.model import Peer
    from iars_node.work import Works

PATH = "/iars/v1/envelopes"
LISTING_PATH = "/iars/v1/listing"
CBOR = "application/cbor"
HTTP_OK = 200
POLL_SECONDS = 0.5
LINGER_SECONDS = 0.2

ResultT = TypeVar("ResultT")

log = structlog.get_logger()


@dataclass(frozen=True)
class Sending:
    """How much goes out at once: envelopes and bytes in a request, requests on their way to one peer."""

    batch: int = BATCH
    batch_bytes: int = BATCH_BYTES
    in_flight: int = 4
    lease: timedelta = LEASE


@dataclass(frozen=True, slots=True)
class _Step:
    """How the serving goes on: with which route and requests, or with whose newest listing first."""

    held: Route
    requests: Sequence[Request]
    asks: Peer | None = None


async def _is_set_soon(again: asyncio.Event) -> bool:
    """Keep a route for a moment: people refer in bursts, and to take it anew costs two commits."""
    with suppress(TimeoutError):
        await asyncio.wait_for(again.wait(), LINGER_SECONDS)
    is_set = again.is_set()
    again.clear()
    return is_set


class _RouteLostError(Exception):
    """Another worker has taken the route over: whatever was under way is its business now."""


class Sender:
    """Serves every peer that has something waiting, each under its own route."""

    def __init__(
        self,
        works: Works,
        transport: Transport,
        sending: Sending | None = None,
        threads: Threads = ThreadPoolExecutor,
    ) -> None:
        self._works = works
        self._transport = transport
        self._sending = sending or Sending()
        self._owner = secrets.token_hex(8)
        self._woken = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._serving: dict[bytes, asyncio.Task[None]] = {}
        self._again: dict[bytes, asyncio.Event] = {}
        # The database has one writer at a time on SQLite, and Python runs one thread at a time.
        self._threads = threads(2, "sender")

    def wake(self, peer_id: bytes | None = None) -> None:
        """Serve a peer now, or look at the whole outbox; callable from any thread."""
        if self._loop is None or self._loop.is_closed():
            return
        if peer_id is None:
            self._loop.call_soon_threadsafe(self._woken.set)
        else:
            self._loop.call_soon_threadsafe(self._start_serving, peer_id)

    async def run(self) -> None:
        """Serve until cancelled."""
        self._loop = asyncio.get_running_loop()
        try:
            while True:
                self._woken.clear()
                try:
                    for peer_id in await self._aside(self._due_peers):
                        self._start_serving(peer_id)
                except Exception as error:  # noqa: BLE001 - a database that is away for a moment must not end the loop
                    log.warning("sending.paused", error=type(error).__name__)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), POLL_SECONDS)
        finally:
            for task in self._serving.values():
                task.cancel()
            await asyncio.gather(*self._serving.values(), return_exceptions=True)

    async def _aside(self, function: Callable[..., ResultT], *arguments: object) -> ResultT:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    def _start_serving(self, peer_id: bytes) -> None:
        if not self._works.vault.is_unlocked:
            return
        if peer_id in self._serving:
            # What was queued while the route is given back must not wait for the next look at the outbox.
            self._again[peer_id].set()
            return
        self._again[peer_id] = asyncio.Event()
        task = asyncio.create_task(self._serve(peer_id, self._again[peer_id]))
        self._serving[peer_id] = task
        task.add_done_callback(lambda _task: self._done(peer_id))

    def _done(self, peer_id: bytes) -> None:
        task, again = self._serving.pop(peer_id), self._again.pop(peer_id)
        if task.cancelled():
            return
        if (error := task.exception()) is not None:
            log.error("sending failed", peer=peer_id.hex(), error=type(error).__name__)
        if again.is_set():
            self._start_serving(peer_id)

    def _due_peers(self) -> list[bytes]:
        if not self._works.vault.is_unlocked:
            return []
        with self._works.read(SYSTEM) as work:
            return outbox.due_peers(work.connection, work.now, self._owner)

    async def send_once(self, peer_id: bytes) -> None:
        """Serve one peer until nothing of it is due; for tests and the command line."""
        await self._serve(peer_id)

    def close(self) -> None:
        """Let what runs come to its end."""
        self._threads.shutdown()

    async def _serve(self, peer_id: bytes, again: asyncio.Event | None = None) -> None:
        held = await self._aside(self._take, peer_id)
        if held is None:
            return
        try:
            await self._send_all(held, again)
        except _RouteLostError:
            log.warning("sending.taken-over", peer=peer_id.hex())
        except LockedError:
            log.info("sending.locked", peer=peer_id.hex())
        except UnreachableError as error:
            await self._aside(self._fail, held, error.reason)
        except ProtocolError as error:
            # The peer's own keys are past their time: nothing can be sealed before its new listing comes.
            await self._aside(self._fail, held, f"peer-{error.code}")
        finally:
            await asyncio.shield(self._aside(self._give_back, held))

    async def _send_all(self, held: Route, again: asyncio.Event | None) -> None:
        traffic = Traffic(self._post, self._sending.in_flight)
        heartbeat = held.lease.total_seconds() / 3
        step = await self._aside(self._fill, held, (), traffic.room)
        try:
            while True:
                if step.asks is not None:
                    await self._ask_for_listing(step.asks)
                    step = await self._aside(self._fill, step.held, traffic.requests, traffic.room)
                traffic.add(step.requests)
                if not traffic.requests:
                    if again is None or not await _is_set_soon(again):
                        return
                    step = await self._aside(self._fill, step.held, (), traffic.room)
                    continue
                finished = await traffic.next(heartbeat)
                step = await self._aside(self._go_on, step.held, finished, traffic.requests, traffic.room)
        finally:
            await traffic.cancel()

    def _take(self, peer_id: bytes) -> Route | None:
        with self._works.write(SYSTEM) as work:
            peer = peer_store.find(work.connection, peer_id)
            if peer is None or not peer.is_exchanged_with or peer.endpoint is None:
                return None
            return outbox.take_route(work, peer_id, self._owner, self._sending.lease)

    def _go_on(
        self,
        held: Route,
        finished: Sequence[tuple[Request, asyncio.Task[bytes]]],
        pending: Sequence[Request],
        room: int,
    ) -> _Step:
        """Settle what was answered, and keep the route; let the first failure end the serving; fill up."""
        answered: list[tuple[Request, list[Answer]]] = []
        failure: Exception | None = None
        for request, task in finished:
            try:
                answered.append((request, self._read_answers(request, task)))
            except Exception as error:  # noqa: BLE001 - what others were answered is settled first
                failure = failure or error
        kept = self._settle(held, answered)
        if failure is not None:
            raise failure
        for request, answers in answered:
            if any(answer.hint == UNKNOWN_RECIPIENT_KEY for answer in answers):
                return _Step(kept, (), request.peer)
        return self._fill(kept, pending, room)

    def _fill(self, held: Route, pending: Sequence[Request], room: int) -> _Step:
        """Prepare requests while there is room for more."""
        made: list[Request] = []
        while len(made) < room:
            busy = {line.thread for request in (*pending, *made) for line in request.lines}
            request = self._prepare(held, busy)
            if request is None:
                break
            made.append(request)
            if request.is_all:
                break
        return _Step(held, made)

    def _prepare(self, held: Route, busy: set[bytes]) -> Request | None:
        vault = self._works.vault
        made = time.monotonic()
        with self._works.read(SYSTEM) as work:
            # Read each time: the peer may have been blocked, or have moved, since the route was taken.
            peer = peer_store.find(work.connection, held.peer)
            if peer is None or not peer.is_exchanged_with:
                return None
            lines = outbox.next_lines(
                work.connection, held.peer, work.now, most=self._sending.batch, busy=busy
            )
            if not lines:
                return None
            loaded = [(line, messages.load_to_send(work.connection, vault, line.message)) for line in lines]
            now = work.now
        sealed, faulty = self._seal(peer, loaded, now)
        if faulty:
            self._park(held, peer, faulty)
        if not sealed:
            # What was parked may have stood before lines that can go.
            return self._prepare(held, busy) if faulty else None
        body = write_batch(list(sealed.values()))
        headers = hop.sign_request(
            identity_of(vault).hop, method="POST", path=PATH, body=body, recipient=peer.node_id, now=now
        )
        is_all = len(sealed) == len(lines) < self._sending.batch
        return Request(peer, tuple(sealed), body, headers | {"Content-Type": CBOR}, is_all, made)

    def _seal(
        self, peer: Peer, loaded: Sequence[tuple[Queued, bytes | None]], now: datetime
    ) -> tuple[dict[Queued, bytes], dict[Queued, str]]:
        """Seal lines in their order while they fit in one request; tell which can never be sent, and why."""
        key = peer.history.sealing_key(at=seconds(now))
        sealed: dict[Queued, bytes] = {}
        faulty: dict[Queued, str] = {}
        stuck: set[bytes] = set()
        room = self._sending.batch_bytes
        for line, message in loaded:
            if line.thread in stuck:
                continue
            if message is None:
                faulty[line] = "erased"
                stuck.add(line.thread)
                continue
            try:
                envelope = seal_envelope(message, peer.node_id, key)
            except MalformedError as error:
                faulty[line] = error.code
                stuck.add(line.thread)
                continue
            room -= len(envelope)
            if sealed and room < 0:
                break
            sealed[line] = envelope
        return sealed, faulty

    def _park(self, held: Route, peer: Peer, faulty: dict[Queued, str]) -> None:
        with self._works.write(SYSTEM) as work:
            if not outbox.holds(work, held):
                raise _RouteLostError
            for line, code in faulty.items():
                settling.park(work, peer, line, code)

    async def _post(self, request: Request) -> bytes:
        url = (request.peer.endpoint or "").rstrip("/") + PATH
        status, body = await self._transport.request("POST", url, request.body, request.headers)
        if status != HTTP_OK:
            raise UnreachableError(f"http-{status}")
        return body

    async def _ask_for_listing(self, peer: Peer) -> None:
        """Ask a peer for its newest keys: it no longer holds the one that we know of."""
        url = (peer.endpoint or "").rstrip("/") + LISTING_PATH
        status, presented = await self._transport.request("GET", url, b"", {})
        if status == HTTP_OK:
            await self._aside(self._follow_listing, peer.node_id, presented)

    def _follow_listing(self, peer_id: bytes, presented: bytes) -> None:
        with suppress(InvalidError), self._works.write(SYSTEM) as work:
            follow_listing(work, peer_id, presented)

    def _read_answers(self, request: Request, task: asyncio.Task[bytes]) -> list[Answer]:
        body = task.result()
        at = seconds(self._works.clock.now())
        try:
            answers = settling.read_answers(self._works.vault, request.peer, request.lines, body, at=at)
        except ProtocolError as error:
            raise UnreachableError(f"answer-{error.code}") from error
        if all(answer.hint == LOCKED for answer in answers):
            raise UnreachableError(LOCKED)
        return answers

    def _settle(self, held: Route, answered: Sequence[tuple[Request, list[Answer]]]) -> Route:
        with self._works.write(SYSTEM) as work:
            if not settling.begin(work, held):
                raise _RouteLostError
            if answered and held.last_error:
                settling.note_reached(work, held)
                held = replace(held, failures=0, last_error="")
            for request, answers in answered:
                settling.settle(work, request.peer, request.lines, answers)
        return held

    def _fail(self, held: Route, reason: str) -> None:
        with self._works.write(SYSTEM) as work:
            settling.fail_route(work, held, reason)

    def _give_back(self, held: Route) -> None:
        with suppress(SQLAlchemyError), self._works.write(SYSTEM) as work:
            outbox.give_route_back(work, held)
