"""Reception: requests of peers, verified side by side and applied together.

Requests that arrive while one transaction runs share the next: under load the cost of a durable commit
is divided among them, and alone a request waits for nobody.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.exc import DBAPIError, IntegrityError

from iars_node.audit.alarms import raise_alarm
from iars_node.errors import InvalidError, LockedError, TooManyError, UnauthenticatedError
from iars_node.exchange import hop, inbox, outbox
from iars_node.exchange.opening import Opened, Unopened, open_one
from iars_node.exchange.sending import PATH
from iars_node.peers import store as peer_store
from iars_node.vault.identity import forget, identity_of, seconds
from iars_node.work import SYSTEM, Actor
from iars_protocol.batch import (
    CLOCK,
    LOCKED,
    REFUSED,
    UNKNOWN_RECIPIENT_KEY,
    Answer,
    read_batch,
    write_answers,
)
from iars_protocol.errors import ClockError, MalformedError, SignatureError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from iars_node.exchange.model import Handler
    from iars_node.peers.model import Peer
    from iars_node.work import Work, Works
    from iars_protocol.receipt import SignedReceipt

MOST_WAITING = 64

log = structlog.get_logger()


class ClockDiffersError(UnauthenticatedError):
    """The request was made at another time than this node's clock shows."""

    code = "clock"


@dataclass(frozen=True, slots=True)
class _Request:
    peer: Peer
    opened: Sequence[Opened | Unopened]
    answer: Future[bytes] = field(default_factory=Future, compare=False)


