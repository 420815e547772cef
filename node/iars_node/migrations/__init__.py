"""Migrations: the database's shape, step by step, the same on SQLite and PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text

if TYPE_CHECKING:
    from iars_node.db import Database

STEPS = Path(__file__).parent / "versions"


def newest() -> str:
    """Return the number of the newest step: each step's file begins with its own."""
    return max(step.name[:4] for step in STEPS.glob("[0-9]*.py"))


def is_current(database: Database) -> bool:
    """Say whether a database has the newest shape."""
    with database.read() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return False
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
    return found == [newest()]


def upgrade(database: Database) -> None:
    """Bring a database to the newest shape, in one transaction; do nothing when it has it."""
    if is_current(database):
        # Alembic stays out of a process that has no use for it: it would hold megabytes for weeks.
        return
    from iars_node.migrations.steps import run_steps  # noqa: PLC0415 - as said above

    run_steps(database)


__all__ = ["STEPS", "is_current", "newest", "upgrade"]
