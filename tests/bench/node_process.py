"""One node as a process of its own, served as `iars serve` serves it, that also takes the bench's orders."""

from __future__ import annotations

import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn

from iars_admin import logs
from iars_node.app import create_app
from iars_node.exchange.model import Receipted
from iars_node.migrations import upgrade
from iars_node.node import Node, build_node
from iars_node.referrals import service as referrals
from iars_node.referrals.model import Offering
from iars_node.settings import load_settings
from iars_node.work import SYSTEM, Work
from iars_protocol.messages.referral import Offer
from tests.bench.children import obey

if TYPE_CHECKING:
    from collections.abc import Callable

RECEIPT_SECONDS = 900.0
# The first requests open connections and compile statements; they are not counted.
WARM_SHARE = 0.1


class Receipts:
    """When each receipt was stored: the moment after its commit."""

    def __init__(self) -> None:
        self._moments: list[tuple[float, float]] = []
        self._changed = threading.Condition()

    def follow(self, work: Work, receipted: Receipted) -> None:
        """Note an offer's receipt once it is safe; heads of logs travel as well, and are not waited for."""
        if receipted.type == Offer.type:
            work.after_commit.append(self._note)

    def _note(self) -> None:
        moment = (time.perf_counter(), time.process_time())
        with self._changed:
            self._moments.append(moment)
            self._changed.notify_all()

    def forget(self) -> None:
        """Begin anew."""
        with self._changed:
            self._moments = []

    def wait(self, count: int) -> list[tuple[float, float]]:
        """Wait for so many; return the moment and the processor time of each."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._moments) >= count, RECEIPT_SECONDS):
                raise TimeoutError(f"{len(self._moments)} receipts instead of {count}")
            return list(self._moments)


class Orders:
    """What the bench may ask of a node."""

    def __init__(self, node: Node, server: uvicorn.Server) -> None:
        self._node = node
        self._server = server
        self._receipts = Receipts()
        node.works.events.follow(Receipted, self._receipts.follow)

    def obey(self) -> None:
        """Answer orders until there are no more, then end the node."""
        orders: dict[str, Callable[..., dict[str, Any]]] = {
            "wait": self.wait,
            "unlock": self.unlock,
            "lock": self.lock,
            "release": self.release,
            "refer": self.refer,
        }
        try:
            obey(orders)
        finally:
            self._server.should_exit = True

    def wait(self) -> dict[str, Any]:
        """Wait until the node is reachable."""
        while not self._server.started:
            time.sleep(0.01)
        return {}

    def unlock(self) -> dict[str, Any]:
        """Unlock the node, as whoever starts it does."""
        self._node.vault.unlock(self._node.settings.read_passphrase() or "")
        return {}

    def lock(self) -> dict[str, Any]:
        """Lock the node: what is queued waits."""
        self._node.vault.lock()
        return {}

    def release(self, count: int) -> dict[str, Any]:
        """Let the sender have what waits, and measure until every receipt is stored."""
        self._receipts.forget()
        self.unlock()
        self._node.sender.wake()
        moments = self._receipts.wait(count)
        first = int(count * WARM_SHARE)
        seconds, cpu = (late - early for early, late in zip(moments[first], moments[-1], strict=True))
        return {"a_second": (count - 1 - first) / seconds, "cpu": cpu / (count - 1 - first)}

    def refer(self, peer: str, offerings: list[list[str]]) -> dict[str, Any]:
        """Refer people one after the other; measure each from its commit to the receipt's."""
        latencies = []
        for number, (case_id, consent_id) in enumerate(offerings):
            self._receipts.forget()
            committed: list[float] = []
            with self._node.works.write(SYSTEM) as work:
                # Before the sender is woken: afterwards this thread may have to wait for its turn.
                work.after_commit.append(partial(_note_moment, committed))
                offering = Offering(case_id, consent_id, "MED-SCREEN", "urgent")
                referrals.send_referral(work, offering, bytes.fromhex(peer))
            stored, _cpu = self._receipts.wait(1)[0]
            if number >= len(offerings) * WARM_SHARE:
                latencies.append(stored - committed[0])
        return {"latencies": latencies}


def _note_moment(moments: list[float]) -> None:
    moments.append(time.perf_counter())


def main() -> None:
    """Serve the node of a folder until standard input ends."""
    settings = load_settings(Path(sys.argv[1]))
    node = build_node(settings)
    upgrade(node.database)
    config = uvicorn.Config(
        create_app(node),
        host=settings.host,
        port=settings.port,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
        log_config=logs.configure(settings.log_level),
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    server = uvicorn.Server(config)
    threading.Thread(target=Orders(node, server).obey, daemon=True).start()
    try:
        server.run()
    finally:
        node.close()


if __name__ == "__main__":
    main()
