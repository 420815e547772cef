"""The migrations give exactly the tables that the code uses, on both kinds of database."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from iars_node.db import Database
from iars_node.errors import SetupError
from iars_node.migrations import is_current, upgrade
from iars_node.tables import metadata

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def empty_database(empty_database_url: str) -> Iterator[Database]:
    opened = Database(empty_database_url)
    yield opened
    opened.close()


def test_upgrading_an_empty_database_gives_exactly_the_tables_of_the_code(empty_database: Database) -> None:
    upgrade(empty_database)
    with empty_database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_a_new_database_is_current_only_after_the_upgrade(empty_database: Database) -> None:
    assert not is_current(empty_database)
    upgrade(empty_database)
    assert is_current(empty_database)


def test_upgrading_twice_changes_nothing(empty_database: Database) -> None:
    upgrade(empty_database)
    upgrade(empty_database)
    assert is_current(empty_database)


def test_two_processes_that_start_together_upgrade_once(empty_database: Database) -> None:
    faults: list[Exception] = []

    def start() -> None:
        second = Database(empty_database.url)
        try:
            upgrade(second)
        except Exception as fault:  # noqa: BLE001 - the thread hands its failure to the test
            faults.append(fault)
        finally:
            second.close()

    starts = [threading.Thread(target=start) for _ in range(2)]
    for thread in starts:
        thread.start()
    for thread in starts:
        thread.join()
    assert faults == []
    assert is_current(empty_database)


def test_a_database_of_a_newer_version_is_refused_and_left_alone(empty_database: Database) -> None:
    upgrade(empty_database)
    with empty_database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'from-the-future'"))
    with pytest.raises(SetupError):
        upgrade(empty_database)
    assert not is_current(empty_database)
