"""Reads of the key store, which every opened field pays for."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import bindparam, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from iars_node.vault.errors import KeyStoreError
from iars_node.vault.key_store_tables import content_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sqlalchemy import Connection, Row, Select

    from iars_node.db import Database

_MOST_KEPT = 4
_ONE_KEY = select(content_keys.c.wrapped).where(content_keys.c.key_id == bindparam("key_id"))

FoundT = TypeVar("FoundT")


class KeyReader:
    """Answers queries outside any transaction, so each sees what other processes erased a moment ago.

    A few connections are kept at hand: taking one from the pool and giving it back costs several times
    the query.
    """

    def __init__(self, database: Database) -> None:
        self._engine = database.engine
        if not database.is_sqlite:
            # On SQLite nothing begins a transaction unless it is said in words.
            self._engine = database.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._lock = threading.Lock()
        self._kept: list[Connection] = []
        dialect = database.engine.dialect
        self._one_key = str(_ONE_KEY.compile(dialect=dialect))
        self._is_positional = dialect.positional
        self._driver_error: type[Exception] = dialect.loaded_dbapi.Error

    def content_key(self, key_id: bytes) -> bytes | None:
        """Return one wrapped content key.

        Every field that is sealed or opened pays for this: the driver is asked directly, because what
        SQLAlchemy does around a look-up by primary key costs several times the look-up.
        """
        found = self._twice(lambda: self._ask_driver(key_id))
        return None if found is None else bytes(found[0])

    def rows(self, statement: Select[Any], parameters: Mapping[str, object] | None = None) -> list[Row[Any]]:
        """Return every row of a query."""
        return self._twice(lambda: self._query(statement, parameters))

    def close(self) -> None:
        """Give the kept connections back."""
        with self._lock:
            kept, self._kept = self._kept, []
        for connection in kept:
            connection.close()

    def _twice(self, ask: Callable[[], FoundT]) -> FoundT:
        try:
            try:
                return ask()
            except (DBAPIError, self._driver_error):
                # A kept connection may have died with the server it belonged to: ask once more on a new one.
                self.close()
                return ask()
        except (SQLAlchemyError, self._driver_error) as error:
            # The driver's own text may quote the rows it was given: only its kind is repeated.
            raise KeyStoreError(f"The key store can't be read ({type(error).__name__}).") from None

    def _ask_driver(self, key_id: bytes) -> tuple[bytes] | None:
        with self._connection() as connection:
            cursor = connection.connection.cursor()
            try:
                cursor.execute(self._one_key, (key_id,) if self._is_positional else {"key_id": key_id})
                found: tuple[bytes] | None = cursor.fetchone()
            finally:
                cursor.close()
        return found

    def _query(self, statement: Select[Any], parameters: Mapping[str, object] | None) -> list[Row[Any]]:
        with self._connection() as connection:
            return list(connection.execute(statement, parameters))

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        with self._lock:
            connection = self._kept.pop() if self._kept else None
        connection = connection or self._engine.connect()
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        with self._lock:
            keep = len(self._kept) < _MOST_KEPT
            if keep:
                self._kept.append(connection)
        if not keep:
            connection.close()
