"""Nodes as processes of their own, on this machine's loopback: to be measured, killed and started again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from tests.conftest import CHEAP, PASSPHRASE
from tests.federation.neighbours import Neighbour
from tests.measuring import unmeasured

from iars_node.clock import SystemClock
from iars_node.migrations import upgrade
from iars_node.node import build_node
from iars_node.settings import FILE_NAME, Settings
from iars_node.vault.identity import create_identity
from iars_node.vault.vault import Vault
from iars_protocol.listing import Listing

if TYPE_CHECKING:
    from collections.abc import Callable

START_SECONDS = 60
ROOT = Path(__file__).parents[2]


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        port: int = opened.getsockname()[1]
        return port


def serve(folder: Path, **more: str) -> subprocess.Popen[bytes]:
    """Start a process that serves a node; what it says goes into `server.log` of the node's folder."""
    places = os.pathsep.join(str(ROOT / part) for part in ("protocol", "node", "admin"))
    own = {"PYTHONPATH": places, "IARS_FOLDER": str(folder), "IARS_PASSPHRASE": PASSPHRASE}
    # Who is killed writes down no lines: to note them would cost half as much again, for nothing.
    with unmeasured(), (folder / "server.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "iars_admin", "serve"],
            env={**os.environ, **own, **more},
            stdout=log,
            stderr=log,
        )


class ServedNode(Neighbour):
    """A node that a process serves; the test looks at the same database from outside."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir()
        self.folder = folder
        self.port = free_port()
        (folder / FILE_NAME).write_text(f"port = {self.port}\n")
        settings = Settings(folder=folder)
        vault = Vault.create(settings.key_store_url, PASSPHRASE, cost=CHEAP)
        profile = Listing("", 0, 0, {"en": name.title()}, "NGO", "AL", "UTC", ("en",), ("MED-SCREEN",))
        url = f"http://127.0.0.1:{self.port}"
        create_identity(vault, profile, endpoints=[url], now=SystemClock().now())
        vault.close()
        node = build_node(settings)
        upgrade(node.database)
        node.vault.unlock(PASSPHRASE)
        super().__init__(node)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Serve the node, and wait until it answers."""
        self.process = serve(self.folder)
        wait_until(self._answers, START_SECONDS)

    def kill(self) -> None:
        """End the process as a power cut does."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        """End the process as an administrator does."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=60)
            self.process = None

    def memory(self, field: str) -> float:
        """Return the process's resident memory in MB: `VmRSS` now, `VmHWM` at its highest."""
        assert self.process is not None
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) / 1024
        raise AssertionError(field)

    def forget_peak(self) -> None:
        """Measure the highest memory from now on."""
        assert self.process is not None
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "server.log").read_text()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/iars/v1/listing", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


def wait_until(condition: Callable[[], bool], seconds: float, pause: float = 0.02) -> None:
    """Wait until something is so, or fail."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(pause)
