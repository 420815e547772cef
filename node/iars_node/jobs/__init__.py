"""Durable jobs: timers that survive a restart and run once, whichever process lives to run them."""

from iars_node.jobs.model import Handler, Job, Retries, Worker
from iars_node.jobs.service import cancel, run_due, run_next, schedule

__all__ = ["Handler", "Job", "Retries", "Worker", "cancel", "run_due", "run_next", "schedule"]
