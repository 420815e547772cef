"""The migrations give exactly the tables that the code uses, on both kinds of database."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import insert, text

from iars_node.cases.service.indexing import INDEX_JOB
from iars_node.db import Database
from iars_node.errors import SetupError
from iars_node.migrations import STEPS, is_current, newest, upgrade
from iars_node.tables import metadata

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def new_database(new_database_url: Callable[[], str]) -> Iterator[Callable[[], Database]]:
    opened: list[Database] = []

    def make() -> Database:
        opened.append(Database(new_database_url()))
        return opened[-1]

    yield make
    for database in opened:
        database.close()


@pytest.fixture
def empty_database(new_database: Callable[[], Database]) -> Database:
    return new_database()


def test_upgrading_an_empty_database_gives_exactly_the_tables_of_the_code(empty_database: Database) -> None:
    upgrade(empty_database)
    with empty_database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_the_newest_step_is_the_one_that_all_others_lead_to() -> None:
    assert ScriptDirectory(str(STEPS.parent)).get_heads() == [newest()]


def test_the_upgrade_makes_the_same_triggers_as_the_tables(
    empty_database: Database, new_database: Callable[[], Database]
) -> None:
    upgrade(empty_database)
    made = new_database()
    with made.write() as connection:
        metadata.create_all(connection)
    assert _triggers(empty_database) == _triggers(made)


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


def test_cases_from_before_leave_a_job_that_indexes_their_codes(empty_database: Database) -> None:
    with empty_database.write() as connection:
        config = Config()
        config.set_main_option("script_location", str(STEPS.parent))
        config.attributes["connection"] = connection
        command.upgrade(config, "0007")
        at, case_id = datetime(2026, 3, 2, tzinfo=UTC), "c" * 32
        tables = metadata.tables
        connection.execute(insert(tables["person"]).values(id=case_id, created_at=at))
        head: dict[str, object] = {
            "id": case_id,
            "person_id": case_id,
            "reference": "K-4F7Q",
            "state": "open",
            "version": 1,
        }
        head |= {"stage": "identified", "opened_at": at, "updated_at": at, "training": False}
        connection.execute(insert(tables["case_file"]).values(head))
        content: dict[str, object] = {
            "case_id": case_id,
            "scope": "services",
            "source": "own",
            "key_id": b"k",
            "sealed": b"s",
        }
        content |= {"version": 1, "updated_at": at, "updated_by": "a", "basis": "collected"}
        connection.execute(insert(tables["case_content"]).values(content))
    upgrade(empty_database)
    with empty_database.read() as connection:
        jobs = connection.execute(text("SELECT kind, attempts FROM job")).all()
    assert jobs == [(INDEX_JOB, 0)]


def _triggers(database: Database) -> list[tuple[str, ...]]:
    if database.is_sqlite:
        question = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
    else:
        question = (
            "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY tgname"
        )
    with database.read() as connection:
        return [tuple(row) for row in connection.execute(text(question))]
