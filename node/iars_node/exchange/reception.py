"""Reception: requests of peers, verified side by side and applied together.

Requests that arrive while one transaction runs share the next: under load the cost of a durable commit
is divided among them, and alone a request waits for nobody.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
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
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from iars_node.exchange.model import Handler, Threads
    from iars_node.peers.model import Peer
    from iars_node.work import Work, Works
    from iars_protocol.receipt import SignedReceipt

    Results = Sequence[SignedReceipt | str]

MOST_WAITING = 64

LARGEST_GROUP = 1024 * 1024
"""Bytes of requests in one transaction, give or take the last of them."""

log = structlog.get_logger()


class ClockDiffersError(UnauthenticatedError):
    """The request was made at another time than this node's clock shows."""

    code = "clock"


@dataclass(frozen=True, slots=True)
class _Request:
    """A request as it came, and where whoever made it waits for the answer."""

    headers: Mapping[str, str]
    body: bytes
    answer: Future[bytes] = field(default_factory=Future, compare=False)


@dataclass(frozen=True, slots=True)
class _Batch:
    """The opened envelopes of one request of a peer."""

    peer: Peer
    opened: Sequence[Opened | Unopened]


class Reception:
    """Takes envelopes in and gives sealed receipts back.

    One thread does it all, a group of requests after the other. Several would hand Python's lock to each
    other at every call of the database or of a cipher, which costs more than they gain.
    """

    def __init__(
        self,
        works: Works,
        handlers: Mapping[str, Handler],
        *,
        largest_envelope: int,
        threads: Threads = ThreadPoolExecutor,
    ) -> None:
        self._works = works
        self._handlers = handlers
        self._largest = largest_envelope
        self._lock = threading.Lock()
        self._waiting: deque[_Request] = deque()
        self._is_busy = False
        self._thread = threads(1, "reception")

    async def receive(self, headers: Mapping[str, str], body: bytes) -> bytes:
        """Answer one request: authenticate it, open its envelopes, apply them, seal the receipts."""
        request = _Request(headers, body)
        with self._lock:
            if len(self._waiting) >= MOST_WAITING:
                raise TooManyError("This node has more to take in than it can; try again in a minute.")
            self._waiting.append(request)
            is_first, self._is_busy = not self._is_busy, True
        if is_first:
            self._thread.submit(self._take_in)
        # Whoever asked may hang up meanwhile: what it sent is applied all the same.
        return await asyncio.shield(asyncio.wrap_future(request.answer))

    def close(self) -> None:
        """Let what runs come to its end."""
        self._thread.shutdown()

    def _take_in(self) -> None:
        while group := self._next_group():
            batches = [(request, batch) for request in group if (batch := self._open_request(request))]
            for request, batch, results in self._apply_together(batches):
                self._answer(request, batch, results)

    def _next_group(self) -> list[_Request]:
        """Return the requests that share the next transaction; one alone waits for nobody."""
        with self._lock:
            group: list[_Request] = []
            octets = 0
            while self._waiting and octets < LARGEST_GROUP:
                group.append(self._waiting.popleft())
                octets += len(group[-1].body)
            self._is_busy = bool(group)
        return group

    def _open_request(self, request: _Request) -> _Batch | None:
        """Authenticate a request and open its envelopes; where it ends here, answer it."""
        try:
            envelopes = self._read_batch(request.body)
            if not self._works.vault.is_unlocked:
                raise LockedError("The node is locked.")  # noqa: TRY301 - as where it is locked a moment later
            return _Batch(*self._open(request.headers, request.body, envelopes))
        except ClockDiffersError:
            request.answer.set_result(_hint_all(CLOCK, envelopes))
        except LockedError:
            request.answer.set_result(_hint_all(LOCKED, envelopes))
        except Exception as error:  # noqa: BLE001 - every waiting request must get its answer, whatever broke
            request.answer.set_exception(error)
        return None

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

    def _apply_together(
        self, batches: Sequence[tuple[_Request, _Batch]]
    ) -> Iterator[tuple[_Request, _Batch, Results]]:
        """Apply what several requests brought in one transaction, or each apart where that fails."""
        if not batches:
            return
        try:
            results = self._apply_group([batch for _, batch in batches])
        except Exception as error:  # noqa: BLE001 - as above
            log.warning("reception.apart", requests=len(batches), error=type(error).__name__)
        else:
            for (request, batch), result in zip(batches, results, strict=True):
                yield request, batch, result
            return
        for request, batch in batches:
            # One by one: a faulty envelope must not stop the others, or other peers.
            try:
                result = [self._apply_alone(batch.peer, opened) for opened in batch.opened]
            except Exception as error:  # noqa: BLE001 - as above
                request.answer.set_exception(error)
            else:
                yield request, batch, result

    def _answer(self, request: _Request, batch: _Batch, results: Results) -> None:
        try:
            at = seconds(self._works.clock.now())
            request.answer.set_result(inbox.seal_answers(batch.peer, results, at=at))
        except Exception as error:  # noqa: BLE001 - as above
            request.answer.set_exception(error)

    def _apply_alone(self, peer: Peer, opened: Opened | Unopened) -> SignedReceipt | str:
        try:
            return self._apply_group([_Batch(peer, (opened,))])[0][0]
        except IntegrityError:
            # Another replica has applied the same message at the same moment: its receipt is there now.
            return self._apply_group([_Batch(peer, (opened,))])[0][0]
        except (DBAPIError, LockedError):
            # The database or the keys are away: nothing is wrong with the message.
            raise
        except Exception as error:  # noqa: BLE001 - a message that breaks the program is refused, not asked for again for ever
            log.error("reception.broken", error=type(error).__name__)  # noqa: TRY400 - a trace could show content
            with self._works.write(SYSTEM) as work:
                inbox.note_broken(work, peer)
            return REFUSED

    def _apply_group(self, group: Sequence[_Batch]) -> list[list[SignedReceipt | str]]:
        try:
            return self._apply_in_one(group, guarded=False)
        except inbox.HalfDoneError:
            # Refusals are rare: what lets each message be undone alone is paid for only where one is.
            return self._apply_in_one(group, guarded=True)

    def _apply_in_one(self, group: Sequence[_Batch], *, guarded: bool) -> list[list[SignedReceipt | str]]:
        with self._works.write(SYSTEM) as work:
            # In one order, so that two processes never wait for each other.
            for node_id in sorted({each.peer.node_id for each in group}):
                peer_store.lock(work.connection, node_id)
                outbox.hear(work, node_id)
            results = []
            for each in group:
                work.actor = Actor("peer", each.peer.node_text)
                results.append(inbox.apply_all(work, each.peer, each.opened, self._handlers, guarded=guarded))
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
