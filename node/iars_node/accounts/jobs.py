"""The timer that forgets what is over."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node.accounts.opened import forget_opened
from iars_node.accounts.refusals import forget_told
from iars_node.accounts.sign_in import forget_old
from iars_node.jobs.service import schedule

if TYPE_CHECKING:
    from iars_node.jobs.model import Job
    from iars_node.work import Work

FORGET_JOB = "account.forget"
_EVERY = timedelta(minutes=15)


def forget_job(work: Work, _job: Job) -> None:
    """Forget sessions, codes, kept forms and openings that are over, and look again in a while."""
    forget_old(work)
    forget_told(work)
    forget_opened(work)
    schedule(work, FORGET_JOB, work.now + _EVERY)
