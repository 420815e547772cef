"""What waits for somebody: referrals to answer, and answers that came."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import exists, func, or_, select

from iars_node.accounts.access import require
from iars_node.cases.tables import case_file
from iars_node.referrals import store
from iars_node.referrals.model import IN, OUT
from iars_node.referrals.tables import referral
from iars_protocol.referral import OPEN

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from iars_node.referrals.model import Referral
    from iars_node.work import Work

NEWEST_STEPS = 50
REFUSED_FOR = timedelta(days=7)
_ANSWERS = ("accepted", "rejected", "in-progress", "on-hold", "completed", "failed", "cancelled", "expired")


def count_unanswered(work: Work) -> int:
    """Return how many received referrals wait for this organisation's answer."""
    require(work.actor, "referral.read")
    wanted = (referral.c.direction == IN) & (referral.c.state == "requested")
    return work.connection.execute(select(func.count()).select_from(referral).where(wanted)).scalar_one()


def unanswered(work: Work, limit: int) -> list[Referral]:
    """Return the received referrals that wait for an answer, the most urgent first."""
    require(work.actor, "referral.read")
    return store.due(work.connection, direction=IN, limit=limit)


def overdue(work: Work, limit: int) -> list[Referral]:
    """Return the sent referrals whose answer is late or that have a problem to look at."""
    require(work.actor, "referral.read")
    since = work.now - REFUSED_FOR
    return store.late_or_stuck(work.connection, now=work.now, refused_since=since, limit=limit)


def news(work: Work, since: datetime, limit: int) -> list[Referral]:
    """Return the sent referrals about which the other side said something lately, the newest first."""
    require(work.actor, "referral.read")
    return store.changed_since(work.connection, direction=OUT, states=_ANSWERS, since=since, limit=limit)


def services_under_way(work: Work, case_ids: Collection[str]) -> list[tuple[str, str, str]]:
    """Return (case id, node, service) of what these persons are open for with others: sent from here."""
    require(work.actor, "referral.read")
    rows = work.connection.execute(
        select(referral.c.case_id, referral.c.peer, referral.c.service)
        .where(referral.c.direction == OUT, referral.c.state.in_(OPEN), referral.c.case_id.in_(case_ids))
        .distinct()
        .order_by(referral.c.case_id, referral.c.peer, referral.c.service)
    )
    return [(row.case_id, row.peer.hex(), row.service) for row in rows]


def newest_steps(work: Work) -> list[int]:
    """Return what tells one state of all referrals from another: numbers alone, nothing of their content."""
    require(work.actor, "referral.read")
    return store.newest_steps(work.connection, NEWEST_STEPS)


def has_arrived(work: Work, since: datetime) -> bool:
    """Say whether a referral that waits for an answer came in after a moment."""
    require(work.actor, "referral.read")
    wanted = (
        (referral.c.direction == IN) & (referral.c.state == "requested") & (referral.c.created_at > since)
    )
    return work.connection.execute(select(exists().where(wanted))).scalar_one()


def is_answered(work: Work, since: datetime) -> bool:
    """Say whether one that the actor sent, or of a case that is theirs, was answered after a moment."""
    require(work.actor, "referral.read")
    theirs = select(case_file.c.id).where(case_file.c.assigned_to == work.actor.id)
    wanted = (
        (referral.c.direction == OUT)
        & referral.c.state.in_(_ANSWERS)
        & (referral.c.updated_at > since)
        & or_(referral.c.author == work.actor.id, referral.c.case_id.in_(theirs))
    )
    return work.connection.execute(select(exists().where(wanted))).scalar_one()
