"""A node on PostgreSQL serves by an account that can't change a table's shape, nor the log."""

from __future__ import annotations

import asyncio
import re
import secrets
import shutil
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy.exc import ProgrammingError
from tests.federation.neighbours import Wire, introduce, make_neighbour, settle

from iars_node.audit import sequencing
from iars_node.db import Database
from iars_node.migrations import is_current, upgrade
from iars_node.referrals import service as referrals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from iars_node.clock import SetClock

PAGE = Path(__file__).parents[2] / "docs" / "running-a-node.md"


def statements() -> list[str]:
    """Return what the page for administrators says to type."""
    found = re.search(r"```sql\n(.+?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found is not None
    return [line for line in found[1].splitlines() if line]


@pytest.fixture
def serving_url(new_postgresql_url: Callable[[], str]) -> Iterator[str]:
    """A database whose tables an owner has made, as the account that only serves reaches it."""
    url = new_postgresql_url()
    made = Database(url)
    upgrade(made)
    made.close()
    name = f"serving_{secrets.token_hex(4)}"
    with psycopg.connect(url, autocommit=True) as owner:
        for line in statements():
            owner.execute(line.replace("iars_serving", name))
        yield re.sub(r"//[^@]+@", f"//{name}@", url)
        owner.execute(f"DROP OWNED BY {name}")
        owner.execute(f"DROP ROLE {name}")


def test_a_node_does_its_work_by_an_account_that_owns_nothing(
    serving_url: str, tmp_path: Path, clock: SetClock, sqlite_template: Path
) -> None:
    wire = Wire()
    shelter = make_neighbour(tmp_path / "shelter", "shelter", wire, clock, serving_url)
    shutil.copy(sqlite_template, tmp_path / "mission.sqlite")
    mission = make_neighbour(
        tmp_path / "mission", "mission", wire, clock, f"sqlite:///{tmp_path / 'mission.sqlite'}"
    )
    try:
        # As `iars serve` does first: there is nothing to do, so that no right to do it is missed.
        assert is_current(shelter.node.database)
        upgrade(shelter.node.database)
        introduce(shelter, mission)
        case = shelter.open_case()
        sent = shelter.refer(case, shelter.give_consent(case, mission), mission)
        asyncio.run(settle(shelter, mission))
        mission.act(referrals.accept, sent.id)
        asyncio.run(settle(shelter, mission))
        assert shelter.run_jobs() > 0
        assert sequencing.turn(shelter.node.works, timedelta(0)) > 0
        assert shelter.referral(sent.id).state == "accepted"
        _refuses(shelter.node.database)
    finally:
        shelter.node.close()
        mission.node.close()


def _refuses(database: Database) -> None:
    for statement in (
        "ALTER TABLE audit_event DISABLE TRIGGER ALL",
        "DROP TABLE audit_event",
        "UPDATE audit_event SET action = 'case.read'",
        "DELETE FROM audit_event",
        "TRUNCATE audit_event",
        "UPDATE alembic_version SET version_num = '0001'",
        "CREATE TABLE beside (id integer)",
        "ALTER TABLE account ADD COLUMN admin boolean",
    ):
        with (
            pytest.raises(ProgrammingError, match=r"permission denied|must be owner"),
            database.write() as work,
        ):
            work.exec_driver_sql(statement)
