"""Reads of the key store, which every opened field pays for."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

from iars_node.vault.errors import KeyStoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection, Row, Select

    from iars_node.db import Database


class KeyReader:
    """Answers queries outside any transaction, so each sees what other processes erased a moment ago.

    On SQLite one connection is kept and shared under a lock: taking one from the pool costs four times
    the query. On PostgreSQL the pool is used as it is, because it notices a restarted server.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._kept: Connection | None = None

    def rows(self, statement: Select[Any], parameters: Mapping[str, object] | None = None) -> list[Row[Any]]:
        """Return every row of a query."""
        try:
            if not self._database.is_sqlite:
                with self._database.engine.connect() as connection:
                    return list(connection.execute(statement, parameters))
            with self._lock:
                return list(self._connection().execute(statement, parameters))
        except SQLAlchemyError as error:
            self.close()
            # The driver's own text may quote the rows it was given: only its kind is repeated.
            raise KeyStoreError(f"The key store can't be read ({type(error).__name__}).") from None

    def close(self) -> None:
        """Give the kept connection back."""
        with self._lock:
            if self._kept is not None:
                self._kept.close()
                self._kept = None

    def _connection(self) -> Connection:
        if self._kept is None:
            self._kept = self._database.engine.connect()
        return self._kept
