"""Four nodes for one history: copied, cut off, restarted, put back, their clocks set wrong."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from concurrent.futures import Executor, Future
from contextlib import closing
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from sqlalchemy import event
from tests.conftest import MORNING, PASSPHRASE
from tests.federation.invariant.opening import Files
from tests.federation.neighbours import Neighbour, Wire, introduce, make_neighbour
from tests.statements import share_statements

from iars_node.accounts.jobs import FORGET_JOB
from iars_node.db import EPOCH, Database
from iars_node.drafts.model import EXPIRE_JOB as EXPIRE_DRAFTS_JOB
from iars_node.exchange.announcing import ROTATE_JOB
from iars_node.exchange.restoring import GAPS_JOB, mark_restored
from iars_node.exchange.transport import Transport, UnreachableError
from iars_node.jobs.model import Job, Worker
from iars_node.jobs.service import run_due
from iars_node.node import STANDING_JOBS, Node, build_node
from iars_node.notifications.model import LOOK_JOB
from iars_node.retention.model import RETENTION_JOB
from iars_node.settings import Settings
from iars_node.tables import metadata
from iars_node.withdrawals import service as withdrawals
from iars_node.withdrawals.model import CLOCK_JOB
from iars_node.witness.jobs import WITNESS_JOB
from iars_node.work import SYSTEM, Actor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from sqlalchemy.engine.interfaces import DBAPIConnection

    from iars_node.clock import Clock

NAMES = ("shelter", "mission", "clinic", "station")
ADMINISTRATOR = Actor("account", "1" * 32, roles=frozenset({"administrator"}))
IMAGE = "image.sqlite"
HOLD, GRACE = timedelta(hours=1), timedelta(days=1)
LONGEST_GRACE = 2 * (GRACE + 3 * HOLD)
"""What expired in the last such time may not be destroyed yet: the grace, and until anybody looked."""

# The logs' trees have tests of their own, keys are changed once in thirty days, gaps are asked for while a
# history settles, nobody sets rules of retention here, the clock is looked at before anything is destroyed,
# and no account signs in, leaves drafts or is told of something: each costs more than it shows.
NOT_EACH_TIME = frozenset(
    {WITNESS_JOB, CLOCK_JOB, ROTATE_JOB, GAPS_JOB, RETENTION_JOB, FORGET_JOB, EXPIRE_DRAFTS_JOB, LOOK_JOB}
)
EVERY_FEW_SECONDS = tuple(kind for kind in STANDING_JOBS if kind not in NOT_EACH_TIME)
share_statements()


def _wait_for_no_disk(connection: DBAPIConnection, _: object) -> None:
    # Nobody cuts the power here.
    connection.execute("PRAGMA synchronous=OFF")


class AtOnce(Executor):
    """Runs what it is handed at once: nothing here waits, and threads would cost more than they do."""

    def __init__(self, threads: int, name: str) -> None:
        del threads, name

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Return what came of it, or what it raised."""
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - whoever asks for the result gets it
            done.set_exception(error)
        return done


class OwnClock:
    """A node's own clock: the common time, and how wrong it is."""

    def __init__(self, common: OwnClock | None = None) -> None:
        self._common = common
        self.moment = MORNING
        self.wrong = timedelta(0)

    def now(self) -> datetime:
        """Return the moment that this clock shows."""
        return (self.moment if self._common is None else self._common.now()) + self.wrong


