"""The database: one engine, explicit transactions, the same behaviour on SQLite and PostgreSQL."""

from __future__ import annotations

import secrets
import sqlite3
import threading
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Dialect,
    Engine,
    Integer,
    MetaData,
    String,
    create_engine,
    event,
    text,
)
from sqlalchemy.engine import make_url
from sqlalchemy.types import TypeDecorator

from iars_node.prepared import Prepared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
    from sqlalchemy.pool import ConnectionPoolEntry

_BEGIN, _BEGIN_WRITING = (Prepared(text(words)) for words in ("BEGIN", "BEGIN IMMEDIATE"))
_SAVE, _UNDO, _RELEASE = (
    Prepared(text(words))
    for words in ("SAVEPOINT kept", "ROLLBACK TO SAVEPOINT kept", "RELEASE SAVEPOINT kept")
)

_BUSY_SECONDS = 30

_WRITERS_CACHE_KIB = 6_000
"""Random keys touch dozens of pages in each transaction; SQLite's own 2 MB forget them before the next."""
_READERS_CACHE_KIB = 2_000
"""A reader forgets every page when another connection has written: more would only be held."""
_PAGES_TO_CHECKPOINT = 4_000
"""16 MB of log before its pages move into the file: the same pages come again in the next transactions."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# What many tables are made of: a record's id, and a row's place in the order in which rows came.
ID = String(32)
# SQLite numbers rows by itself only in a column declared INTEGER PRIMARY KEY.
SEQUENCE = BigInteger().with_variant(Integer, "sqlite")


def new_id() -> str:
    """Return a fresh random record id: 32 hexadecimal digits."""
    return secrets.token_hex(16)


class Instant(TypeDecorator[datetime]):
    """A moment in UTC, stored as whole microseconds since 1970: sorts and compares alike everywhere."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """Turn an aware datetime into microseconds."""
        if value is None:
            return None
        return (value - EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ANN401, ARG002
        """Turn microseconds into an aware datetime."""
        return None if value is None else EPOCH + timedelta(microseconds=int(value))


class Database:
    """An engine and the two ways to use it: a reading and a writing transaction."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_sqlite = make_url(url).get_backend_name() == "sqlite"
        self.engine = _sqlite_engine(url) if self.is_sqlite else _postgresql_engine(url)
        # What one connection writes, SQLite's others have to read again: one alone writes, and keeps its
        # pages.
        self.writing_engine = _sqlite_engine(url, _WRITERS_CACHE_KIB) if self.is_sqlite else self.engine
        self._turn = threading.Lock()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a writing transaction; commit when the block ends, roll back when it raises."""
        with self._own_turn(), self.writing_engine.connect() as connection, connection.begin():
            if self.is_sqlite:
                # Take the write lock now: a transaction that reads first and writes later can't be
                # upgraded under contention, and would fail half-way instead of waiting its turn.
                _BEGIN_WRITING.run(connection, {})
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a reading transaction that sees one consistent state."""
        with self.engine.connect() as connection, connection.begin():
            if self.is_sqlite:
                _BEGIN.run(connection, {})
            yield connection

    @contextmanager
    def _own_turn(self) -> Iterator[None]:
        # SQLite has one writer at a time, and whoever finds it busy sleeps for milliseconds before it tries
        # again. The threads of this process wait for each other here instead, only for other processes there.
        is_mine = self.is_sqlite and self._turn.acquire(timeout=_BUSY_SECONDS)
        try:
            yield
        finally:
            if is_mine:
                self._turn.release()

    def is_reachable(self) -> bool:
        """Say whether a trivial query succeeds."""
        with self.engine.connect() as connection:
            return connection.execute(text("SELECT 1")).scalar() == 1

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()
        self.writing_engine.dispose()


@contextmanager
def savepoint(connection: Connection) -> Iterator[None]:
    """Undo what the block did when it raises; the transaction around it goes on.

    Savepoints may stand inside each other: the words mean the newest. SQLAlchemy's own cost more than what
    they guard.
    """
    _SAVE.run(connection, {})
    try:
        yield
    except BaseException:
        _UNDO.run(connection, {})
        _RELEASE.run(connection, {})
        raise
    _RELEASE.run(connection, {})


class _RehearsedError(Exception):
    """What was done was for looking at alone."""


@contextmanager
def rehearsing(connection: Connection, waiting: list[Callable[[], None]]) -> Iterator[None]:
    """Do something to see what would come of it: its rules all ask, and nothing of it stays.

    What it put behind the commit, onto `waiting`, goes too. Content keys that were taken meanwhile stay
    behind unused; they seal nothing.
    """
    before = len(waiting)
    try:
        with suppress(_RehearsedError), savepoint(connection):
            yield
            raise _RehearsedError
    finally:
        del waiting[before:]


def _sqlite_engine(url: str, cache_kib: int = _READERS_CACHE_KIB) -> Engine:
    engine = create_engine(
        url,
        pool_size=8,
        max_overflow=8,
        hide_parameters=True,
        connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},
    )
    event.listen(engine, "connect", partial(_prepare_sqlite, cache_kib))
    return engine


def _prepare_sqlite(cache_kib: int, connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    # The driver must not open transactions by itself: `write` and `read` say BEGIN in words.
    connection.isolation_level = None
    cursor = connection.cursor()
    _write_ahead(cursor)
    for pragma in (
        # NORMAL can lose the last commits at a power cut, after a receipt for them was given.
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",
        f"busy_timeout={_BUSY_SECONDS * 1000}",
        f"cache_size=-{cache_kib}",
        f"wal_autocheckpoint={_PAGES_TO_CHECKPOINT}",
        "temp_store=MEMORY",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _write_ahead(cursor: DBAPICursor) -> None:
    """Let a file use a write-ahead log. Who makes it do so must have it alone for a moment.

    SQLite says at once that it is busy then, whatever waiting was agreed: two processes that open a new
    file together would stop one another.
    """
    for _ in range(_BUSY_SECONDS * 20):
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            time.sleep(0.05)
        else:
            return
    cursor.execute("PRAGMA journal_mode=WAL")


def _postgresql_engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.drivername in {"postgres", "postgresql"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
    return create_engine(parsed, pool_size=8, max_overflow=8, pool_pre_ping=True, hide_parameters=True)
