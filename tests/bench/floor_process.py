"""The floor: the least that the same bytes cost with the same primitives, as two processes.

One signs, seals and posts over TLS; the other opens, verifies, commits one row and answers a signed, sealed
receipt; the first opens and verifies that, and commits one row. There is no queue, order, consent, audit log,
retry, case or search behind it: nobody could run an organisation on it, and nothing can do less.
"""

from __future__ import annotations

import asyncio
import sqlite3
import ssl
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import uvicorn
import uvloop

from iars_node.clock import SystemClock
from iars_node.exchange.sending import CBOR, PATH
from iars_node.settings import load_settings
from iars_node.vault.identity import identity_of, seconds
from iars_node.vault.vault import Vault
from iars_protocol.encoding import decode, encode
from iars_protocol.envelope import (
    SIGN_PURPOSE,
    Message,
    open_envelope,
    read_message,
    read_outer,
    seal_envelope,
    verify_message,
)
from iars_protocol.listing import read_signed_listing, verify_listing
from iars_protocol.receipt import Receipt, read_signed_receipt, sign_receipt, verify_receipt
from tests.bench.children import obey
from tests.bench.node_process import WARM_SHARE
from tests.bench.nodes import LISTING_FILE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from iars_node.settings import Settings

MESSAGES_FILE = "floor-messages.cbor"
LEAF = bytes(32)


class Side:
    """What both sides need: their own keys, the other's public ones, and a table to commit to."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        vault = Vault.at(settings.key_store_url)
        vault.unlock(settings.read_passphrase() or "")
        self.identity = identity_of(vault)
        vault.close()
        presented = read_signed_listing((settings.folder / LISTING_FILE).read_bytes())
        _, self.other = verify_listing(presented, at=self.now())
        self._rows = sqlite3.connect(settings.folder / "floor.sqlite", isolation_level=None)
        self._rows.execute("PRAGMA journal_mode=WAL")
        self._rows.execute("PRAGMA synchronous=FULL")
        self._rows.execute("CREATE TABLE IF NOT EXISTS kept (message BLOB, content BLOB)")

    @staticmethod
    def now() -> int:
        """Return the present second."""
        return seconds(SystemClock().now())

    def commit(self, rows: Sequence[tuple[bytes, bytes]]) -> None:
        """Keep rows so that a power cut can't take them."""
        self._rows.execute("BEGIN IMMEDIATE")
        self._rows.executemany("INSERT INTO kept VALUES (?, ?)", rows)
        self._rows.execute("COMMIT")

    def seal(self, plaintext: bytes) -> bytes:
        """Seal bytes for the other side."""
        return seal_envelope(plaintext, self.other.node_id, self.other.sealing_key(at=self.now()))

    def open(self, envelope: bytes) -> bytes:
        """Open an envelope of the other side."""
        outer = read_outer(envelope)
        return open_envelope(outer, self.identity.node_id, self.identity.encryption[outer.sealing_key])


class Receiver(Side):
    """Takes envelopes in: the whole application."""

    def answer(self, body: bytes) -> bytes:
        """Open, verify, commit, sign and seal."""
        inner = [self.open(envelope) for envelope in decode(body)]
        opened = [read_message(octets) for octets in inner]
        for message in opened:
            verify_message(message, self.other, at=self.now())
        self.commit([(message.id, octets) for message, octets in zip(opened, inner, strict=True)])
        return encode([self._receipt(message) for message in opened])

    def _receipt(self, message: Message) -> bytes:
        receipt = Receipt(message.id, self.identity.node_id, "applied", "ok", LEAF, self.now())
        return self.seal(sign_receipt(receipt, self.identity.signing).to_bytes())

    async def __call__(
        self,
        _scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        """Answer one request."""
        body, is_whole = b"", False
        while not is_whole:
            event = await receive()
            body += event.get("body", b"")
            is_whole = not event.get("more_body", False)
        answer = self.answer(body)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": answer})


class Sender(Side):
    """Sends messages that were made before."""

    def __init__(self, settings: Settings, url: str) -> None:
        super().__init__(settings)
        self._url = url + PATH
        made = decode((settings.folder / MESSAGES_FILE).read_bytes(), 1 << 30)
        self._messages = [read_message(octets) for octets in made]

    def send(self, count: int, batch: int, in_flight: int) -> dict[str, Any]:
        """Send so many messages, so many in one request, so many requests at once."""
        return uvloop.run(self._send(count, batch, in_flight))

    async def _send(self, count: int, batch: int, in_flight: int) -> dict[str, Any]:
        moments: list[tuple[float, float]] = []
        latencies: list[float] = []
        starts = iter(range(0, count, batch))

        async def post_on(session: aiohttp.ClientSession) -> None:
            for start in starts:
                began = time.perf_counter()
                sent = [self._message(number) for number in range(start, min(start + batch, count))]
                await self._post(session, sent)
                latencies.append(time.perf_counter() - began)
                moments.extend([(time.perf_counter(), time.process_time())] * len(sent))

        context = ssl.create_default_context(cafile=str(self.settings.ca_file))
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
            await asyncio.gather(*(post_on(session) for _ in range(in_flight)))
        first = int(count * WARM_SHARE)
        taken, cpu = (late - early for early, late in zip(moments[first], moments[-1], strict=True))
        counted = count - 1 - first
        return {"a_second": counted / taken, "cpu": cpu / counted, "latencies": latencies[first:]}

    def _message(self, number: int) -> Message:
        made = self._messages[number % len(self._messages)]
        signature = self.identity.signing.sign(SIGN_PURPOSE, made.header_bytes)
        return Message(made.header_bytes, signature, made.parts)

    async def _post(self, session: aiohttp.ClientSession, sent: Sequence[Message]) -> None:
        body = encode([self.seal(message.to_bytes()) for message in sent])
        async with session.post(self._url, data=body, headers={"Content-Type": CBOR}) as answered:
            answers = decode(await answered.read(), 1 << 30)
        rows = []
        for message, answer in zip(sent, answers, strict=True):
            signed = read_signed_receipt(self.open(answer))
            verify_receipt(signed, self.other, message=message.id, at=self.now())
            rows.append((message.id, signed.to_bytes()))
        self.commit(rows)


def main() -> None:
    """Be one of the two sides until standard input ends."""
    settings = load_settings(Path(sys.argv[1]))
    if len(sys.argv) > 2:
        sender = Sender(settings, sys.argv[2])
        obey({"wait": dict, "send": sender.send})
        return
    config = uvicorn.Config(
        Receiver(settings),
        host=settings.host,
        port=settings.port,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
    )
    server = uvicorn.Server(config)

    def take_orders() -> None:
        try:
            obey({"wait": lambda: _wait(server)})
        finally:
            server.should_exit = True

    threading.Thread(target=take_orders, daemon=True).start()
    server.run()


def _wait(server: uvicorn.Server) -> dict[str, Any]:
    while not server.started:
        time.sleep(0.01)
    return {}


if __name__ == "__main__":
    main()
