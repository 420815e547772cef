"""People who wish to be told, and what makes the node tell them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlalchemy import select
from tests.federation.neighbours import Neighbour, settle

from iars_node.accounts import sessions
from iars_node.accounts import store as account_store
from iars_node.accounts.model import Browser
from iars_node.audit import alarms
from iars_node.jobs.tables import job
from iars_node.notifications import service as notifications
from iars_node.notifications.model import SEND_JOB, Wish
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from tests.pages import World

    from iars_node.accounts.model import Account
    from iars_node.clock import SetClock
    from iars_node.referrals.model import Referral


ADDRESS = "besa@post.example.org"
AWAY = timedelta(minutes=5)


def account_of(side: Neighbour, name: str) -> Account:
    with side.node.works.read(SYSTEM) as work:
        found = account_store.account_by_name(work.connection, name)
    assert found
    return found


def wish(side: Neighbour, name: str = "besa", **changes: object) -> Account:
    """Let somebody wish to be told of everything that their roles let them act on."""
    account = account_of(side, name)
    with side.node.works.write(account.actor) as work:
        kinds = frozenset(notifications.kinds_for(account.actor))
        wanted = {"address": ADDRESS, "kinds": kinds, "rhythm": "at-once", **changes}
        notifications.choose(work, Wish(**wanted), ZoneInfo(side.node.settings.zone))  # type: ignore[arg-type]
    return account


def tell(side: Neighbour, clock: SetClock, after: timedelta = AWAY) -> None:
    """Let time pass, look for whom something waits, and send what was scheduled."""
    clock.moment += after
    side.run_jobs()
    while side.node.notifier.send_next():
        pass


def come(side: Neighbour, clock: SetClock) -> None:
    """Let somebody sign in a moment later."""
    clock.moment += timedelta(seconds=1)
    account = account_of(side, "besa")
    with side.node.works.write(SYSTEM) as work:
        sessions.begin_session(work, account, Browser("192.0.2.1"), sessions.POLICY)


async def arrive(world: World) -> Referral:
    """Refer somebody from the shelter to the mission."""
    _case, _given, sent = world.referral()
    await settle(world.shelter, world.mission)
    return sent


def open_jobs(side: Neighbour) -> int:
    with side.node.works.read(SYSTEM) as work:
        open_ones = select(job.c.id).where(job.c.kind == SEND_JOB, job.c.done_at.is_(None))
        return len(work.connection.execute(open_ones).all())


def open_alarms(side: Neighbour) -> list[alarms.Alarm]:
    with side.node.works.read(SYSTEM) as work:
        return [each for each in alarms.open_alarms(work.connection) if each.kind == "notification.refused"]
