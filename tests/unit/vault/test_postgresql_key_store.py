"""What is particular to a key store in PostgreSQL: its own schema, restarts, and what VACUUM refuses."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from tests.conftest import MORNING
from tests.federation.raw_files import cluster_files
from tests.parts import find_postgresql

from iars_node.db import Database
from iars_node.errors import SetupError
from iars_node.vault.errors import KeyStoreError
from iars_node.vault.key_store import KeyStore
from iars_node.vault.master_key import wrap
from iars_node.vault.vault import Cost, Vault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHEAP = Cost(passes=1, memory_kib=8)


@pytest.fixture
def server(new_postgresql_url: Callable[[], str]) -> Iterator[Database]:
    database = Database(new_postgresql_url())
    yield database
    database.close()


def test_a_key_store_may_have_a_schema_of_its_own(server: Database, place: bytes) -> None:
    with server.write() as connection:
        connection.execute(text("CREATE SCHEMA keys"))
    separator = "&" if "?" in server.url else "?"
    vault = Vault.create(f"{server.url}{separator}options=-csearch_path%3Dkeys", "passphrase", cost=CHEAP)
    key = vault.new_content_key()
    assert vault.open(key, vault.seal(key, b"x", place), place) == b"x"
    vault.close()
    with server.read() as connection:
        schemas = connection.execute(
            text("SELECT DISTINCT schemaname FROM pg_tables WHERE tablename LIKE 'vault%'")
        ).scalars()
        assert list(schemas) == ["keys"]


def test_connections_cut_by_the_server_are_made_anew(server: Database, place: bytes) -> None:
    vault = Vault.create(server.url, "passphrase", cost=CHEAP)
    key = vault.new_content_key()
    sealed = vault.seal(key, b"x", place)
    with server.read() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        ).all()
    assert vault.open(key, sealed, place) == b"x"
    assert vault.new_content_key() != key
    vault.close()


def test_an_erasure_that_could_not_clear_its_traces_says_so(server: Database) -> None:
    store = KeyStore.create(server.url, wrap(b"m" * 32, b"s" * 16, "passphrase", CHEAP))
    with store.writing() as connection:
        connection.execute(text("DROP TABLE vault_document"))
    with pytest.raises(KeyStoreError):
        store.scour()
    store.close()


def test_an_erased_key_is_in_no_dump_and_stays_in_the_servers_own_files_as_security_says(
    server: Database,
) -> None:
    vault = Vault.create(server.url, "passphrase", cost=CHEAP)
    erased, kept = vault.new_content_key(), vault.new_content_key()
    with server.read() as connection:
        rows = connection.execute(text("SELECT key_id, wrapped FROM vault_content_key")).all()
    wrapped = {bytes(row.key_id): bytes(row.wrapped) for row in rows}
    vault.erase_content_keys([erased], at=MORNING)
    vault.close()
    dump = subprocess.run(
        [str(find_postgresql() / "pg_dump"), "--dbname", server.url], check=True, capture_output=True
    ).stdout
    assert wrapped[kept].hex().encode() in dump
    assert wrapped[erased].hex().encode() not in dump
    # No word of SQL overwrites what a page or the write-ahead log holds until it is recycled.
    held = [path.parent.name for path in cluster_files(server.url) if wrapped[erased] in path.read_bytes()]
    assert "pg_wal" in held


def test_a_server_that_does_not_answer_is_said_so() -> None:
    for attempt in (Vault.at, lambda url: Vault.create(url, "passphrase", cost=CHEAP)):
        with pytest.raises((SetupError, KeyStoreError)):
            attempt("postgresql://127.0.0.1:1/keys")
