"""Inserting many rows at once, in the database driver's own way.

SQLAlchemy prepares each value of each row; for the tens of rows that one imported case makes, that would cost
more than everything else of the import together.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert

from iars_node.db import EPOCH, Instant

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Dialect, Table

FEW = 20


def insert_many(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows that each name every column of the table."""
    if not rows:
        return
    if len(rows) < FEW:
        connection.execute(insert(table).inline(), rows)
        return
    statement, read = _prepared(table, connection.dialect)
    connection.exec_driver_sql(statement, [read(row) for row in rows])


@lru_cache(maxsize=32)
def _prepared(table: Table, dialect: Dialect) -> tuple[str, Callable[[dict[str, Any]], Any]]:
    compiled = insert(table).inline().compile(dialect=dialect)
    instants = frozenset(column.name for column in table.columns if isinstance(column.type, Instant))
    if dialect.positional:
        names = tuple(column.name for column in table.columns)

        def as_tuple(row: dict[str, Any]) -> tuple[Any, ...]:
            return tuple([_micros(row[name]) if name in instants else row[name] for name in names])

        return str(compiled), as_tuple

    def as_dict(row: dict[str, Any]) -> dict[str, Any]:
        return row | {name: _micros(row[name]) for name in instants}

    return str(compiled), as_dict


def _micros(moment: datetime | None) -> int | None:
    if moment is None:
        return None
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
