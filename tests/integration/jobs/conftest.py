"""A table where jobs leave their effect, and workers that know it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from iars_node.jobs import Job
    from iars_node.work import Work, Works

LEASE = timedelta(seconds=30)


def leave_effect(work: Work, job: Job) -> None:
    """Write that the job ran."""
    work.connection.execute(text("INSERT INTO effect (subject) VALUES (:subject)"), {"subject": job.subject})


def effects(works: Works) -> list[str]:
    """Return the subjects of the jobs that ran, in order, as often as they ran."""
    with works.read(SYSTEM) as work:
        return list(work.connection.execute(text("SELECT subject FROM effect ORDER BY subject")).scalars())


@pytest.fixture(autouse=True)
def effect_table(works: Works) -> None:
    """Make the table."""
    with works.write(SYSTEM) as work:
        work.connection.execute(text("CREATE TABLE effect (subject TEXT NOT NULL)"))