class Reception:
    """Takes envelopes in and gives sealed receipts back."""

    def __init__(self, works: Works, handlers: Mapping[str, Handler], *, largest_envelope: int) -> None:
        self._works = works
        self._handlers = handlers
        self._largest = largest_envelope
        self._lock = threading.Lock()
        self._waiting: list[_Request] = []
        self._is_applying = False
        # One opens while the other applies; more would only wait for each other.
        self._threads = ThreadPoolExecutor(2, "reception")

    async def receive(self, headers: Mapping[str, str], body: bytes) -> bytes:
        """Answer one request: authenticate it, open its envelopes, apply them, seal the receipts."""
        if len(self._waiting) >= MOST_WAITING:
            raise TooManyError("This node has more to take in than it can; try again in a minute.")
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(self._threads, self._take_in, headers, body)
        if isinstance(answer, bytes):
            return answer
        # Whoever asked may hang up meanwhile: what it sent is applied all the same.
        return await asyncio.shield(asyncio.wrap_future(answer))

    def close(self) -> None:
        """Let what runs come to its end."""
        self._threads.shutdown()

    def _take_in(self, headers: Mapping[str, str], body: bytes) -> bytes | Future[bytes]:
        envelopes = self._read_batch(body)
        if not self._works.vault.is_unlocked:
            return _hint_all(LOCKED, envelopes)
        try:
            peer, opened = self._open(headers, body, envelopes)
        except ClockDiffersError:
            return _hint_all(CLOCK, envelopes)
        except LockedError:
            return _hint_all(LOCKED, envelopes)
        request = _Request(peer, opened)
        with self._lock:
            self._waiting.append(request)
            if self._is_applying:
                return request.answer
            self._is_applying = True
        self._apply_waiting()
        return request.answer

    def _read_batch(self, body: bytes) -> list[bytes]:
        try:
            return read_batch(body)
        except MalformedError as error:
            self._note_stranger("", error.code)
            raise InvalidError(
                "The request's body is not a list of envelopes that this node takes."
            ) from error

    def _open(
        self, headers: Mapping[str, str], body: bytes, envelopes: Sequence[bytes]
    ) -> tuple[Peer, list[Opened | Unopened]]:
        vault = self._works.vault
        peer = self.authenticate(headers, method="POST", path=PATH, body=body)
        now = self._works.clock.now()
        opened = [self._open_one(peer, envelope, now) for envelope in envelopes]
        if any(isinstance(each, Unopened) and each.hint == UNKNOWN_RECIPIENT_KEY for each in opened):
            # Another replica may have rotated the key a moment ago: read the key store once more.
            forget(vault)
            opened = [self._open_one(peer, envelope, now) for envelope in envelopes]
        return peer, opened

    def _open_one(self, peer: Peer, envelope: bytes, now: datetime) -> Opened | Unopened:
        if len(envelope) > self._largest:
            return Unopened(REFUSED, "too-long")
        return open_one(self._works.vault, peer, envelope, now)

    def authenticate(
        self,
        headers: Mapping[str, str],
        *,
        method: str,
        path: str,
        body: bytes | None,
        also: tuple[str, ...] = (),
    ) -> Peer:
        """Return the pinned peer that signed a request, or refuse it."""
        found: list[Peer] = []
        refusal = UnauthenticatedError("The request is not signed by a node that is pinned here.")
        with self._works.read(SYSTEM) as work:
            try:
                hop.verify_request(
                    headers,
                    method=method,
                    path=path,
                    body=body,
                    recipient=identity_of(work.vault).node_id,
                    now=work.now,
                    find_key=lambda key_id: _hop_public(work, key_id, found),
                    also=also,
                )
            except ClockError as error:
                cause = error.code
                refusal = ClockDiffersError(
                    "The request was made at another time than this node's clock shows."
                )
            except SignatureError as error:
                cause = error.code
            else:
                return found[0]
        self._note_stranger(found[0].node_text if found else "", cause)
        raise refusal

    def _note_stranger(self, peer: str, cause: str) -> None:
        # One counted alarm, not a row per request: strangers must not be able to fill the log.
        with self._works.write(SYSTEM) as work:
            raise_alarm(work, "exchange.unauthenticated", peer, {"code": cause})

    def _apply_waiting(self) -> None:
        """Apply what waits by now in one transaction; let another thread see to what came meanwhile."""
        with self._lock:
            group, self._waiting = self._waiting, []
        applied = self._apply_together(group)
        with self._lock:
            goes_on = self._is_applying = bool(self._waiting)
        if goes_on:
            self._threads.submit(self._apply_waiting)
        # The next group's commit runs beside this sealing.
        for request, results in applied:
            self._answer(request, results)

    def _apply_together(
        self, group: Sequence[_Request]
    ) -> Sequence[tuple[_Request, Sequence[SignedReceipt | str]]]:
        try:
            return list(zip(group, self._apply_group(group), strict=True))
        except Exception as error:  # noqa: BLE001 - every waiting request must get its answer, whatever broke
            log.warning("reception.apart", requests=len(group), error=type(error).__name__)
        for request in group:
            self._apply_apart(request)
        return []

    def _answer(self, request: _Request, result: Sequence[SignedReceipt | str]) -> None:
        try:
            at = seconds(self._works.clock.now())
            request.answer.set_result(inbox.seal_answers(request.peer, result, at=at))
        except Exception as error:  # noqa: BLE001 - as above: whoever waits gets an answer
            request.answer.set_exception(error)

    def _apply_apart(self, request: _Request) -> None:
        """Apply one request's envelopes one by one: a faulty one must not stop the others, or other peers."""
        try:
            result = [self._apply_alone(request.peer, opened) for opened in request.opened]
        except Exception as error:  # noqa: BLE001 - as above
            request.answer.set_exception(error)
        else:
            self._answer(request, result)

    def _apply_alone(self, peer: Peer, opened: Opened | Unopened) -> SignedReceipt | str:
        try:
            return self._apply_group([_Request(peer, (opened,))])[0][0]
        except IntegrityError:
            # Another replica has applied the same message at the same moment: its receipt is there now.
            return self._apply_group([_Request(peer, (opened,))])[0][0]
        except (DBAPIError, LockedError):
            # The database or the keys are away: nothing is wrong with the message.
            raise
        except Exception as error:  # noqa: BLE001 - a message that breaks the program is refused, not asked for again for ever
            log.error("reception.broken", error=type(error).__name__)  # noqa: TRY400 - a trace could show content
            with self._works.write(SYSTEM) as work:
                inbox.note_broken(work, peer)
            return REFUSED

    def _apply_group(self, group: Sequence[_Request]) -> list[list[SignedReceipt | str]]:
        with self._works.write(SYSTEM) as work:
            # In one order, so that two processes never wait for each other.
            for node_id in sorted({each.peer.node_id for each in group}):
                peer_store.lock(work.connection, node_id)
                outbox.hear(work, node_id)
            results = []
            for each in group:
                work.actor = Actor("peer", each.peer.node_text)
                results.append(inbox.apply_all(work, each.peer, each.opened, self._handlers))
            return results


def _hint_all(hint: str, envelopes: Sequence[bytes]) -> bytes:
    return write_answers([Answer(error=hint)] * len(envelopes))


def _hop_public(work: Work, key_id: bytes, found: list[Peer]) -> bytes | None:
    peer = peer_store.find_by_hop_key(work.connection, key_id)
    if peer is None:
        return None
    found.append(peer)
    if not peer.is_exchanged_with:
        return None
    return peer.history.hop_public(key_id, at=seconds(work.now))
