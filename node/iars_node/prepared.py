"""Statements of the busiest paths: written with SQLAlchemy, compiled once, run by the driver itself.

What SQLAlchemy does around a statement costs several times what SQLite needs for a row found by its key, and
one envelope takes a dozen of them. Everything else keeps to SQLAlchemy: only what runs once for each message
or field belongs here. Transactions, connections and errors stay SQLAlchemy's.
"""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy import LargeBinary, bindparam
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from sqlalchemy import BindParameter, Column, Connection, Dialect, Executable, Table
    from sqlalchemy.dialects.postgresql import Insert
    from sqlalchemy.engine.interfaces import DBAPICursor
    from sqlalchemy.types import TypeEngine

    Convert = Callable[[Any], Any]
    Parameters = Mapping[str, Any]
    # For a statement that is written otherwise for each kind of database.
    Written = Executable | Callable[[str], Executable]


ROWS_TO_COPY = 20
"""From so many rows on PostgreSQL takes them sooner as a stream than one by one."""


@dataclass(frozen=True, slots=True)
class _Form:
    """One statement as one kind of database takes it."""

    sql: str
    is_positional: bool
    names: tuple[str, ...]
    values: Callable[[Parameters], tuple[Any, ...]]
    constants: Mapping[str, Any]
    binding: tuple[tuple[int, Convert], ...]
    reading: tuple[tuple[int, Convert], ...]
    row: Callable[[Iterable[Any]], Any]
    driver_error: type[Exception]
    copying: str

    def arrange(self, parameters: Parameters) -> Any:  # noqa: ANN401 - a list or a mapping, as the driver wants it
        """Return the parameters as the driver takes them."""
        given = {**self.constants, **parameters} if self.constants else parameters
        values = list(self.values(given))
        for place, convert in self.binding:
            values[place] = convert(values[place])
        return values if self.is_positional else dict(zip(self.names, values, strict=True))

    def read(self, found: Sequence[Any]) -> Any:  # noqa: ANN401 - a row of any statement
        """Return a row of the driver with its columns' names and types."""
        if not self.reading:
            return self.row(found)
        values = list(found)
        for place, convert in self.reading:
            values[place] = convert(values[place])
        return self.row(values)


class Prepared:
    """One statement, ready to run on either kind of database.

    Its rows are named tuples. A list of values for IN can't be a parameter here: `listed` has as many
    parameters as there are values, and each length is a statement of its own.
    """

    def __init__(self, written: Written) -> None:
        self._written = written
        self._forms: dict[str, _Form] = {}

    def run(self, connection: Connection, parameters: Parameters) -> int:
        """Run it and return how many rows it touched."""
        form = self._form(connection)
        cursor = self._execute(connection, form, parameters)
        touched: int = cursor.rowcount
        cursor.close()
        return touched

    def run_many(self, connection: Connection, rows: Sequence[Parameters]) -> int:
        """Run it once for each row and return how many rows it touched."""
        if not rows:
            return 0
        if len(rows) == 1:
            return self.run(connection, rows[0])
        form = self._form(connection)
        cursor = connection.connection.cursor()
        try:
            cursor.executemany(form.sql, [form.arrange(row) for row in rows])
        except form.driver_error as error:
            raise _translated(connection, form, error) from None
        touched: int = cursor.rowcount
        cursor.close()
        return touched

    def insert_all(self, connection: Connection, rows: Sequence[Parameters]) -> None:
        """Run an insert once for each row, as one stream into PostgreSQL where they are many."""
        form = self._form(connection)
        if len(rows) < ROWS_TO_COPY or form.is_positional:
            self.run_many(connection, rows)
            return
        cursor: Any = connection.connection.cursor()
        try:
            with cursor.copy(form.copying) as copy:
                for row in rows:
                    copy.write_row(tuple(form.arrange(row).values()))
        except form.driver_error as error:
            raise _translated(connection, form, error) from None
        cursor.close()

    def first(self, connection: Connection, parameters: Parameters) -> Any | None:  # noqa: ANN401 - a row of any statement
        """Run it and return its first row, or None."""
        form = self._form(connection)
        cursor = self._execute(connection, form, parameters)
        found = cursor.fetchone()
        cursor.close()
        return None if found is None else form.read(found)

    def all(self, connection: Connection, parameters: Parameters) -> list[Any]:
        """Run it and return every row."""
        form = self._form(connection)
        cursor = self._execute(connection, form, parameters)
        found = cursor.fetchall()
        cursor.close()
        return [form.read(row) for row in found]

    @staticmethod
    def _execute(connection: Connection, form: _Form, parameters: Parameters) -> DBAPICursor:
        cursor = connection.connection.cursor()
        try:
            cursor.execute(form.sql, form.arrange(parameters))
        except form.driver_error as error:
            raise _translated(connection, form, error) from None
        return cursor

    def _form(self, connection: Connection) -> _Form:
        dialect = connection.dialect
        form = self._forms.get(dialect.name)
        if form is None:
            form = _compiled(self._written, dialect)
            self._forms[dialect.name] = form
        return form


