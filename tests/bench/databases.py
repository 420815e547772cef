"""The databases that are measured on: SQLite's files, and a PostgreSQL server that keeps every commit."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from iars_node.clock import SystemClock
from iars_node.db import Database
from iars_node.migrations import upgrade
from iars_node.vault.vault import Cost, Vault
from iars_node.work import Works
from tests.postgresql import running_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.bench.results import Results

SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"


@contextmanager
def postgresql(results: Results, suite: str) -> Iterator[Callable[[], str] | None]:
    """Run a durable server; yield what makes databases, or None where there is no PostgreSQL here."""
    try:
        serving = contextmanager(running_server)(durable=True)
        server = serving.__enter__()
    except pytest.skip.Exception as lack:
        results.skip(suite, str(lack.msg))
        yield None
        return
    with ExitStack() as closing:
        closing.push(serving)
        yield lambda: server.url(server.create())


@contextmanager
def works_on(folder: Path, url: str = "") -> Iterator[Works]:
    """Make a node's database and an unlocked key store; yield the works on them."""
    folder.mkdir()
    with ExitStack() as closing:
        database = Database(url or f"sqlite:///{folder / 'node.sqlite'}")
        closing.callback(database.close)
        upgrade(database)
        vault = Vault.create(f"sqlite:///{folder / 'keys.sqlite'}", "bench", cost=Cost(1, 8))
        closing.callback(vault.close)
        yield Works(database, vault, SystemClock())
