"""Founding, introducing, serving and stopping the four nodes."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from iars_admin.demo.cast import ACQUAINTED, PARTS
from iars_admin.demo.errors import DemoError
from iars_admin.demo.organisation import HOST, Organisation
from iars_node.settings import PREFIX, TESTS_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iars_admin.demo.telling import Teller


@contextmanager
def own_environment() -> Iterator[None]:
    """Leave out of the environment what was meant for a node that runs in earnest on this machine."""
    foreign = {
        name: value
        for name, value in os.environ.items()
        if name.upper().startswith(PREFIX) and not name.upper().startswith(TESTS_PREFIX)
    }
    for name in foreign:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(foreign)


@contextmanager
def demo_folder(wanted: Path | None) -> Iterator[Path]:
    """Make the folder of a run; one that nobody asked for is removed at the end."""
    if wanted is None:
        folder = Path(tempfile.mkdtemp(prefix="iars-demo-"))
    else:
        if wanted.exists() and any(wanted.iterdir()):
            raise DemoError(f"The folder {wanted} is not empty; name another, or remove it.")
        wanted.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = wanted
    (folder / "secrets").mkdir(mode=0o700)
    try:
        yield folder
    finally:
        if wanted is None:
            shutil.rmtree(folder, ignore_errors=True)


def acquainted(folder: Path, teller: Teller) -> dict[str, Organisation]:
    """Found the nodes and introduce them to each other."""
    ports = _free_ports(len(PARTS))
    known = {part.key: Organisation(part, folder, port) for part, port in zip(PARTS, ports, strict=True)}
    everyone = list(known.values())
    for one in everyone:
        one.found()
        teller.say(f"{one.part.name}: founded, with keys, database and accounts of its own.")
        teller.detail(f"address: {one.url}")
        teller.detail(f"fingerprint, read out by telephone: {one.fingerprint}")
    for first, second in ACQUAINTED:
        known[first.key].meet(known[second.key])
        known[second.key].meet(known[first.key])
        teller.say(
            f"The {first.key} and the {second.key} have exchanged their listings as files and compared the "
            "digits by telephone: they know each other."
        )
    return known


@contextmanager
def served(known: dict[str, Organisation], teller: Teller) -> Iterator[None]:
    """Serve the nodes; whatever happens, their processes end."""
    everyone = list(known.values())
    with ExitStack() as stopping:
        stopping.callback(_stop, everyone)
        for one in everyone:
            one.start()
        for one in everyone:
            one.wait_until_serving()
        teller.say("Four servers are up, each a process of its own; between them, only HTTP.")
        yield


def _stop(everyone: Sequence[Organisation]) -> None:
    for one in everyone:
        one.ask_to_stop()
    for one in everyone:
        one.wait_until_stopped()


def _free_ports(count: int) -> list[int]:
    # Held all at once, so that no port is named twice.
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((HOST, 0))
        return [int(one.getsockname()[1]) for one in sockets]
