"""The key store: rows of wrapped keys, apart from the database, that can be erased for good.

On SQLite an erased row is overwritten with zeros (`secure_delete`) and the write-ahead log, which may
still hold the page as it was, is emptied before the erasure is reported.

On PostgreSQL an erased row is gone from every query at the commit, and VACUUM frees its place. What
PostgreSQL can't promise: freed bytes stay in the page until something overwrites them, and the
write-ahead log, its archive, replicas and base backups keep the row until they are recycled. Keep those
as briefly as key backups, on an encrypted disk. A schema of its own on a shared server is named in the
URL: `?options=-csearch_path=keys`.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Insert, Table, bindparam, delete, func, insert, inspect, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from iars_node.db import Database
from iars_node.errors import ConflictError, NodeError, SetupError
from iars_node.prepared import Prepared, insert_many
from iars_node.vault import key_store_tables as tables
from iars_node.vault.errors import KeyStoreError
from iars_node.vault.key_reader import KeyReader
from iars_node.vault.model import Erasure, Header, SealedPrivateKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import Connection

CHUNK = 500
IDS_AT_ONCE = 10_000

_KEYS = tables.content_keys
_LEDGER = tables.erasures
_ERASURES = Prepared(select(_LEDGER).order_by(_LEDGER.c.erased_at, _LEDGER.c.key_id))


def _after(table: Table) -> Prepared:
    key_id = table.c.key_id
    following = select(key_id).where(key_id > bindparam("last")).order_by(key_id)
    return Prepared(following.limit(bindparam("most")))


_KEYS_AFTER, _ERASED_AFTER = _after(_KEYS), _after(_LEDGER)
_OF_ROLE = Prepared(
    select(tables.private_keys)
    .where(tables.private_keys.c.role == bindparam("of_role"))
    .order_by(tables.private_keys.c.position)
)
_NAMED = Prepared(select(tables.documents.c.sealed).where(tables.documents.c.name == bindparam("wanted")))


class KeyStore:
    """Wrapped keys and the erasure ledger, in an SQLite file or a PostgreSQL database of their own."""

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self._reader = KeyReader(self._database)

    @classmethod
    def create(cls, url: str, header: Header) -> KeyStore:
        """Make an empty key store with its header."""
        _make_private_file(url)
        with _opening(cls(url)) as store, store.writing() as connection:
            tables.metadata.create_all(connection)
            try:
                connection.execute(insert(tables.header), _header_row(header))
            except IntegrityError:
                raise SetupError("There is a key store already; it was left as it is.") from None
        return store

    @classmethod
    def at(cls, url: str) -> KeyStore:
        """Open the key store that exists at a URL."""
        path = _sqlite_path(url)
        if path is not None and not path.is_file():
            raise SetupError("There is no key store at the address in the settings.")
        with _opening(cls(url)) as store:
            store.header()
        return store

    @classmethod
    def open_or_create(cls, url: str, header: Header) -> KeyStore:
        """Open the key store at a URL, or make it with this header where there is none."""
        path = _sqlite_path(url)
        if path is not None:
            return cls.at(url) if path.is_file() else cls.create(url, header)
        with _opening(cls(url)) as store, store.snapshot() as connection:
            exists = inspect(connection).has_table(tables.header.name)
        store.close()
        return cls.at(url) if exists else cls.create(url, header)

    def header(self) -> Header:
        """Return the header; refuse a store that this version can't read."""
        try:
            with self.snapshot() as connection:
                return read_header(connection)
        except KeyStoreError:
            raise SetupError(
                "What is at the key store's address is not a key store, or does not answer."
            ) from None

    def replace_header(self, header: Header) -> None:
        """Store the master key wrapped anew, and remove the former wrapping from the disk."""
        with self.writing() as connection:
            connection.execute(update(tables.header), _header_row(header))
        self.scour()

    def add_content_keys(self, rows: Sequence[tuple[bytes, bytes]]) -> None:
        """Write wrapped content keys durably, in one commit."""
        with self.writing() as connection:
            insert_many(connection, _KEYS, [{"key_id": k, "wrapped": w} for k, w in rows])

    def content_keys(self, key_ids: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return the wrapped keys that exist, by id."""
        return self._reader.content_keys(key_ids)

    def content_key_ids(self) -> Iterator[bytes]:
        """Yield the id of every content key, in their order."""
        return self._in_order(_KEYS_AFTER)

    def erased_key_ids(self) -> Iterator[bytes]:
        """Yield everything that the ledger names, in its order."""
        return self._in_order(_ERASED_AFTER)

    def _in_order(self, after: Prepared) -> Iterator[bytes]:
        # Piece by piece: one long reading would keep an erasure meanwhile from clearing its traces.
        last = b""
        while rows := self._reader.rows(after, {"last": last, "most": IDS_AT_ONCE}):
            yield from (bytes(row.key_id) for row in rows)
            last = bytes(rows[-1].key_id)

    def erase_content_keys(self, erasures: Sequence[Erasure]) -> None:
        """Write the ledger and delete the keys it names in one transaction, then clear their traces."""
        with self.writing() as connection:
            self._add_to_ledger(connection, erasures)
            for part in _chunks([erasure.key_id for erasure in erasures]):
                connection.execute(delete(_KEYS).where(_KEYS.c.key_id.in_(part)))
        self.scour()

    def ledger(self) -> list[Erasure]:
        """Return every erasure, oldest first."""
        rows = self._reader.rows(_ERASURES, {})
        return [Erasure(bytes(row.key_id), row.erased_at) for row in rows]

    def replay_ledger(self, erasures: Sequence[Erasure]) -> int:
        """Add erasures to the ledger and delete every key that it names; count the deleted."""
        with self.writing() as connection:
            self._add_to_ledger(connection, erasures)
            count = self.delete_erased(connection)
        self.scour()
        return count

    def delete_erased(self, connection: Connection) -> int:
        """Delete every key that the ledger names and every private key once destroyed; count them."""
        private, destroyed = tables.private_keys, tables.destroyed_private_keys
        keys = connection.execute(delete(_KEYS).where(_KEYS.c.key_id.in_(select(_LEDGER.c.key_id))))
        others = connection.execute(delete(private).where(private.c.key_id.in_(select(destroyed.c.key_id))))
        return keys.rowcount + others.rowcount

    def store_private_key(self, key: SealedPrivateKey) -> None:
        """Add a private key, or replace the one of the same id; a destroyed one never returns."""
        keys, destroyed = tables.private_keys, tables.destroyed_private_keys
        with self.writing() as connection:
            if connection.execute(select(destroyed).where(destroyed.c.key_id == key.key_id)).first():
                raise ConflictError("This private key was destroyed and can't be stored again.")
            last = connection.execute(select(func.max(keys.c.position))).scalar()
            connection.execute(delete(keys).where(keys.c.key_id == key.key_id))
            row = {name: getattr(key, name) for name in ("key_id", "role", "not_after", "sealed_seed")}
            connection.execute(insert(keys), row | {"position": (last or 0) + 1})

    def private_keys(self, role: str) -> list[SealedPrivateKey]:
        """Return the private keys of a role, in the order they were stored."""
        rows = self._reader.rows(_OF_ROLE, {"of_role": role})
        return [
            SealedPrivateKey(bytes(row.key_id), row.role, row.not_after, bytes(row.sealed_seed))
            for row in rows
        ]

    def destroy_private_key(self, key_id: bytes) -> None:
        """Delete a private key for good and remember that it is gone."""
        keys, destroyed = tables.private_keys, tables.destroyed_private_keys
        with self.writing() as connection:
            connection.execute(self.insert_missing(destroyed), {"key_id": key_id})
            connection.execute(delete(keys).where(keys.c.key_id == key_id))
        self.scour()

    def store_document(self, name: str, sealed: bytes) -> None:
        """Add or replace a sealed document."""
        documents = tables.documents
        with self.writing() as connection:
            connection.execute(delete(documents).where(documents.c.name == name))
            connection.execute(insert(documents), {"name": name, "sealed": sealed})

    def document(self, name: str) -> bytes | None:
        """Return a sealed document."""
        rows = self._reader.rows(_NAMED, {"wanted": name})
        return bytes(rows[0].sealed) if rows else None

    def insert_missing(self, table: Table) -> Insert:
        """Build an insert that leaves rows that exist as they are."""
        if self._database.is_sqlite:
            return sqlite.insert(table).on_conflict_do_nothing()
        return postgresql.insert(table).on_conflict_do_nothing()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a writing transaction whose failures are this module's."""
        try:
            with self._database.write() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise _unanswered(error) from None

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Open a reading transaction that sees one state from beginning to end."""
        try:
            with self._database.engine.connect() as connection:
                if self._database.is_sqlite:
                    connection.exec_driver_sql("BEGIN")
                else:
                    connection.execution_options(isolation_level="REPEATABLE READ")
                yield connection
        except SQLAlchemyError as error:
            raise _unanswered(error) from None

    def close(self) -> None:
        """Close every connection."""
        self._reader.close()
        self._database.close()

    def scour(self) -> None:
        """Clear the traces of deleted rows, as far as the database can."""
        # Both calls must run outside a transaction, after the commit that freed the rows.
        busy = False
        try:
            with self._database.engine.connect() as connection:
                if self._database.is_sqlite:
                    busy = bool(connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar_one())
                else:
                    connection.execution_options(isolation_level="AUTOCOMMIT")
                    connection.exec_driver_sql(f"VACUUM {_SCOURED}")
        except SQLAlchemyError as error:
            raise _unanswered(error) from None
        if busy:
            # The rows are gone, but another process held an old state open for the whole wait.
            raise KeyStoreError(
                "The keys are deleted, but traces remain in the key store's log; erase again."
            )

    def _add_to_ledger(self, connection: Connection, erasures: Sequence[Erasure]) -> None:
        # The first date of a key stays.
        if erasures:
            rows = [{"key_id": erasure.key_id, "erased_at": erasure.at} for erasure in erasures]
            connection.execute(self.insert_missing(_LEDGER), rows)


_SCOURED = ", ".join(t.name for t in (tables.header, _KEYS, tables.private_keys, tables.documents))


@contextmanager
def _opening(store: KeyStore) -> Iterator[KeyStore]:
    # A store that turns out to be unusable is returned to nobody who could close it.
    try:
        yield store
    except NodeError:
        store.close()
        raise


def _unanswered(error: SQLAlchemyError) -> KeyStoreError:
    # The driver's own text may quote the rows it was given: only its kind is repeated.
    return KeyStoreError(f"The key store did not do what it was asked ({type(error).__name__}).")


def read_header(connection: Connection) -> Header:
    """Return the header of an open key store or backup; refuse one that this version can't read."""
    row = connection.execute(select(tables.header)).first()
    if row is None:
        raise SetupError("The key store is empty.")
    if row.schema != tables.SCHEMA:
        raise SetupError("The key store was written by another version of this program.")
    return Header(bytes(row.store_id), bytes(row.salt), row.passes, row.memory_kib, bytes(row.wrapped_master))


def _header_row(header: Header) -> dict[str, bytes | int]:
    return {
        "id": 1,
        "schema": tables.SCHEMA,
        "store_id": header.store_id,
        "salt": header.salt,
        "passes": header.passes,
        "memory_kib": header.memory_kib,
        "wrapped_master": header.wrapped_master,
    }


def _sqlite_path(url: str) -> Path | None:
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except SQLAlchemyError:
        backend = ""
    if backend == "postgresql":
        return None
    if backend != "sqlite" or not parsed.database or parsed.database == ":memory:":
        raise SetupError("The key store's address is neither an SQLite file nor a PostgreSQL database.")
    return Path(parsed.database)


def _make_private_file(url: str) -> None:
    path = _sqlite_path(url)
    if path is None:
        return
    try:
        # SQLite gives its log files the rights of the main file, so this one decides for all.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError:
        raise SetupError("The key store's file can't be made at the address in the settings.") from None


def _chunks(key_ids: Sequence[bytes]) -> Iterable[Sequence[bytes]]:
    return (key_ids[start : start + CHUNK] for start in range(0, len(key_ids), CHUNK))
