"""A PostgreSQL server of the tests' own: a throw-away folder, a free port on loopback, nothing shared."""

from __future__ import annotations

import getpass
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg
import pytest
from psycopg import sql

from tests.parts import find_postgresql, lacking

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVER_USER = "postgres"
START_SECONDS = 20
FIRST_WITH_STRATEGY = 150_000
# Losing the throw-away folder at a power cut harms nobody: it lies in memory where there is enough of it, and
# nothing waits for the disk, and nobody tidies up in databases that live for a second.
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it, readable by its owner alone
ENOUGH_BYTES = 2 * 1024**3
HASTY = tuple(
    word
    for setting in ("fsync", "synchronous_commit", "full_page_writes", "autovacuum")
    for word in ("-c", f"{setting}=off")
)


class PostgresqlServer:
    """A running server. Anyone on this machine may connect: it holds nothing but what tests make up."""

    def __init__(self, programs: Path, *, durable: bool) -> None:
        self._programs = programs
        self._durable = durable
        # Not pytest's own folder: that one belongs to root alone, and the server refuses to run as root.
        self._folder = Path(
            tempfile.mkdtemp(prefix="iars-postgresql-", dir=None if durable else _quick_folder())
        )
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Make the folder's contents and run the server until it answers."""
        options = ("-U", SERVER_USER, "--auth=trust", "--no-locale", "--encoding=UTF8", "--no-sync")
        self._run("initdb", "-D", str(self._folder / "cluster"), *options)
        self.serve()

    def copy_files(self) -> PostgresqlServer:
        """Copy every file of the running server, as a base backup does; the copy is not served yet."""
        copied = PostgresqlServer(self._programs, durable=self._durable)
        place = ("-h", "127.0.0.1", "-p", str(self.port), "-U", SERVER_USER)
        copied._run("pg_basebackup", "-D", str(copied._folder / "cluster"), *place, "--checkpoint=fast")
        return copied

    def _run(self, program: str, *words: str) -> None:
        account = _account()
        if account:
            shutil.chown(self._folder, account["user"], account["group"])
        command = [str(self._programs / program), *words]
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL, **account)

    def serve(self) -> None:
        """Run the server on the files that are there, until it answers."""
        account = _account()
        cluster = str(self._folder / "cluster")
        self.port = _free_port()
        command = [str(self._programs / "postgres"), "-D", cluster, "-h", "127.0.0.1", "-p", str(self.port)]
        command += ["-k", str(self._folder), "-c", "max_connections=300", *(() if self._durable else HASTY)]
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(command, cwd="/", stdout=log, stderr=log, **account)
        self._await_answer()

    def stop(self) -> None:
        """Stop the server at once and remove its folder."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(START_SECONDS)
        shutil.rmtree(self._folder)

    def url(self, name: str) -> str:
        """Return the URL of one of its databases."""
        return f"postgresql://{SERVER_USER}@127.0.0.1:{self.port}/{name}"

    def create(self, template: str = "template0") -> str:
        """Make a database with a fresh name as a copy of a template; return its name."""
        name = f"test_{secrets.token_hex(6)}"
        words = sql.SQL("CREATE DATABASE {} TEMPLATE {}" + self._copying)
        self._command(words.format(*map(sql.Identifier, (name, template))))
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever is still connected."""
        self._command(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _command(self, words: sql.Composed) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(words)

    @cached_property
    def _copying(self) -> LiteralString:
        # Before version 15 there was one way to copy a database; it is the faster one here.
        with psycopg.connect(self.url("postgres")) as connection:
            return " STRATEGY file_copy" if connection.info.server_version >= FIRST_WITH_STRATEGY else ""

    def _await_answer(self) -> None:
        assert self._process is not None
        last_moment = time.monotonic() + START_SECONDS
        while time.monotonic() < last_moment and self._process.poll() is None:
            try:
                psycopg.connect(self.url("postgres")).close()
            except psycopg.OperationalError:
                time.sleep(0.02)
            else:
                return
        pytest.fail(f"PostgreSQL did not start: {(self._folder / 'log').read_text()}", pytrace=False)


def running_server(*, durable: bool) -> Iterator[PostgresqlServer]:
    """Run a server for as long as a fixture lives."""
    server = PostgresqlServer(find_postgresql(), durable=durable)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def _account() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    try:
        entry = pwd.getpwnam(SERVER_USER)
    except KeyError:
        lacking("postgresql", f"{getpass.getuser()} needs an account {SERVER_USER} to run the server under")
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _quick_folder() -> Path | None:
    return MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ENOUGH_BYTES else None


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
