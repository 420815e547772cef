"""Sending what was scheduled: outside of any transaction, so that a slow server keeps nobody waiting.

A message that a server took just before this process died is sent once more: twice is better than never.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from iars_node.accounts import store as account_store
from iars_node.audit import alarms, record
from iars_node.errors import LockedError
from iars_node.jobs import long
from iars_node.jobs.model import Retries, StaleLeaseError, Worker
from iars_node.jobs.service import put_off, wait_for_keys
from iars_node.notifications import store
from iars_node.notifications.model import SEND_JOB, MailError
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable

    from iars_node.jobs.model import Job
    from iars_node.notifications.mail import MailServer
    from iars_node.notifications.model import Letter
    from iars_node.work import Works

RETRIES = Retries(first=timedelta(minutes=1), longest=timedelta(hours=1))
ALARM_AFTER = 3
"""So many tries in a row that failed for a time are worth an administrator's look."""
POLL_SECONDS = 2.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Whom one attempt tells, and in which language."""

    address: str
    language: str

    def __repr__(self) -> str:
        return "_Wanted()"


class Notifier:
    """Sends one message after the other."""

    def __init__(self, works: Works, server: MailServer | None, letter: Callable[[str], Letter]) -> None:
        self._works = works
        self._server = server
        self._letter = letter
        self._worker = Worker(f"notify-{secrets.token_hex(8)}", {}, retries=RETRIES)

    async def run(self) -> None:
        """Send until cancelled; without a mail server there is nothing to do."""
        while self._server is not None:
            try:
                was_due = await asyncio.to_thread(self.send_next)
            except Exception as error:  # noqa: BLE001 - a database that is away for a moment must not end the loop
                log.warning("notifications.paused", error=type(error).__name__)
                was_due = False
            if not was_due:
                await asyncio.sleep(POLL_SECONDS)

    def send_next(self) -> bool:
        """Send the message that is due longest; say whether there was one."""
        if self._server is None or not self._works.vault.is_unlocked:
            return False
        job = long.claim(self._works, self._worker, SEND_JOB)
        if job is None:
            return False
        try:
            self._send(self._server, job)
        except StaleLeaseError:
            log.warning("job.taken-over", job=job.id, kind=job.kind)
        except LockedError as error:
            wait_for_keys(self._works, self._worker, job, error.code)
        except MailError as error:
            self._put_off(job, error)
        except Exception as error:  # noqa: BLE001 - one message's fault must not stop the others
            self._put_off(job, MailError(type(error).__name__))
        return True

    def _send(self, server: MailServer, job: Job) -> None:
        wanted = self._wanted(job.subject)
        if wanted is not None:
            server.send(self._letter(wanted.language), wanted.address, self._works.clock.now())
        with long.completing(self._works, job) as work:
            if wanted is not None:
                record(work, "account.notified", subject=job.subject)

    def _wanted(self, account_id: str) -> _Wanted | None:
        with self._works.read(SYSTEM) as work:
            account = account_store.account_by_id(work.connection, account_id)
            choice = store.choice_of(work.connection, account_id)
            if account is None or account.disabled_at is not None or choice is None or not choice.is_told:
                return None
            return _Wanted(store.address_of(work.connection, work.vault, account_id), account.language)

    def _put_off(self, job: Job, error: MailError) -> None:
        # Never given up while it is wanted: it ends when its person comes back, or wishes it no more.
        wait = RETRIES.longest if error.is_final else RETRIES.wait(job.attempts)
        put_off(self._works, job, wait, error.reason)
        log.warning("notification.refused", job=job.id, attempts=job.attempts, error=error.reason)
        if error.is_final or job.attempts >= ALARM_AFTER:
            with self._works.write(SYSTEM) as work:
                about = job.subject if error.is_address else ""
                alarms.raise_alarm(work, "notification.refused", about, {"code": error.reason})