class Line(Transport):
    """A node's own line to the others: it can be cut."""

    def __init__(self, wire: Wire, name: str, away: set[str]) -> None:
        super().__init__()
        self._wire, self._name, self._away = wire, name, away

    async def request(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        """Carry a request, where neither end is cut off."""
        if self._away & {self._name, urlsplit(url).hostname or ""}:
            raise UnreachableError("connection")
        return await self._wire.request(method, url, body, headers)


def template(folder: Path) -> Path:
    """Make four nodes that know each other, closed again, to be copied for each history."""
    wire, clock, made = Wire(), OwnClock(), []
    for name in NAMES:
        (folder / name).mkdir(parents=True)
        with (
            closing(Database(f"sqlite:///{folder / name / 'node.sqlite'}")) as database,
            database.write() as new,
        ):
            metadata.create_all(new)
        made.append(make_neighbour(folder / name, name, wire, clock))
    introduce(*made)
    for one in made:
        one.node.close()
    return folder


def quick_folder() -> str | None:
    """Return a folder in memory where there is one: nothing here has to outlive a power cut."""
    memory = Path("/dev/shm")  # noqa: S108 - a private folder is made below it
    return str(memory) if memory.is_dir() else None


@cache
def _settings() -> Settings:
    """Return what every node is told, read and checked once."""
    return Settings(
        zone="Europe/Tirane",
        erasure_hold_hours=int(HOLD.total_seconds() // 3600),
        expiry_grace_days=GRACE.days,
        peer_withdrawals_a_day=1000,
        witnesses=0,
    )


class Nodes:
    """The four nodes of one history, and what happens to them as machines."""

    def __init__(self, ready: Path) -> None:
        self._folder = tempfile.TemporaryDirectory(dir=quick_folder())
        self.folder = Path(self._folder.name)
        self.clock = OwnClock()
        self.clocks = {name: OwnClock(self.clock) for name in NAMES}
        self.away: set[str] = set()
        self.wire = Wire()
        self.sides: dict[str, Neighbour] = {}
        self.images: set[str] = set()
        self._is_restored = False
        self._looking: dict[str, sqlite3.Connection] = {}
        for name in NAMES:
            shutil.copytree(ready / name, self.folder / name)
            self.sides[name] = Neighbour(self._start(name))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for name in NAMES:
            self._stop(name)
        self._folder.cleanup()

    def _start(self, name: str) -> Node:
        folder = self.folder / name
        places = {
            "folder": folder,
            "database_url": f"sqlite:///{folder / 'node.sqlite'}",
            "key_store_url": f"sqlite:///{folder / 'keys.sqlite'}",
            "attachment_folder": folder / "attachments",
        }
        settings = _settings().model_copy(update=places)
        clock: Clock = self.clocks[name]
        line = Line(self.wire, name, self.away)
        node = build_node(settings, clock=clock, transport=line, threads=AtOnce)
        event.listen(node.database.writing_engine, "connect", _wait_for_no_disk)
        node.vault.unlock(PASSPHRASE)
        self.wire.nodes[name] = node
        return node

    def _stop(self, name: str) -> None:
        self.sides[name].node.close()
        if name in self._looking:
            self._looking.pop(name).close()

    def name_of(self, node_id: bytes) -> str:
        """Return which of the four a node id is."""
        return next(name for name, side in self.sides.items() if side.id == node_id)

    # -- what happens to machines

    def restart(self, name: str) -> None:
        """End a node and start it again."""
        self._stop(name)
        self.sides[name].node = self._start(name)

    def back_up(self, name: str) -> None:
        """Copy a node's database, and its key store after it."""
        node, folder = self.sides[name].node, self.folder / name
        for copy in (IMAGE, "image-keys.sqlite"):
            (folder / copy).unlink(missing_ok=True)
        with node.database.engine.connect() as connection:
            connection.exec_driver_sql(f"VACUUM INTO '{folder / IMAGE}'")
        node.vault.back_up(folder / "image-keys.sqlite")
        self.images.add(name)

    def restore(self, name: str) -> None:
        """Put the older database in the place of today's; the key store gets back what it may."""
        folder = self.folder / name
        self._stop(name)
        shutil.copy(folder / IMAGE, folder / "node.sqlite")
        for leftover in ("node.sqlite-wal", "node.sqlite-shm"):
            (folder / leftover).unlink(missing_ok=True)
        node = self._start(name)
        node.vault.restore_from(folder / "image-keys.sqlite")
        node.vault.replay_ledger()
        self.sides[name].node = node
        with node.works.write(SYSTEM) as work:
            mark_restored(work)
        self._is_restored = True

    def work_off(self, name: str, *also: str) -> None:
        """Do what is due at a node.

        What a running node does every few seconds is done at once and in one transaction: through the table
        of jobs it would take most of the time of a history.
        """
        node = self.sides[name].node
        with node.works.write(SYSTEM) as work:
            for kind in (*EVERY_FEW_SECONDS, *also):
                node.jobs[kind](work, Job("", kind, "", {}, work.now))
        if self._is_anything_due(name):
            others = {kind: run for kind, run in node.jobs.items() if kind not in STANDING_JOBS}
            run_due(node.works, Worker("history", others))

    def confirm_clock(self, name: str) -> None:
        """Have an administrator look at the clock."""
        with self.sides[name].node.works.write(ADMINISTRATOR) as work:
            withdrawals.confirm_clock(work)

    async def deliver(self, rounds: int = 2) -> None:
        """Let everybody send what waits, as far as the lines carry."""
        for _ in range(rounds):
            waiting = [(name, peer) for name in NAMES for peer in self._waiting(name)]
            if not waiting:
                return
            for name, peer in waiting:
                await self.sides[name].node.sender.send_once(peer)

    def look(self, name: str, query: str, *values: object) -> set[Any]:
        """Ask a node's database something small: through the program it would cost many times as much."""
        if name not in self._looking:
            self._looking[name] = sqlite3.connect(self.folder / name / "node.sqlite", isolation_level=None)
        return {value for (value,) in self._looking[name].execute(query, values)}

    def _waiting(self, name: str) -> list[bytes]:
        waiting = self.look(name, "SELECT peer FROM outbox")
        return [side.id for side in self.sides.values() if side.id in waiting]

    def _is_anything_due(self, name: str) -> bool:
        now = (self.clocks[name].now() - EPOCH) // timedelta(microseconds=1)
        return bool(self.look(name, "SELECT 1 FROM job WHERE done_at IS NULL AND due_at <= ? LIMIT 1", now))

    async def settle(self) -> None:
        """Bring everybody back, wait until everything is told, and until every hold and grace is over."""
        self.away.clear()
        for name in NAMES:
            self.clocks[name].wrong = timedelta(0)
        # Only a node that was put back misses what it had sent or received.
        gaps = (GAPS_JOB,) if self._is_restored else ()
        for number, hours in enumerate((1, 27, 2)):
            self.clock.moment += timedelta(hours=hours)
            for name in NAMES:
                self.confirm_clock(name)
                self.work_off(name, *gaps, *(() if number else (ROTATE_JOB,)))
            await self.deliver(3)

    # -- what lies on the disks

    def files(self, name: str, database: str = "node.sqlite") -> Files:
        """Open a node's files from outside, or an older image of its database with today's keys."""
        return Files(self.folder / name / database, self.folder / name / "keys.sqlite")
