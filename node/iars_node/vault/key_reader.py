"""Reads of the key store, which every opened field pays for."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from iars_node.vault.errors import KeyStoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Connection, Row, Select

    from iars_node.db import Database

_MOST_KEPT = 4


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

    def rows(self, statement: Select[Any], parameters: Mapping[str, object] | None = None) -> list[Row[Any]]:
        """Return every row of a query."""
        try:
            try:
                return self._query(statement, parameters)
            except DBAPIError:
                # A kept connection may have died with the server it belonged to: ask once more on a new one.
                self.close()
                return self._query(statement, parameters)
        except SQLAlchemyError as error:
            # The driver's own text may quote the rows it was given: only its kind is repeated.
            raise KeyStoreError(f"The key store can't be read ({type(error).__name__}).") from None

    def close(self) -> None:
        """Give the kept connections back."""
        with self._lock:
            kept, self._kept = self._kept, []
        for connection in kept:
            connection.close()

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
