"""Putting a node's database back to yesterday: as an operator does it, or a thief who has an old copy."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url
from tests.conftest import PASSPHRASE
from tests.parts import find_postgresql

from iars_node.audit import store as audit_store
from iars_node.exchange.restoring import mark_restored
from iars_node.node import build_node
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from tests.federation.neighbours import Neighbour, Wire


def back_up(neighbour: Neighbour) -> None:
    """Copy the database as it is now, the key store not: with SQLite's own copy, or by pg_dump."""
    settings, database = neighbour.node.settings, neighbour.node.database
    if database.is_sqlite:
        with database.engine.connect() as connection:
            connection.exec_driver_sql(f"VACUUM INTO '{settings.folder / 'yesterday.sqlite'}'")
        return
    dump = ("pg_dump", "--format=custom", f"--file={settings.folder / 'yesterday.dump'}")
    _run(*dump, "--dbname", settings.database_url)


def put_back(neighbour: Neighbour, wire: Wire, name: str) -> Neighbour:
    """Put yesterday's database back in the place of today's, and tell nobody; the key store stays today's."""
    old = neighbour.node
    old.close()
    if old.database.is_sqlite:
        folder = old.settings.folder
        shutil.copy(folder / "yesterday.sqlite", folder / "node.sqlite")
        for leftover in ("node.sqlite-wal", "node.sqlite-shm"):
            (folder / leftover).unlink(missing_ok=True)
    else:
        _put_back_on_server(old.settings.database_url, str(old.settings.folder / "yesterday.dump"))
    node = build_node(old.settings, clock=old.clock, transport=wire)
    node.vault.unlock(PASSPHRASE)
    wire.nodes[name] = node
    neighbour.node = node
    return neighbour


def restore_older_database(neighbour: Neighbour, wire: Wire, name: str) -> Neighbour:
    """Put yesterday's database back in the place of today's, and declare it, as `iars restore` does."""
    put_back(neighbour, wire, name)
    with neighbour.node.works.write(SYSTEM) as work:
        mark_restored(work)
    return neighbour


def _put_back_on_server(url: str, dump: str) -> None:
    place = make_url(url)
    named = sql.Identifier(place.database or "")
    server = place.set(database="postgres").render_as_string(hide_password=False)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(named))
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(named))
    _run("pg_restore", "--exit-on-error", "--dbname", url, dump)


def _run(program: str, *words: str) -> None:
    subprocess.run([str(find_postgresql() / program), *words], check=True, capture_output=True)


def actions(neighbour: Neighbour) -> set[str]:
    """Return what a node's log tells of."""
    with neighbour.node.works.read(SYSTEM) as work:
        return {event.event.action for event in audit_store.every(work.connection)}
