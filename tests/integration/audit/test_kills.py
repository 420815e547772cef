"""An action without its event, or an event without its action, can't exist: not even after a kill."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select
from tests.conftest import MORNING, PASSPHRASE
from tests.integration.audit.growing import PROFILE

from iars_node.audit import log_store
from iars_node.audit.sequencing import turn
from iars_node.audit.tables import audit_event
from iars_node.cases.tables import case_file
from iars_node.vault.identity import create_identity
from iars_node.work import SYSTEM
from iars_protocol.transparency import tree_of

if TYPE_CHECKING:
    from iars_node.work import Works

SCRIPT = Path(__file__).with_name("acting_process.py")


@pytest.fixture
def acted(works: Works, tmp_path: Path) -> Works:
    """The database after processes were killed between any two statements of an action."""
    create_identity(works.vault, PROFILE, endpoints=["https://shelter"], now=MORNING)
    url = works.database.engine.url.render_as_string(hide_password=False)
    words = [sys.executable, str(SCRIPT), f"sqlite:///{tmp_path / 'keys.sqlite'}", url, PASSPHRASE]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(words, capture_output=True, text=True, check=True, env=environment, timeout=120)
    killed, outcome = ended.stdout.split()
    assert int(killed) > 10
    assert outcome == "0", ended.stderr
    return works


def test_every_action_has_its_event_and_every_event_its_action_and_its_leaf(acted: Works) -> None:
    turn(acted, timedelta(0))
    with acted.read(SYSTEM) as work:
        opened = select(audit_event.c.case_id).where(audit_event.c.action == "case.opened")
        told = list(work.connection.execute(opened).scalars())
        made = list(work.connection.execute(select(case_file.c.id)).scalars())
        newest = log_store.newest_log(work.connection)
        assert newest is not None
        entries = [entry for part in log_store.stored_leaves(work.connection, newest) for entry in part]
        numbers = list(work.connection.execute(select(audit_event.c.seq)).scalars())
        root = log_store.tree(work.connection, newest).root()
    assert len(told) == len(set(told)) >= 2
    assert sorted(told) == sorted(made)
    # Whatever the sequencer died of, each event is in the tree once.
    assert sorted(number for number, _leaf in entries) == sorted(numbers)
    assert root == tree_of([leaf for _number, leaf in entries]).root()
