"""Consents that end soon: to be asked again in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import exists, or_, select

from iars_node.accounts.access import require
from iars_node.cases.tables import case_file
from iars_node.consent.model import PERMITTING
from iars_node.consent.tables import consent

if TYPE_CHECKING:
    from datetime import datetime

    from iars_node.work import Work


def ending_before(work: Work, until: datetime, limit: int) -> list[tuple[str, str, datetime]]:
    """Return (consent id, case id, end) of the consents that end before a moment, the soonest first."""
    require(work.actor, "consent.read")
    rows = work.connection.execute(
        select(consent.c.id, consent.c.case_id, consent.c.expires_at)
        .where(
            consent.c.state.in_(PERMITTING),
            consent.c.ended_at.is_(None),
            consent.c.expires_at > work.now,
            consent.c.expires_at < until,
        )
        .order_by(consent.c.expires_at, consent.c.id)
        .limit(limit)
    )
    return [(row.id, row.case_id, row.expires_at) for row in rows]


def does_one_end(work: Work, after: datetime, until: datetime) -> bool:
    """Say whether a consent ends between two moments, of a case that is the actor's or nobody's."""
    require(work.actor, "consent.read")
    owner = case_file.c.assigned_to
    theirs = (
        (case_file.c.id == consent.c.case_id)
        & (case_file.c.state == "open")
        & or_(owner == work.actor.id, owner.is_(None))
    )
    wanted = (
        consent.c.state.in_(PERMITTING)
        & consent.c.ended_at.is_(None)
        & (consent.c.expires_at > after)
        & (consent.c.expires_at <= until)
        & exists().where(theirs)
    )
    return work.connection.execute(select(exists().where(wanted))).scalar_one()
