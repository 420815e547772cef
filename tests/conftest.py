"""Fixtures for every suite: real databases, a clock that stands still, a vault that opens fast."""

from __future__ import annotations

import gc
import os
import shutil
import warnings
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING

import pytest
from coverage import Coverage
from coverage.exceptions import CoverageWarning
from hypothesis import settings

from iars_node.clock import SetClock
from iars_node.db import Database
from iars_node.tables import metadata
from iars_node.vault.vault import Cost, Vault
from iars_node.work import Works
from tests import parts
from tests.budget import Budget
from tests.measuring import unmeasured
from tests.postgresql import PostgresqlServer, running_server
from tests.statements import share_statements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MORNING = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PASSPHRASE = "correct horse battery staple"
UNTIL_GARBAGE_IS_LOOKED_FOR = 10_000
"""So many things are made; Python's own 700 cost a twenty-fifth of the time here."""

CHEAP = Cost(passes=1, memory_kib=8)

# A shared machine is slow by turns: an example is wrong or right, never late.
settings.register_profile("quick", deadline=None, derandomize=True)
settings.register_profile("long", deadline=None, max_examples=20_000)
settings.load_profile(os.environ.get("IARS_TESTS_HYPOTHESIS", "quick"))


def pytest_configure(config: pytest.Config) -> None:
    """Add up what each suite costs, and have the databases of all tests share their statements."""
    config.pluginmanager.register(Budget(), "budget")
    share_statements()


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Look for garbage less often, and not in what was read and collected: it stays to the end."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(UNTIL_GARBAGE_IS_LOOKED_FOR)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write down which lines ran: a process of several that takes long to end is killed before it does so."""
    measuring = Coverage.current()
    if measuring is None or not hasattr(session.config, "workerinput"):
        return
    with warnings.catch_warnings():
        # Whatever this process had no part in, another has.
        warnings.simplefilter("ignore", CoverageWarning)
        measuring.save()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresqlServer]:
    """A PostgreSQL server that doesn't wait for the disk."""
    yield from running_server(durable=False)


@pytest.fixture(scope="session")
def durable_postgresql() -> Iterator[PostgresqlServer]:
    """A PostgreSQL server that keeps every commit, as in earnest: for tests that kill it."""
    yield from running_server(durable=True)


@pytest.fixture(scope="session")
def postgresql_template(postgresql: PostgresqlServer) -> str:
    """The name of a database with every table, to be copied."""
    name = postgresql.create()
    _make_tables(postgresql.url(name))
    return name


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with every table, to be copied."""
    path = tmp_path_factory.mktemp("template") / "node.sqlite"
    _make_tables(f"sqlite:///{path}")
    return path


@pytest.fixture
def new_postgresql_url(postgresql: PostgresqlServer) -> Iterator[Callable[[], str]]:
    """Make empty PostgreSQL databases, as many as a test asks for."""
    names: list[str] = []

    def make() -> str:
        names.append(postgresql.create())
        return postgresql.url(names[-1])

    yield make
    for name in names:
        postgresql.drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Make databases without tables, on each kind of database."""
    if request.param == "sqlite":
        numbers = count(1)
        return lambda: f"sqlite:///{tmp_path / f'empty-{next(numbers)}.sqlite'}"
    make: Callable[[], str] = request.getfixturevalue("new_postgresql_url")
    return make


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database with every table and no row, on each kind of it; which lines run is noted on SQLite."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "node.sqlite")
        opened = Database(f"sqlite:///{tmp_path / 'node.sqlite'}")
        yield opened
        opened.close()
        return
    server: PostgresqlServer = request.getfixturevalue("postgresql")
    name = server.create(request.getfixturevalue("postgresql_template"))
    opened = Database(server.url(name))
    with unmeasured():
        yield opened
    opened.close()
    server.drop(name)


@pytest.fixture
def clock() -> SetClock:
    """A clock that stands at nine in the morning until a test moves it."""
    return SetClock(MORNING)


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    """An unlocked vault whose passphrase costs next to nothing to try."""
    made = Vault.create(f"sqlite:///{tmp_path / 'keys.sqlite'}", PASSPHRASE, cost=CHEAP)
    yield made
    made.close()


@pytest.fixture
def works(database: Database, vault: Vault, clock: SetClock) -> Works:
    """Units of work on the database, the vault and the clock of the test."""
    return Works(database, vault, clock)


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The path of a Chromium that can be driven."""
    return parts.find_chromium()


@pytest.fixture(scope="session")
def node_js() -> Path:
    """The path of Node.js."""
    return parts.find_node()


def _make_tables(url: str) -> None:
    made = Database(url)
    with made.write() as connection:
        metadata.create_all(connection)
    made.close()
