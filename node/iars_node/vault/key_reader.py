"""Reads of the key store, which every opened field pays for."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from iars_node.prepared import Prepared, listed, listing
from iars_node.vault import key_store_tables as tables
from iars_node.vault.errors import KeyStoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlalchemy import Connection

    from iars_node.db import Database

_MOST_KEPT = 4
_MOST_AT_ONCE = 64

FoundT = TypeVar("FoundT")


_KEY_ID = tables.content_keys.c.key_id


@lru_cache(maxsize=_MOST_AT_ONCE)
def _some_keys(count: int) -> Prepared:
    wanted = _KEY_ID.in_(listed(_KEY_ID, count))
    return Prepared(select(_KEY_ID, tables.content_keys.c.wrapped).where(wanted))


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

    def content_keys(self, key_ids: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return the wrapped content keys that exist, by id."""
        found: list[Any] = []
        for start in range(0, len(key_ids), _MOST_AT_ONCE):
            part = key_ids[start : start + _MOST_AT_ONCE]
            found += self._twice(partial(self._ask, part))
        return {bytes(row.key_id): bytes(row.wrapped) for row in found}

    def rows(self, statement: Prepared, parameters: Mapping[str, object]) -> list[Any]:
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
            except DBAPIError:
                # A kept connection may have died with the server it belonged to: ask once more on a new one.
                self.close()
                return ask()
        except SQLAlchemyError as error:
            # The driver's own text may quote the rows it was given: only its kind is repeated.
            raise KeyStoreError(f"The key store can't be read ({type(error).__name__}).") from None

    def _ask(self, key_ids: Sequence[bytes]) -> list[Any]:
        with self._connection() as connection:
            return _some_keys(len(key_ids)).all(connection, listing(_KEY_ID, key_ids))

    def _query(self, statement: Prepared, parameters: Mapping[str, object]) -> list[Any]:
        with self._connection() as connection:
            return statement.all(connection, parameters)

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
