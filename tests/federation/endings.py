"""What tests about the end of consent do: withdraw, let time pass minute by minute, look at what is left."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tests.federation.neighbours import settle

from iars_node.audit.alarms import open_alarms
from iars_node.cases import service as cases
from iars_node.referrals import service as referrals
from iars_node.withdrawals import service as withdrawals
from iars_node.withdrawals.model import Part
from iars_node.withdrawals.service.clock import is_trusted
from iars_node.work import SYSTEM, Actor

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.federation.neighbours import Neighbour

    from iars_node.clock import SetClock
    from iars_node.consent.model import Consent
    from iars_node.referrals.model import Referral
    from iars_node.withdrawals.model import Notice
    from iars_node.withdrawals.service import Asked, Held
    from iars_protocol.record import Record

A_STEP = timedelta(minutes=55)
HOUR = timedelta(hours=1)
HOLD = timedelta(hours=48)
GRACE = timedelta(days=14)
CASE_WORKER = Actor("account", "0" * 32, roles=frozenset({"case-worker"}))
ADMINISTRATOR = Actor("account", "1" * 32, roles=frozenset({"administrator"}))
SUPERVISOR = Actor("account", "2" * 32, roles=frozenset({"supervisor"}))


def withdraw(side: Neighbour, given: Consent, **part: tuple[str, ...]) -> list[Notice]:
    """Withdraw a consent, whole or in part, as the person asked."""
    with side.node.works.write(SYSTEM) as work:
        return withdrawals.withdraw(work, [given.id], Part(**part))


def pass_time(clock: SetClock, length: timedelta, *sides: Neighbour) -> None:
    """Let time pass as it does on a running node: it looks at the clock often, and then does what is due."""
    end = clock.moment + length
    while clock.moment < end:
        clock.moment = min(clock.moment + A_STEP, end)
        for side in sides:
            with side.node.works.write(SYSTEM) as work:
                is_trusted(work)
    for side in sides:
        side.run_jobs()


async def refer_and_accept(
    sender: Neighbour, receiver: Neighbour, given: Consent | None = None, **changes: object
) -> tuple[Referral, Consent]:
    """Refer a person and accept, so that everything the person agreed to has arrived."""
    if given is None:
        given = sender.give_consent(sender.open_case(), receiver)
    with sender.node.works.read(SYSTEM) as work:
        case = cases.case_head(work, given.case_id)
    sent = sender.refer(case, given, receiver, **changes)
    await settle(sender, receiver)
    receiver.act(referrals.accept, sent.id)
    await settle(sender, receiver)
    return sent, given


def shown(side: Neighbour, referral_id: str) -> set[str]:
    """Return the scopes that a referral's page shows of what came."""
    with side.node.works.write(SYSTEM) as work:
        return set(referrals.received_content(work, referral_id))


def record_of(side: Neighbour, referral_id: str) -> Record:
    """Return what the case of a referral says here."""
    case_id = side.referral(referral_id).case_id
    with side.node.works.read(SYSTEM) as work:
        return cases.snapshot(work, case_id)


def asked(side: Neighbour, given: Consent) -> list[Asked]:
    """Return whom the end of a consent was told, and what was answered."""
    with side.node.works.read(SYSTEM) as work:
        return withdrawals.asked_of_consent(work, given.id)


def endings_at(side: Neighbour) -> list[Held]:
    """Return what has ended at a recipient, the newest first."""
    with side.node.works.read(SYSTEM) as work:
        return withdrawals.list_endings(work)


def alarms_at(side: Neighbour) -> list[str]:
    """Return the kinds of a node's open alarms."""
    with side.node.works.read(SYSTEM) as work:
        return sorted(alarm.kind for alarm in open_alarms(work.connection))


def outcomes(reports: Iterable[Asked]) -> list[dict[str, str]]:
    """Return what became of each scope, for each answer in turn."""
    return [
        {each.scope: each.outcome for each in report.outcomes} for one in reports for report in one.reports
    ]
