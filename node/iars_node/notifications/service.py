"""Choosing to be told, finding out for whom something waits, and what follows when somebody comes back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from iars_node.accounts import store as account_store
from iars_node.accounts.access import may
from iars_node.audit import alarms, record
from iars_node.cases import service as cases
from iars_node.consent.ending import does_one_end
from iars_node.errors import ForbiddenError, InvalidError
from iars_node.jobs.service import cancel, schedule
from iars_node.notifications import store
from iars_node.notifications.model import (
    DAILY,
    KINDS,
    LOOK_JOB,
    RHYTHMS,
    SEND_JOB,
    STILL_THERE,
    is_address,
    next_look,
)
from iars_node.referrals.service import waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from iars_node.accounts.events import CameBack
    from iars_node.jobs.model import Job
    from iars_node.notifications.model import Choice, Wish
    from iars_node.settings import Settings
    from iars_node.work import Actor, Work

LOOK_EVERY = timedelta(seconds=30)


def kinds_for(actor: Actor) -> list[str]:
    """Return what somebody can be told about: what their roles let them act on."""
    return [kind for kind, action in KINDS.items() if may(actor, action)]


def choose(work: Work, wish: Wish, zone: ZoneInfo) -> None:
    """Keep how the account that acts wants to be told; nothing from before now is told."""
    account_id = _own(work)
    faults = {}
    if not is_address(wish.address):
        faults["address"] = "Write an e-mail address, such as name@example.org."
    if not wish.kinds or not wish.kinds <= set(kinds_for(work.actor)):
        faults["kinds"] = "Choose from the list."
    if wish.rhythm not in RHYTHMS:
        faults["rhythm"] = "Choose from the list."
    if wish.hour not in range(24):
        faults["hour"] = "Choose from the list."
    if faults:
        raise InvalidError("Nothing was kept.", faults)
    cancel(work, SEND_JOB, account_id)
    store.put(work.connection, work.vault, account_id, wish, work.now)
    if wish.rhythm == DAILY:
        store.set_looked(work.connection, account_id, next_look(wish, work.now, zone), None)
    record(work, "account.notifications-chosen", subject=account_id)


def end(work: Work) -> None:
    """Tell the account that acts nothing any more, and forget its address."""
    account_id = _own(work)
    cancel(work, SEND_JOB, account_id)
    if store.remove(work.connection, account_id):
        record(work, "account.notifications-ended", subject=account_id)


def _own(work: Work) -> str:
    if work.actor.kind != "account":
        raise ForbiddenError("Only a person is told anything.")
    return work.actor.id


def follow_coming(work: Work, came: CameBack) -> None:
    """Note that somebody is at the pages: what has not been sent yet is needless now."""
    before = store.come_back(work.connection, came.account_id, work.now)
    if before is not None and before.is_told:
        cancel(work, SEND_JOB, came.account_id)


class Looking:
    """Looks for accounts that something waits for, and schedules what tells them."""

    def __init__(self, settings: Settings) -> None:
        self._is_on = settings.sends_mail
        self._zone = ZoneInfo(settings.zone)
        self._warning = timedelta(days=settings.consent_warning_days)

    def look(self, work: Work, _job: Job) -> None:
        """Look once, and again in a while."""
        if self._is_on:
            for choice in store.to_look_at(work.connection, work.now):
                self._look_for(work, choice)
        schedule(work, LOOK_JOB, work.now + LOOK_EVERY)

    def _look_for(self, work: Work, choice: Choice) -> None:
        account = account_store.account_by_id(work.connection, choice.account_id)
        if account is None or account.disabled_at is not None:
            return
        is_away = choice.here_at <= work.now - STILL_THERE
        is_waited_for = is_away and self._waits(replace(work, actor=account.actor), choice)
        if is_waited_for:
            schedule(work, SEND_JOB, work.now, choice.account_id)
        if is_waited_for or choice.rhythm == DAILY:
            told_at = work.now if is_waited_for else choice.told_at
            look_at = next_look(choice, work.now, self._zone)
            store.set_looked(work.connection, choice.account_id, look_at, told_at)

    def _waits(self, acting: Work, choice: Choice) -> bool:
        questions: Mapping[str, Callable[[Work, datetime], bool]] = {
            "referral": waiting.has_arrived,
            "answer": waiting.is_answered,
            "consent": self._ends,
            "follow-up": cases.is_one_due,
            "alert": lambda work, since: alarms.is_one_raised(work.connection, since),
        }
        # Roles may have changed since: what an account may not act on does not wait for it.
        return any(
            questions[kind](acting, choice.here_at)
            for kind in kinds_for(acting.actor)
            if kind in choice.kinds
        )

    def _ends(self, work: Work, since: datetime) -> bool:
        return does_one_end(work, since + self._warning, work.now + self._warning)
