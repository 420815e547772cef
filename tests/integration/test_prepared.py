"""Prepared statements, savepoints and turns behave alike on both kinds of database."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import JSON, Boolean, Column, Integer, LargeBinary, MetaData, String, Table, bindparam, select
from sqlalchemy.exc import IntegrityError

from iars_node.db import Database, Instant, savepoint
from iars_node.prepared import Prepared, insert_many, inserting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

KEPT = Table(
    "kept_thing",
    MetaData(),
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("name", String(40), nullable=False, unique=True),
    Column("octets", LargeBinary, nullable=False),
    Column("at", Instant),
    Column("is_new", Boolean, nullable=False),
    Column("listed", JSON, nullable=False),
)
ROW: dict[str, Any] = {
    "name": "a thing",
    "octets": b"\x00\xff",
    "at": datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=UTC),
    "is_new": True,
    "listed": ["a", {"b": 1}],
}
ADD = Prepared(inserting(KEPT))
NAMED = Prepared(select(KEPT).where(KEPT.c.name == bindparam("wanted"), KEPT.c.is_new.is_(True)))


@pytest.fixture
def things(new_database_url: Callable[[], str]) -> Iterator[Database]:
    database = Database(new_database_url())
    KEPT.metadata.create_all(database.engine)
    yield database
    database.close()


def add_twice(connection: Connection, name: str) -> None:
    """Add a row, and then what the database refuses."""
    ADD.run(connection, ROW | {"name": name})
    ADD.run(connection, ROW | {"name": name})


def names(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.execute(select(KEPT.c.name).order_by(KEPT.c.number)).scalars())


def test_every_type_comes_back_as_it_went_in(things: Database) -> None:
    with things.write() as connection:
        assert ADD.run(connection, ROW) == 1
        row = NAMED.first(connection, {"wanted": "a thing"})
        assert NAMED.first(connection, {"wanted": "another"}) is None
        found = connection.execute(select(KEPT)).mappings().one()
    assert row is not None
    assert row._asdict() == {"number": row.number, **ROW} == dict(found)


def test_what_is_empty_stays_empty(things: Database) -> None:
    with things.write() as connection:
        ADD.run(connection, ROW | {"at": None, "listed": []})
        (row,) = NAMED.all(connection, {"wanted": "a thing"})
    assert (row.at, row.listed) == (None, [])


def test_many_rows_go_in_at_once(things: Database) -> None:
    rows = [ROW | {"name": f"thing {number}", "number": number} for number in range(30)]
    with things.write() as connection:
        insert_many(connection, KEPT, [])
        assert ADD.run_many(connection, []) == 0
    with things.write() as connection:
        assert ADD.run_many(connection, rows[:2]) == 2
    assert names(things) == ["thing 0", "thing 1"]


def test_very_many_rows_go_in_as_they_are(things: Database) -> None:
    rows = [
        ROW
        | {
            "name": f"thing\t{number}\n\\N",
            "at": None if number % 2 else ROW["at"],
            "is_new": number % 3 == 0,
        }
        for number in range(100)
    ]
    with things.write() as connection:
        insert_many(connection, KEPT, rows)
        found = [dict(row) for row in connection.execute(select(KEPT).order_by(KEPT.c.number)).mappings()]
    assert [row | {"number": found[place]["number"]} for place, row in enumerate(rows)] == found


def test_very_many_rows_go_in_all_or_none_and_an_error_tells_nothing_of_them(things: Database) -> None:
    rows = [ROW | {"name": f"thing {number % 99}"} for number in range(100)]
    with pytest.raises(IntegrityError) as caught, things.write() as connection:
        insert_many(connection, KEPT, rows)
    assert "thing 0" not in str(caught.value)
    assert names(things) == []


def test_a_drivers_error_has_its_usual_class_and_tells_nothing_of_the_row(things: Database) -> None:
    with pytest.raises(IntegrityError) as caught, things.write() as connection:
        ADD.run_many(connection, [ROW, ROW])
    assert "a thing" not in f"{caught.value.statement} {caught.value.params}"
    with pytest.raises(IntegrityError), things.write() as connection:
        add_twice(connection, "a thing")
    assert names(things) == []


def test_a_list_of_values_is_no_parameter(things: Database) -> None:
    wrong = Prepared(select(KEPT).where(KEPT.c.name.in_(bindparam("wanted", expanding=True))))
    with things.read() as connection, pytest.raises(TypeError):
        wrong.all(connection, {"wanted": ["a thing"]})


def test_a_savepoint_undoes_its_own_block_only(things: Database) -> None:
    with things.write() as connection:
        ADD.run(connection, ROW | {"name": "before"})
        with pytest.raises(IntegrityError), savepoint(connection):
            add_twice(connection, "within")
        with savepoint(connection):
            ADD.run(connection, ROW | {"name": "kept"})
            with pytest.raises(IntegrityError), savepoint(connection):
                add_twice(connection, "deeper")
    assert names(things) == ["before", "kept"]


def test_writers_of_one_process_wait_for_each_other(things: Database) -> None:
    def write(number: int) -> None:
        for turn in range(20):
            with things.write() as connection:
                ADD.run(connection, ROW | {"name": f"{number}.{turn}"})

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names(things)) == 80
