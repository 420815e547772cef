"""Copies of the key store, and their return without what was erased since.

A backup is an SQLite file with the key store's own tables, whatever database the key store lives in.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

from sqlalchemy import URL, Connection, Insert, Table, create_engine, insert, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from iars_node.errors import ConflictError, SetupError
from iars_node.vault import key_store_tables as tables
from iars_node.vault.errors import KeyStoreError
from iars_node.vault.key_store import KeyStore, read_header

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CHUNK = 2000

# The ledgers come first: a key is added only where no ledger, ours or the backup's, names it.
_MERGED = (
    tables.erasures,
    tables.destroyed_private_keys,
    tables.content_keys,
    tables.private_keys,
    tables.documents,
)


def back_up(store: KeyStore, target: Path) -> None:
    """Copy a key store, as it is at one moment, into a new file."""
    if target.exists():
        raise ConflictError("There is a file at the backup's place already; it was left as it is.")
    partial = target.with_name(target.name + ".partial")
    partial.unlink(missing_ok=True)
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with store.snapshot() as source, _file(partial, "rw") as copy:
            tables.metadata.create_all(copy)
            for table in tables.metadata.sorted_tables:
                _copy_rows(source, copy, table, insert(table))
            copy.commit()
        partial.replace(target)
    except OSError:
        raise KeyStoreError("The backup can't be written at the place that was named.") from None
    finally:
        partial.unlink(missing_ok=True)


def restore(url: str, backup: Path) -> KeyStore:
    """Open the key store at a URL, or make one with the backup's header, and complete it."""
    with _backup(backup) as source:
        header = read_header(source)
    store = KeyStore.open_or_create(url, header)
    merge(store, backup)
    return store


def store_id(backup: Path) -> bytes:
    """Return which key store a backup is of."""
    with _backup(backup) as source:
        return read_header(source).store_id


def merge(store: KeyStore, backup: Path) -> None:
    """Add the rows a key store lacks, in one transaction with the deletion of all that is erased."""
    with _backup(backup) as source, store.writing() as connection:
        if read_header(source).store_id != read_header(connection).store_id:
            raise SetupError("The backup belongs to another node's key store; nothing was changed.")
        for table in _MERGED:
            _copy_rows(source, connection, table, store.insert_missing(table))
        store.delete_erased(connection)
    store.scour()


def _copy_rows(source: Connection, target: Connection, table: Table, statement: Insert) -> None:
    rows = source.execution_options(yield_per=_CHUNK).execute(select(table))
    for part in rows.mappings().partitions(_CHUNK):
        target.execute(statement, [dict(row) for row in part])


@contextmanager
def _backup(path: Path) -> Iterator[Connection]:
    if not path.is_file():
        raise SetupError("There is no key store backup at the place that was named.")
    with _file(path, "ro") as connection:
        yield connection


@contextmanager
def _file(path: Path, mode: str) -> Iterator[Connection]:
    # A backup is opened read-only: it must be usable again, from a medium that can't be written too.
    address = URL.create("sqlite", database=f"file:{quote(str(path))}", query={"mode": mode, "uri": "true"})
    engine = create_engine(address, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise KeyStoreError(f"The key store's backup can't be used ({type(error).__name__}).") from None
    finally:
        engine.dispose()
