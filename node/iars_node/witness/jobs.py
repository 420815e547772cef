"""The timer that shows the log's head to witnesses."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from iars_node.jobs.service import schedule
from iars_node.witness.service import forget_old_messages, show_head

if TYPE_CHECKING:
    from collections.abc import Callable

    from iars_node.jobs.model import Job
    from iars_node.witness.model import Policy
    from iars_node.work import Work

WITNESS_JOB = "audit.witness"


def witness_job(policy: Policy) -> Callable[[Work, Job], None]:
    """Return the job that asks the witnesses, and schedules itself at a time that nobody can foretell.

    Everybody's heads at the same minute would tell who belongs together, and crowd the line.
    """

    def run(work: Work, _job: Job) -> None:
        show_head(work, policy)
        forget_old_messages(work)
        share = 75 + secrets.randbelow(51)
        schedule(work, WITNESS_JOB, work.now + policy.every * share / 100)

    return run
