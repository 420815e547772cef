"""Statements are compiled once for all the databases of a process, where each would compile its own.

A test opens databases by the dozen, and most of them live for a second: compiling what they are asked took a
tenth of it. A program that serves opens two.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.util import LRUCache

from iars_node import db

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Dialect, Engine

STATEMENTS = 2_000


def share_statements() -> None:
    """Have every database that is opened from now on use the statements of the others of its kind."""
    for making in ("_sqlite_engine", "_postgresql_engine"):
        setattr(db, making, _sharing(getattr(db, making)))


def _sharing(make: Callable[..., Engine]) -> Callable[..., Engine]:
    if make.__module__ == __name__:
        return make
    dialects: list[Dialect] = []
    compiled: LRUCache[object, object] = LRUCache(STATEMENTS)

    def made(*given: object) -> Engine:
        engine = make(*given)
        # Which schema is meant belongs to the dialect: a database in a schema of its own keeps to itself.
        if engine.url.query:
            return engine
        if not dialects:
            dialects.extend(_complete(engine))
        # What is compiled belongs to a dialect, so they share that too.
        for dialect in dialects:
            engine.dialect = dialect
            engine.update_execution_options(compiled_cache=compiled)
        return engine

    return made


def _complete(engine: Engine) -> Iterator[Dialect]:
    """Yield a dialect that knows its database, where there is one that answers."""
    # A file is made by looking into it: memory tells as much.
    asked = create_engine("sqlite://") if engine.dialect.name == "sqlite" else engine
    with suppress(OperationalError), asked.connect():
        yield asked.dialect
    if asked is not engine:
        asked.dispose()
