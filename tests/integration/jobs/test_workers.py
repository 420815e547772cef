"""Several workers on one database, and one that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import text
from tests.integration.jobs.conftest import effects, leave_effect

from iars_node import jobs
from iars_node.clock import SystemClock
from iars_node.db import Database
from iars_node.jobs import Worker
from iars_node.work import SYSTEM, Works

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from iars_node.jobs import Job
    from iars_node.vault.vault import Vault
    from iars_node.work import Actor, Work

ROOT = Path(__file__).parents[3]
LEASE = timedelta(seconds=2)

# Runs one job in a process of its own and, when the effect is written but not committed, says so
# and waits to be killed.
DOOMED = """
import sys, time
from datetime import timedelta
from iars_node.clock import SystemClock
from iars_node.db import Database
from iars_node.jobs import Worker, run_next
from iars_node.vault.vault import Vault
from iars_node.work import Works
from tests.integration.jobs.conftest import leave_effect

def hang(work, job):
    leave_effect(work, job)
    print("running", flush=True)
    time.sleep(60)

works = Works(Database(sys.argv[1]), Vault.at(sys.argv[2]), SystemClock())
run_next(works, Worker("killed", {"remind": hang}, timedelta(seconds=2)))
"""


def _schedule(works: Works, count: int) -> list[str]:
    subjects = [f"s{number:03d}" for number in range(count)]
    with works.write(SYSTEM) as work:
        for subject in subjects:
            jobs.schedule(work, "remind", work.now, subject)
    return subjects


def test_several_workers_run_each_job_once(works: Works, vault: Vault) -> None:
    subjects = _schedule(works, 60)
    ran: dict[str, int] = {}

    def run(name: str) -> None:
        own = Database(works.database.url)
        ran[name] = jobs.run_due(Works(own, vault, works.clock), Worker(name, {"remind": leave_effect}))
        own.close()

    workers = [threading.Thread(target=run, args=(f"w{number}",)) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert effects(works) == subjects
    assert sum(ran.values()) == len(subjects)


class OvertakenWorks(Works):
    """Units of work between the first two of which something else happens."""

    def __init__(self, works: Works, meanwhile: Callable[[], object]) -> None:
        super().__init__(works.database, works.vault, works.clock)
        self.meanwhile = meanwhile
        self.opened = 0

    @contextmanager
    def write(self, actor: Actor) -> Iterator[Work]:
        """Open a writing unit of work; before the second, let the other thing happen."""
        self.opened += 1
        if self.opened == 2:
            self.meanwhile()
        with super().write(actor) as work:
            yield work


def test_a_worker_overtaken_between_claim_and_run_has_no_effect(works: Works) -> None:
    _schedule(works, 1)
    quick = Worker("quick", {"remind": leave_effect})
    slow = Worker("slow", {"remind": leave_effect}, lease=timedelta(0))
    overtaken = OvertakenWorks(works, lambda: jobs.run_due(works, quick))
    assert jobs.run_next(overtaken, slow)
    assert effects(works) == ["s000"]


def test_a_worker_killed_mid_way_leaves_nothing_and_is_taken_over(
    works: Works, vault: Vault, tmp_path: Path
) -> None:
    present = Works(works.database, vault, SystemClock())
    subjects = _schedule(present, 1)
    command = [sys.executable, "-c", DOOMED, works.database.url, f"sqlite:///{tmp_path / 'keys.sqlite'}"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, str(ROOT)])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, cwd=ROOT) as doomed:
        assert doomed.stdout is not None
        assert doomed.stdout.readline() == b"running\n"
        doomed.send_signal(signal.SIGKILL)
    assert effects(works) == []
    survivor = Worker("survivor", {"remind": leave_effect}, LEASE)
    deadline = time.monotonic() + 20
    while not jobs.run_due(present, survivor) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert effects(works) == subjects


def test_a_job_that_is_set_anew_while_it_runs_waits_for_nobody_and_runs_as_set(works: Works) -> None:
    """Somebody holds what the handler needs, and sets the handler's own job: neither waits for the other."""
    _schedule(works, 1)
    begun = threading.Event()

    def take_what_others_hold(work: Work, job: Job) -> None:
        begun.set()
        work.connection.execute(text("UPDATE effect SET subject = subject WHERE subject = 'held'"))
        leave_effect(work, job)

    with works.write(SYSTEM) as work:
        work.connection.execute(text("INSERT INTO effect (subject) VALUES ('held')"))
    worker = Worker("w1", {"remind": take_what_others_hold})
    running = threading.Thread(target=jobs.run_next, args=(works, worker))
    with works.write(SYSTEM) as work:
        work.connection.execute(text("UPDATE effect SET subject = subject WHERE subject = 'held'"))
        running.start()
        # On SQLite the handler begins only when we have ended.
        begun.wait(1)
        jobs.schedule(work, "remind", work.now, "s000")
    running.join()
    assert effects(works) == ["held"] or works.database.is_sqlite
    jobs.run_due(works, worker)
    assert effects(works) == ["held", "s000"]


def test_a_job_that_is_cancelled_while_it_runs_leaves_nothing(works: Works) -> None:
    _schedule(works, 1)

    def be_cancelled(work: Work, job: Job) -> None:
        leave_effect(work, job)
        other = Database(works.database.url)
        if not other.is_sqlite:
            with Works(other, works.vault, works.clock).write(SYSTEM) as meanwhile:
                meanwhile.connection.execute(text("SET LOCAL lock_timeout = '5s'"))
                assert jobs.cancel(meanwhile, "remind", "s000")
        other.close()

    jobs.run_due(works, Worker("w1", {"remind": be_cancelled}))
    assert effects(works) == (["s000"] if works.database.is_sqlite else [])


def test_nobody_takes_over_a_job_that_runs_for_longer_than_its_lease(works: Works) -> None:
    _schedule(works, 1)
    claimed: list[bool] = []

    def take_long(work: Work, job: Job) -> None:
        leave_effect(work, job)
        other = Database(works.database.url)
        if not other.is_sqlite:
            own = Works(other, works.vault, works.clock)
            claimed.append(jobs.run_next(own, Worker("w2", {"remind": leave_effect})))
        other.close()

    jobs.run_due(works, Worker("w1", {"remind": take_long}, lease=timedelta(0)))
    assert not any(claimed)
    assert effects(works) == ["s000"]
