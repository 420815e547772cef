"""Copying a whole database, row by row: the same way whatever kind it is, and from one kind to the other."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import func, insert, inspect, select, text

from iars_node.db import Database
from iars_node.migrations import upgrade

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy import Connection, Table

ROWS_AT_ONCE = 2000


def every_table() -> list[Table]:
    """Return the node's tables, each after those that it refers to."""
    # Imported late: it loads every slice of the node, which few commands need.
    from iars_node.tables import metadata  # noqa: PLC0415

    return metadata.sorted_tables


def count_rows(source: Database) -> int:
    """Return how many rows a copy will have."""
    with source.read() as connection:
        return sum(
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in every_table()
        )


def copy_to_file(source: Database, target: Path, move: Callable[[int], None]) -> int:
    """Copy a database, as it is at one moment, into a new SQLite file that needs no other file beside it."""
    made = Database(f"sqlite:///{target}")
    try:
        upgrade(made)
        with one_moment(source) as rows, made.write() as connection:
            copied = copy_rows(rows, connection, move)
        make_single_file(made)
    finally:
        made.close()
    return copied


def copy_rows(source: Connection, target: Connection, move: Callable[[int], None]) -> int:
    """Copy every row into a database that has the tables and no rows; return how many there were."""
    copied = 0
    for table in every_table():
        rows = source.execution_options(yield_per=ROWS_AT_ONCE).execute(select(table))
        for part in rows.mappings().partitions(ROWS_AT_ONCE):
            target.execute(insert(table).inline(), [dict(row) for row in part])
            copied += len(part)
            move(copied)
    return copied


def continue_numbering(connection: Connection) -> None:
    """Let a PostgreSQL database number new rows after those that were copied with their numbers."""
    for table in every_table():
        for column in table.columns:
            named = func.pg_get_serial_sequence(table.name, column.name)
            sequence = connection.execute(select(named)).scalar()
            highest = connection.execute(select(func.max(column))).scalar() if sequence else None
            if highest is not None:
                connection.execute(select(func.setval(sequence, highest)))


def make_single_file(made: Database, *, wait: int = 30_000) -> None:
    """Put an SQLite file in the form that is read from any medium; fail while another process has it open."""
    # Whoever changes the form has to be alone: what this process has left open, idle, would be in the way.
    made.close()
    with made.engine.connect() as connection:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={wait}")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.exec_driver_sql("PRAGMA journal_mode=DELETE")


@contextmanager
def one_moment(database: Database) -> Iterator[Connection]:
    """Read a database as it is at one moment, however long the reading takes."""
    if database.is_sqlite:
        with database.read() as connection:
            yield connection
        return
    with database.engine.connect() as connection:
        connection.execution_options(isolation_level="REPEATABLE READ")
        with connection.begin():
            yield connection


def is_empty(database: Database) -> bool:
    """Say whether a database holds no table of a node, or none with a row."""
    with database.read() as connection:
        present = set(inspect(connection).get_table_names())
        return not any(
            connection.execute(select(text("1")).select_from(table).limit(1)).first()
            for table in every_table()
            if table.name in present
        )
