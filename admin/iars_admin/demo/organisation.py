"""One organisation of the demo: its folder, its commands, its server, its account's view of the node."""

from __future__ import annotations

import http.client
import json
import secrets
import subprocess
import sys
import time
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import cache, cached_property
from io import StringIO
from typing import TYPE_CHECKING, Any

from typer.main import get_command

from iars_admin.cli import build_app
from iars_admin.demo.cast import ADMINISTRATOR
from iars_admin.demo.errors import DemoError
from iars_admin.founding import write_new_file
from iars_node.accounts.service import find_account_by_name
from iars_node.node import Node, build_node
from iars_node.settings import FILE_NAME, load_settings
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from iars_admin.demo.cast import Part
    from iars_node.clock import Clock
    from iars_node.exchange.transport import Transport
    from iars_node.work import Actor, Work

HOST = "127.0.0.1"
OK = 200
START_SECONDS = 60
STOP_SECONDS = 15
SECRET_BYTES = 15


class Organisation:
    """A node of its own: founded, introduced and served through `iars`, as on a machine of its own."""

    def __init__(self, part: Part, folder: Path, port: int) -> None:
        self.part = part
        self.folder = folder / part.key.lower()
        self.port = port
        self.node_id = b""
        self.fingerprint = ""
        self._secrets = folder / "secrets"
        self._server: subprocess.Popen[bytes] | None = None
        self._opened: Node | None = None
        self.knows: list[bytes] = []

    @property
    def url(self) -> str:
        """Where the other nodes reach this one."""
        return f"http://{HOST}:{self.port}"

    @property
    def listing_file(self) -> Path:
        """The file with which it presents itself."""
        return self._secrets.parent / f"{self.part.key.lower()}.listing"

    def secret_file(self, name: str) -> Path:
        """Return the file, readable by its owner only, that holds a passphrase or password of this run."""
        return self._secrets / f"{self.part.key.lower()}-{name}"

    def iars(self, *arguments: str, account: str = ADMINISTRATOR) -> dict[str, Any]:
        """Run a command of `iars` on this node, as it is typed; return its answer."""
        own = ["--folder", str(self.folder), "--passphrase-file", str(self.secret_file("passphrase"))]
        code, told, said = _typed(*own, "--as", account, *arguments)
        if code:
            named = " ".join(arguments[:2])
            raise DemoError(f"“iars {named}” failed at {self.part.said}: {_sentence(said)}")
        answer: dict[str, Any] = json.loads(told)
        return answer

    def _server_command(self) -> list[str]:
        passphrase_file = str(self.secret_file("passphrase"))
        own = ["--folder", str(self.folder), "--passphrase-file", passphrase_file]
        return [sys.executable, "-m", "iars_admin", *own, "serve"]

    def found(self) -> None:
        """Make the node, its worker's account and the listing that it hands to others."""
        for name in ("passphrase", ADMINISTRATOR, self.part.worker):
            self.make_secret(name)
        part = self.part
        names = ["--name", part.name, "--name", part.own_name]
        profile = ["--type", part.organisation_type, "--country", part.country, "--zone", part.zone]
        offered = [word for code in part.services for word in ("--service", code)]
        where = ["--url", self.url, "--host", HOST, "--port", str(self.port)]
        self.iars(
            "init", "--training", "--keep-root", *names, *profile, "--languages", ",".join(part.languages),
            *offered, *where, "--administrator", ADMINISTRATOR,
            "--password-file", str(self.secret_file(ADMINISTRATOR)),
        )  # fmt: skip
        roles = [word for role in part.roles for word in ("--role", role)]
        password_file = str(self.secret_file(part.worker))
        self.iars(
            "user", "add", part.worker, "--display-name", part.worker_name, *roles,
            "--password-file", password_file,
        )  # fmt: skip
        with (self.folder / FILE_NAME).open("a", encoding="utf-8") as settings:
            # Nobody watches a demo for two days. A node that isn't for training can't be told so.
            settings.write("erasure_hold_hours = 0\n")
        exported = self.iars("listing", "export", str(self.listing_file))
        self.node_id, self.fingerprint = bytes.fromhex(exported["node"]), exported["fingerprint"]

    def make_secret(self, name: str) -> str:
        """Make a passphrase or password of this run, and keep it in its file."""
        made = secrets.token_urlsafe(SECRET_BYTES)
        write_new_file(self.secret_file(name), made + "\n")
        return made

    def meet(self, other: Organisation) -> None:
        """Add another organisation by its file, and compare the digits that its people read out."""
        self.knows.append(other.node_id)
        self.iars("peer", "add", str(other.listing_file), "--digits", other.fingerprint)

    def start(self) -> None:
        """Start the node's server."""
        with (self.folder / "server.log").open("ab") as log:
            self._server = subprocess.Popen(  # noqa: S603 - this interpreter and our own words
                self._server_command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is for the demo, which then stops the servers in order.
                start_new_session=True,
            )

    def wait_until_serving(self) -> None:
        """Wait until the node answers and is unlocked."""
        until = time.monotonic() + START_SECONDS
        while not self._is_healthy():
            if self._server is None or self._server.poll() is not None:
                raise DemoError(f"The server of {self.part.said} ended by itself: {self._last_words()}")
            if time.monotonic() > until:
                raise DemoError(
                    f"The server of {self.part.said} did not answer in time: {self._last_words()}"
                )
            time.sleep(0.05)

    def _is_healthy(self) -> bool:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=2)
        try:
            connection.request("GET", "/health")
            answer = connection.getresponse()
            return answer.status == OK and json.loads(answer.read()).get("unlocked") is True
        except (OSError, http.client.HTTPException, ValueError):
            return False
        finally:
            connection.close()

    def _last_words(self) -> str:
        lines = (self.folder / "server.log").read_text("utf-8", "replace").strip().splitlines()
        return lines[-1][:300] if lines else "it said nothing."

    def ask_to_stop(self) -> None:
        """Close this process's view of the node and tell the server to end."""
        self.close()
        if self._server is not None and self._server.poll() is None:
            self._server.terminate()

    def wait_until_stopped(self) -> None:
        """Wait for the server's end; one that does not end by itself is killed."""
        if self._server is None:
            return
        try:
            self._server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()

    def open(self, clock: Clock | None = None, transport: Transport | None = None) -> Node:
        """Open the node in this process, by another clock and another way to the others if need be."""
        node = build_node(load_settings(self.folder), clock=clock, transport=transport)
        node.vault.unlock(self.secret_file("passphrase").read_text("utf-8").strip())
        self._opened = node
        return node

    def close(self) -> None:
        """Close this process's view of the node."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    @property
    def node(self) -> Node:
        """The node as this process sees it, beside its server; opened at first use."""
        return self._opened or self.open()

    @cached_property
    def worker(self) -> Actor:
        """The account that acts: what its roles do not allow, the demo can't do either."""
        return self.account(self.part.worker)

    def account(self, name: str) -> Actor:
        """Return an account as it acts."""
        with self.node.works.read(SYSTEM) as work:
            return find_account_by_name(work, name).actor

    @contextmanager
    def work(self) -> Iterator[Work]:
        """Open a unit of work in the worker's name."""
        with self.node.works.write(self.worker) as work:
            yield work

    @contextmanager
    def look(self) -> Iterator[Work]:
        """Open a reading unit of work in the worker's name."""
        with self.node.works.read(self.worker) as work:
            yield work


def anywhere(*arguments: str) -> tuple[int, dict[str, Any]]:
    """Run a command of `iars` that needs no node, such as an auditor's; return its exit code and answer."""
    code, told, said = _typed(*arguments)
    if not told:
        raise DemoError(f"“iars {' '.join(arguments[:2])}” failed: {_sentence(said)}")
    answer: dict[str, Any] = json.loads(told)
    return code, answer


def _typed(*arguments: str) -> tuple[int, str, str]:
    told, said = StringIO(), StringIO()
    with redirect_stdout(told), redirect_stderr(said):
        # In this process: a new interpreter for each of fifty commands would cost two minutes.
        code = _command_line()(["--json", *arguments], prog_name="iars", standalone_mode=False)
    return int(code or 0), told.getvalue(), said.getvalue()


@cache
def _command_line() -> Callable[..., Any]:
    # As commands: to make them of all the functions takes longer than most of what they do.
    return get_command(build_app())


def _sentence(said: str) -> str:
    """Return what a failed command said to a program, as one sentence."""
    content = json.loads(said.strip().splitlines()[-1])
    return "; ".join([content["message"], *(f"{name}: {text}" for name, text in content["faults"].items())])
