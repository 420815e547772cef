"""Several processes share a key store, and one that is killed takes nothing with it."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from iars_node.errors import ErasedError
from iars_node.vault.content_keys import find_keys

if TYPE_CHECKING:
    from tests.integration.vault.conftest import Stores

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


FORK = """
import os
from iars_node.vault.key_pool import KeyNames, KeyPool
names = KeyNames()
pool = KeyPool(lambda key_ids: None, names)
def tell():
    # In one piece: two processes write here at the same moment.
    told = [pool.take(), *names.next(2)]
    os.write(1, b"".join(key_id.hex().encode() + b"\\n" for key_id in told))
tell()
child = os.fork()
tell()
if child:
    os.waitpid(child, 0)
"""


def test_two_processes_seal_with_keys_of_one_store(stores: Stores) -> None:
    processes = [stores.start_sealing(60) for _ in range(2)]
    printed = [owner for process in processes for owner in process.communicate(timeout=60)[0].split()]
    assert [process.returncode for process in processes] == [0, 0]
    assert len(printed) == 120
    assert stores.open_all() == {owner: owner.encode() for owner in printed}


@pytest.mark.parametrize("lines", [1, 7, 8, 9, 30])
def test_a_process_killed_at_work_loses_nothing_it_committed(stores: Stores, lines: int) -> None:
    process = stores.start_sealing(100_000)
    assert process.stdout is not None
    printed = [process.stdout.readline().strip() for _ in range(lines)]
    process.kill()
    printed += process.communicate(timeout=60)[0].split()
    opened = stores.open_all()
    # A last line may be cut off by the kill, and a last commit may have gone unprinted.
    whole = [owner for owner in printed if len(owner) == 32]
    assert len(whole) >= lines
    assert set(whole) <= opened.keys()
    assert all(content == owner.encode() for owner, content in opened.items())


def test_what_another_process_sealed_is_erased_here(stores: Stores) -> None:
    process = stores.start_sealing(3)
    owner, *_ = process.communicate(timeout=60)[0].split()
    with stores.database.read() as connection:
        (key,) = find_keys(connection, "case", owner)
    stores.vault.erase_content_keys([key.key_id], at=NOW)
    with pytest.raises(ErasedError):
        stores.open_all()


def test_a_forked_process_does_not_hand_out_its_parents_keys() -> None:
    finished = subprocess.run(
        [sys.executable, "-c", FORK],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert len(set(finished.stdout.split())) == 9
