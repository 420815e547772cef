"""Run the steps on a node's own database, and write a new step from the tables."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import text

from iars_node.db import Database
from iars_node.errors import SetupError

if TYPE_CHECKING:
    from sqlalchemy import Connection

FOLDER = Path(__file__).parent
# Any fixed number: two processes that start at the same moment on one PostgreSQL take turns.
UPGRADE_LOCK = 0x49415253


def run_steps(database: Database) -> None:
    """Bring a database to the newest shape, in one transaction."""
    with database.write() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": UPGRADE_LOCK})
        try:
            command.upgrade(_config(connection), "head")
        except CommandError as error:
            raise SetupError(
                "The database was made by a newer version of IARS; install that version, or restore a backup."
            ) from error


def write_step(title: str) -> list[Path]:
    """Compare the tables with the steps so far and write what is missing as a new, numbered step."""
    number = f"{len(list(ScriptDirectory(str(FOLDER)).walk_revisions())) + 1:04d}"
    with TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/empty.sqlite")
        run_steps(database)
        with database.write() as connection:
            written = command.revision(_config(connection), title, autogenerate=True, rev_id=number)
        database.close()
    steps = written if isinstance(written, list) else [written]
    return [Path(step.path) for step in steps if step is not None]


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
