"""Consents that end soon: to be asked again in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import exists, or_, select

from iars_node.accounts.access import require
from iars_node.cases.tables import case_file
from iars_node.consent.model import PERMITTING
from iars_node.consent.tables import consent
from iars_node.consent.terms import from_json

if TYPE_CHECKING:
    from datetime import datetime

    from iars_node.consent.model import Recipient
    from iars_node.work import Work


@dataclass(frozen=True, slots=True)
class Ending:
    """A consent that ends soon: whose, since when it has stood, until when, and who may learn something."""

    consent_id: str
    case_id: str
    given_at: datetime
    ends_at: datetime
    recipients: tuple[Recipient, ...]


def ending_before(work: Work, until: datetime, limit: int) -> list[Ending]:
    """Return the consents that end before a moment, the soonest first."""
    require(work.actor, "consent.read")
    rows = work.connection.execute(
        select(consent.c.id, consent.c.case_id, consent.c.given_at, consent.c.expires_at, consent.c.terms)
        .where(
            consent.c.state.in_(PERMITTING),
            consent.c.ended_at.is_(None),
            consent.c.expires_at > work.now,
            consent.c.expires_at < until,
        )
        .order_by(consent.c.expires_at, consent.c.id)
        .limit(limit)
    )
    return [
        Ending(row.id, row.case_id, row.given_at, row.expires_at, from_json(row.terms, None).recipients)
        for row in rows
    ]


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
