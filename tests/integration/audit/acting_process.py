"""A process that opens cases and puts their events into the tree, and is killed between any two statements.

For each number in turn it forks a child that kills itself, with SIGKILL, before it has given the database so
many statements, until one comes through. It prints how many were killed.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import timedelta
from itertools import count
from typing import NoReturn

from sqlalchemy import event

from iars_node.audit.sequencing import turn
from iars_node.cases.service import open_case
from iars_node.clock import SystemClock
from iars_node.db import Database
from iars_node.vault.vault import Vault
from iars_node.work import SYSTEM, Works


def main(key_store_url: str, database_url: str, passphrase: str) -> None:
    """Kill one child after the other until one comes through."""
    for statements in count(1):
        child = os.fork()
        if child == 0:
            _act(key_store_url, database_url, passphrase, statements)
        _pid, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            sys.stdout.write(f"{statements - 1} {os.WEXITSTATUS(status)}\n")
            return


def _act(key_store_url: str, database_url: str, passphrase: str, statements: int) -> NoReturn:
    vault = Vault.at(key_store_url)
    vault.unlock(passphrase)
    database = Database(database_url)
    given = count(1)

    def kill(*_: object) -> None:
        if next(given) == statements:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(database.writing_engine, "before_cursor_execute", kill)
    event.listen(database.writing_engine, "commit", kill)
    works = Works(database, vault, SystemClock())
    with works.write(SYSTEM) as work:
        open_case(work, country="AL", record={"identity": {"given_name": "Ana"}})
    turn(works, timedelta(0))
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
