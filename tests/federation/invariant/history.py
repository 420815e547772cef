"""One history as it is played, and what its steps look for: referrals, consents, cases, a person's words."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import literal_column, select
from tests.federation.invariant.nodes import NAMES, Nodes

from iars_node.consent import service as consents
from iars_node.consent.model import Recipient, Terms
from iars_node.consent.tables import consent
from iars_node.referrals.tables import referral

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from tests.federation.neighbours import Neighbour

    from iars_admin.demo.draw import Draw
    from iars_node.work import Work

SHAREABLE = ("demographics", "identity", "medical", "exploitation", "safety")
PURPOSES = {"MED-SCREEN": "assistance", "TRN-ASSIST": "return"}
# Ids are drawn by the system: a list in their order would make another history of the same seed.
AS_WRITTEN: ColumnElement[int] = literal_column("rowid")
OPEN = ("requested", "accepted", "in-progress", "on-hold")
TAKEN = ("accepted", "in-progress", "on-hold", "completed")


@dataclass
class History:
    """One history as it is played: the dice, the nodes, and what has happened so far."""

    seed: int
    dice: Draw
    nodes: Nodes
    told: list[str] = field(default_factory=list)

    def side(self, name: str) -> Neighbour:
        """Return the people of one node."""
        return self.nodes.sides[name]

    def somebody(self, *but: str) -> str:
        """Return one of the four, but not these."""
        return self.dice.one([name for name in NAMES if name not in but])

    def some(self, of: tuple[str, ...]) -> tuple[str, ...]:
        """Return some of these, at least one."""
        return tuple(self.dice.some(of, 1, len(of)))

    def one(self, found: list[Any]) -> Any:
        """Return one of what was found, where there is any."""
        if not found:
            raise Nothing
        return self.dice.one(found)


class Nothing(Exception):  # noqa: N818 - it is no error: there is nothing on which the step could be taken
    """There is nothing here to take this step on."""


def referrals_of(work: Work, direction: str, *states: str) -> list[Any]:
    """Return the referrals of one direction that are in one of these states."""
    query = select(referral.c.id, referral.c.case_id, referral.c.consent_id, referral.c.peer).where(
        referral.c.direction == direction, referral.c.state.in_(states)
    )
    return list(work.connection.execute(query.order_by(AS_WRITTEN)))


def has_referrals(history: History, name: str, *states: str) -> bool:
    """Say whether a node received referrals that are in one of these states."""
    return bool(history.nodes.look(name, "SELECT state FROM referral WHERE direction = 'in'") & set(states))


def own_cases(work: Work) -> list[str]:
    """Return the cases of those who consented to something here."""
    query = select(consent.c.case_id).order_by(AS_WRITTEN)
    return list(dict.fromkeys(work.connection.execute(query).scalars()))


def running_consents(work: Work) -> list[str]:
    """Return the consents that were neither ended nor replaced."""
    running = consent.c.state.in_(("given", "renewed"))
    query = select(consent.c.id).where(running).order_by(AS_WRITTEN)
    return list(work.connection.execute(query).scalars())


def terms(history: History, work: Work, *recipients: str) -> Terms:
    """Return what a person agrees to this time."""
    dice = history.dice
    named = [Recipient(node=history.side(name).id.hex()) for name in recipients]
    return Terms(
        purposes=dice.one((("assistance",), ("assistance", "return"), ("assistance", "return"))),
        scopes=tuple(consents.default_scope(code) for code in ("services", *history.some(SHAREABLE))),
        recipients=(*named, Recipient("", "NGO")) if dice.chance(15) else tuple(named),
        expires=work.now
        + dice.one((timedelta(hours=3), timedelta(hours=30), timedelta(days=5), timedelta(days=30))),
        notice_language="ro",
        how_obtained="verbal",
        is_onward_allowed=dice.chance(60),
        feedback=dice.one(((), ("services", "medical"))),
    )
