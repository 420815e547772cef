"""Nodes behind a mischief proxy, each served by processes that can be killed and started again."""

from __future__ import annotations

import shutil
import signal
import threading
import urllib.request
from typing import TYPE_CHECKING

from tests.conftest import CHEAP, PASSPHRASE
from tests.federation.faults.mischief import Mischief
from tests.federation.neighbours import Neighbour
from tests.federation.processes import START_SECONDS, free_port, serve, wait_until

from iars_node.clock import SystemClock
from iars_node.exchange.restoring import mark_restored
from iars_node.migrations import upgrade
from iars_node.node import build_node
from iars_node.settings import FILE_NAME, Settings
from iars_node.vault.identity import create_identity
from iars_node.vault.vault import Vault
from iars_node.work import SYSTEM
from iars_protocol.listing import Listing

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from iars_admin.demo.draw import Draw

LEASE_SECONDS = 2


class Served(Neighbour):
    """A node served by one process or by several on one database; the test opens the same folder itself."""

    def __init__(
        self, folder: Path, name: str, draw: Draw, *, database_url: str = "", replicas: int = 1
    ) -> None:
        folder.mkdir()
        self.name = name
        self.folder = folder
        self.ports = [free_port() for _ in range(replicas)]
        self.mischief = Mischief(free_port(), self.ports, draw.branch("proxy"))
        # Held while the node's database is taken away and put back: nobody may be using it then.
        self.gate = threading.RLock()
        self.restored = False
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        lines = [f"lease_seconds = {LEASE_SECONDS}", "exchange_timeout_seconds = 5"]
        if database_url:
            lines.append(f'database_url = "{database_url}"')
        (folder / FILE_NAME).write_text("\n".join(lines))
        settings = Settings(folder=folder)
        vault = Vault.create(settings.key_store_url, PASSPHRASE, cost=CHEAP)
        profile = Listing(
            "", 0, 0, {"en": name.title()}, "NGO", "AL", "UTC", ("en",), ("MED-SCREEN", "MED-CARE")
        )
        address = f"http://127.0.0.1:{self.mischief.port}"
        create_identity(vault, profile, endpoints=[address], now=SystemClock().now())
        vault.close()
        self.settings = settings
        super().__init__(build_node(settings))
        upgrade(self.node.database)
        self.node.vault.unlock(PASSPHRASE)

    def start_all(self) -> None:
        """Serve with every process, behind the proxy."""
        self.mischief.start()
        for port in self.ports:
            self.start(port)

    def start(self, port: int) -> None:
        """Serve with one process, and wait until it answers."""
        self._processes[port] = serve(self.folder, IARS_PORT=str(port))
        wait_until(lambda: self._answers(port), START_SECONDS)

    def kill(self, port: int) -> None:
        """End a process as a power cut does."""
        process = self._processes.pop(port, None)
        if process is not None:
            process.send_signal(signal.SIGKILL)
            process.wait()

    def kill_all(self) -> None:
        """End every process."""
        for port in self.ports:
            self.kill(port)

    def close(self) -> None:
        """End the proxy and close the node; the processes of both sides have ended before."""
        self.mischief.stop()
        self.node.close()

    @property
    def log(self) -> Path:
        """What the processes wrote."""
        return self.folder / "server.log"

    def back_up(self) -> None:
        """Copy the database as a backup would."""
        with self.gate, self.node.database.engine.connect() as connection:
            connection.exec_driver_sql(f"VACUUM INTO '{self.folder / 'yesterday.sqlite'}'")

    def restore(self) -> None:
        """Kill the node and put yesterday's database back; the key store stays today's."""
        with self.gate:
            self.kill_all()
            self.node.close()
            shutil.copy(self.folder / "yesterday.sqlite", self.folder / "node.sqlite")
            for leftover in ("node.sqlite-wal", "node.sqlite-shm"):
                (self.folder / leftover).unlink(missing_ok=True)
            self.node = build_node(self.settings)
            self.node.vault.unlock(PASSPHRASE)
            with self.node.works.write(SYSTEM) as work:
                mark_restored(work)
            self.restored = True
            for port in self.ports:
                self.start(port)

    def _answers(self, port: int) -> bool:
        assert self._processes[port].poll() is None, self.log.read_text()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False