def inserting(table: Table, *columns: str, dialect: str = "") -> Insert:
    """Return an insert of one row with these columns, or with all that the database does not number itself.

    With a `dialect` it is that dialect's own insert, which has ON CONFLICT.
    """
    own = table.autoincrement_column
    names = columns or tuple(column.key for column in table.columns if column is not own)
    module = {"": sqlalchemy, "sqlite": sqlite, "postgresql": postgresql}[dialect]
    values = {name: bindparam(name, type_=table.c[name].type) for name in names}
    fresh: Insert = module.insert(table).inline().values(values)
    return fresh


def listed(column: Column[Any], count: int) -> list[BindParameter[Any]]:
    """Return the parameters of a list of so many values of a column, for IN; `listing` names the values."""
    return [bindparam(name, type_=column.type) for name in _names(column.key, count)]


def listing(column: Column[Any], values: Collection[object]) -> dict[str, object]:
    """Return values under the names of their parameters in a list for IN."""
    return dict(zip(_names(column.key, len(values)), values, strict=True))


@lru_cache(maxsize=256)
def _names(key: str, count: int) -> tuple[str, ...]:
    return tuple(f"{key}_at_{number}" for number in range(count))


def insert_many(connection: Connection, table: Table, rows: Sequence[Parameters]) -> None:
    """Insert rows that each name every column of the table that the database does not number itself."""
    _inserting(table).insert_all(connection, rows)


@lru_cache(maxsize=64)
def _inserting(table: Table) -> Prepared:
    return Prepared(inserting(table))


def _compiled(written: Written, dialect: Dialect) -> _Form:
    statement: Any = written(dialect.name) if callable(written) else written
    compiled: Any = statement.compile(dialect=dialect)
    if "POSTCOMPILE" in compiled.string:
        raise TypeError("a list of values can't be a parameter of a prepared statement")
    columns = list(getattr(statement, "exported_columns", ()))
    readers = [(place, _reader(column.type, dialect)) for place, column in enumerate(columns)]
    names = compiled.positiontup if compiled.positional else list(compiled.binds)
    driver: Any = dialect.loaded_dbapi
    # A class made here has no annotations to give: its columns are known when the statement is compiled.
    row: Any = namedtuple("Row", [column.key for column in columns])  # type: ignore[misc]  # noqa: PYI024
    return _Form(
        sql=compiled.string,
        is_positional=bool(compiled.positional),
        names=tuple(names),
        values=_picking(names),
        constants={name: bind.effective_value for name, bind in compiled.binds.items() if not bind.required},
        binding=tuple(
            (place, convert)
            for place, name in enumerate(names)
            if (convert := _writer(compiled.binds[name].type, dialect)) is not None
        ),
        reading=tuple((place, convert) for place, convert in readers if convert is not None),
        row=row._make,
        driver_error=driver.Error,
        copying=_copying(statement, tuple(names), dialect),
    )


def _copying(statement: Any, names: Sequence[str], dialect: Dialect) -> str:  # noqa: ANN401 - any statement
    """Return PostgreSQL's COPY of the same columns for a plain insert, and nothing for another statement."""
    table = getattr(statement, "table", None)
    if table is None or not statement.is_insert:
        return ""
    quoted = ", ".join(dialect.identifier_preparer.quote(name) for name in names)
    return f"COPY {dialect.identifier_preparer.format_table(table)} ({quoted}) FROM STDIN"


def _picking(names: Sequence[str]) -> Callable[[Parameters], tuple[Any, ...]]:
    """Return what picks the values of names; an itemgetter gives no tuple for none of them or for one."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda given: tuple(given[name] for name in names)


def _writer(kind: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    # Both drivers take bytes as they are; SQLAlchemy would wrap each of them.
    if isinstance(kind, LargeBinary):
        return None
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _reader(kind: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    return kind.dialect_impl(dialect).result_processor(dialect, None)


def _translated(connection: Connection, form: _Form, error: Exception) -> Exception:
    # Without the parameters, and without PostgreSQL's detail and context, which repeat the row: an error's
    # text ends up in logs.
    primary = getattr(getattr(error, "diag", None), "message_primary", None)
    bare = error if primary is None else type(error)(primary)
    translated: Exception = DBAPIError.instance(
        form.sql, None, bare, form.driver_error, hide_parameters=True, dialect=connection.dialect
    )
    return translated
