"""Two stores side by side, as a node has them: keys here, contents there."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from iars_node.db import Database
from iars_node.vault.tables import content_key
from iars_node.vault.vault import Cost, Vault, context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROCESS = Path(__file__).with_name("sealing_process.py")
PASSPHRASE = "a passphrase for the tests"


@dataclass(frozen=True)
class Stores:
    """A key store and a database that several processes use at once."""

    key_store_url: str
    database: Database
    vault: Vault

    def start_sealing(self, count: int) -> subprocess.Popen[str]:
        """Start a process that seals rows and prints one line after each commit."""
        arguments = [self.key_store_url, self.database.url, PASSPHRASE, str(count)]
        return subprocess.Popen(
            [sys.executable, str(PROCESS), *arguments],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )

    def open_all(self) -> dict[str, bytes]:
        """Open every committed row with the key that the database names for it."""
        statement = text("SELECT key_id, owner, sealed FROM sealed_row JOIN content_key ON owner_id = owner")
        with self.database.read() as connection:
            rows = [
                (bytes(row.key_id), row.owner, bytes(row.sealed)) for row in connection.execute(statement)
            ]
        return {
            owner: self.vault.open(key_id, sealed, context("sealed_row", "content", owner))
            for key_id, owner, sealed in rows
        }


@pytest.fixture(params=["sqlite", "postgresql"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    if request.param == "sqlite":
        urls = [f"sqlite:///{tmp_path / 'keys.sqlite'}", f"sqlite:///{tmp_path / 'node.sqlite'}"]
    else:
        make: Callable[[], str] = request.getfixturevalue("new_postgresql_url")
        urls = [make(), make()]
    vault = Vault.create(urls[0], PASSPHRASE, cost=Cost(passes=1, memory_kib=8))
    database = Database(urls[1])
    with database.write() as connection:
        content_key.create(connection)
        kind = "BLOB" if database.is_sqlite else "BYTEA"
        connection.execute(text(f"CREATE TABLE sealed_row (owner VARCHAR(32) PRIMARY KEY, sealed {kind})"))
    yield Stores(urls[0], database, vault)
    vault.close()
    database.close()
