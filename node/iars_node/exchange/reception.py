"""Reception: requests of peers, verified side by side and applied together.

Requests that arrive while one transaction runs share the next: under load the cost of a durable commit
is divided among them, and alone a request waits for nobody.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iars_node.audit.alarms import raise_alarm
from iars_node.errors import InvalidError, TooManyError, UnauthenticatedError
from iars_node.exchange import hop, inbox
from iars_node.exchange.opening import LOCKED, Opened, Unopened, open_one
from iars_node.exchange.sending import PATH
from iars_node.peers import store as peer_store
from iars_node.vault.identity import forget, identity_of, seconds
from iars_node.work import SYSTEM, Actor
from iars_protocol.encoding import decode, encode
from iars_protocol.errors import ProtocolError, SignatureError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iars_node.exchange.model import Handler
    from iars_node.peers.model import Peer
    from iars_node.work import Work, Works
    from iars_protocol.receipt import SignedReceipt

MOST_ENVELOPES = 100
MOST_WAITING = 64


@dataclass(frozen=True, slots=True)
class _Waiting:
    peer: Peer
    opened: Sequence[Opened | Unopened]
    answer: asyncio.Future[list[SignedReceipt | str]]


class Reception:
    """Takes envelopes in and gives sealed receipts back."""

    def __init__(self, works: Works, handlers: Mapping[str, Handler], *, largest_envelope: int) -> None:
        self._works = works
        self._handlers = handlers
        self._largest = largest_envelope
        self._waiting: list[_Waiting] = []
        self._applying: asyncio.Task[None] | None = None

    async def receive(self, headers: Mapping[str, str], body: bytes) -> bytes:
        """Answer one request: authenticate it, open its envelopes, apply them, seal the receipts."""
        if len(self._waiting) >= MOST_WAITING:
            raise TooManyError("This node has more to take in than it can; try again in a minute.")
        envelopes = self._read_batch(body)
        if not self._works.vault.is_unlocked:
            return encode([{"error": LOCKED}] * len(envelopes))
        peer, opened = await asyncio.to_thread(self._open, headers, body, envelopes)
        answers = await self._apply(peer, opened)
        at = seconds(self._works.clock.now())
        return await asyncio.to_thread(inbox.seal_answers, self._works.vault, peer, answers, at=at)

    def _read_batch(self, body: bytes) -> list[bytes]:
        try:
            entries = decode(body)
        except ProtocolError as error:
            raise InvalidError("The request's body is not a list of envelopes.") from error
        if type(entries) is not list or not 0 < len(entries) <= MOST_ENVELOPES:
            raise InvalidError(f"A request holds 1 to {MOST_ENVELOPES} envelopes.")
        if any(type(entry) is not bytes or len(entry) > self._largest for entry in entries):
            raise InvalidError("An envelope is longer than this node takes.")
        return entries

    def _open(
        self, headers: Mapping[str, str], body: bytes, envelopes: Sequence[bytes]
    ) -> tuple[Peer, list[Opened | Unopened]]:
        vault = self._works.vault
        peer = self.authenticate(headers, method="POST", path=PATH, body=body)
        now = self._works.clock.now()
        opened = [open_one(vault, peer, envelope, now) for envelope in envelopes]
        if any(isinstance(each, Unopened) and each.hint == "unknown-recipient-key" for each in opened):
            # Another replica may have rotated the key a moment ago: read the key store once more.
            forget(vault)
            opened = [open_one(vault, peer, envelope, now) for envelope in envelopes]
        return peer, opened

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
            except SignatureError as error:
                cause = error.code
            else:
                return found[0]
        self._note_stranger(found[0].node_text if found else "", cause)
        raise UnauthenticatedError("The request is not signed by a node that is pinned here.")

    def _note_stranger(self, peer: str, cause: str) -> None:
        # One counted alarm, not a row per request: strangers must not be able to fill the log.
        with self._works.write(SYSTEM) as work:
            raise_alarm(work, "exchange.unauthenticated", peer, {"code": cause})

    async def _apply(self, peer: Peer, opened: Sequence[Opened | Unopened]) -> list[SignedReceipt | str]:
        answer: asyncio.Future[list[SignedReceipt | str]] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(peer, opened, answer))
        if self._applying is None or self._applying.done():
            self._applying = asyncio.create_task(self._apply_waiting())
        return await answer

    async def _apply_waiting(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            try:
                results = await asyncio.to_thread(self._apply_group, group)
            except Exception as error:  # noqa: BLE001 - every waiting request must get its answer, whatever broke
                for each in group:
                    if not each.answer.done():
                        each.answer.set_exception(error)
            else:
                for each, result in zip(group, results, strict=True):
                    if not each.answer.done():
                        each.answer.set_result(result)

    def _apply_group(self, group: Sequence[_Waiting]) -> list[list[SignedReceipt | str]]:
        with self._works.write(SYSTEM) as work:
            results = []
            for each in group:
                work.actor = Actor("peer", each.peer.node_text)
                results.append(inbox.apply_all(work, each.peer, each.opened, self._handlers))
            return results


def _hop_public(work: Work, key_id: bytes, found: list[Peer]) -> bytes | None:
    peer = peer_store.find_by_hop_key(work.connection, key_id)
    if peer is None:
        return None
    found.append(peer)
    if not peer.is_exchanged_with:
        return None
    return peer.history.hop_public(key_id, at=seconds(work.now))
