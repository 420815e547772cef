"""What recipients told back in a scope that the person has taken out: nobody reads it any more, and it goes.

The person agreed that a recipient tells this node about some scopes. In that direction this node is the
recipient: when a scope is taken out by name, what came of it follows the rule for every recipient. The whole
end of sharing says nothing of it: what was told until then belongs to this node's own file.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import select

from iars_node import audit
from iars_node.consent import endings
from iars_node.db import new_id
from iars_node.jobs.service import schedule
from iars_node.vault.tables import content_key
from iars_node.withdrawals import store
from iars_node.withdrawals.model import DESTROY_JOB, HELD, TOLD_BACK, Ending, Rules
from iars_node.withdrawals.service import holdings

if TYPE_CHECKING:
    from collections.abc import Collection

    from iars_node.consent.model import IssuedGrant
    from iars_node.withdrawals.model import TellingBackEnded
    from iars_node.work import Work

AT_ONCE = 500


class Answers:
    """What the end of telling back does here, by this node's rules."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def follow(self, work: Work, ended: TellingBackEnded) -> None:
        """Keep nothing that is still told in these scopes; lock what was, and destroy it after the hold."""
        grants = endings.issued_by_id(work.connection, ended.grants)
        fresh = [kept for kept in grants if not set(ended.parts) <= set(kept.ended)]
        endings.end_telling_back(work.connection, fresh, ended.parts)
        answered = _answered(work, [kept.id for kept in fresh])
        for kept in fresh:
            if kept.id in answered:
                self._end(work, kept, ended)

    def _end(self, work: Work, kept: IssuedGrant, ended: TellingBackEnded) -> None:
        # By its place in a message or a case, no matter which way it came.
        placed = tuple(replace(part, way="") for part in ended.parts)
        grounds = {each.scope for each in store.retentions_of_grant(work.connection, kept.id, work.now)}
        held = holdings.ended_holdings(work, kept.id, placed, but=grounds)
        scopes = holdings.scopes_of(held)
        if not scopes:
            return
        holdings.lock(work, held)
        due = work.now + self._rules.hold
        new = Ending(
            id=new_id(),
            grant_id=kept.id,
            peer=kept.peer,
            cause=TOLD_BACK,
            withdrawal_id="",
            by=ended.by,
            parts=placed,
            locked_at=work.now,
            destroy_after=due,
            state=HELD,
            reported_at=None,
        )
        # A grant may end so several times, by one scope after the other: its own id tells them apart.
        store.add_ending(work.connection, replace(new, withdrawal_id=new.id))
        schedule(work, DESTROY_JOB, due, new.id)
        audit.record(
            work,
            "consent.answers-ended",
            subject=kept.id,
            case_id=kept.case_id,
            peer_id=kept.peer.hex(),
            scopes=scopes,
        )


def _answered(work: Work, grant_ids: Collection[str]) -> set[str]:
    """Return under which grants something stands here that a recipient told: most have nothing."""
    found: set[str] = set()
    wanted = sorted(grant_ids)
    for start in range(0, len(wanted), AT_ONCE):
        some = content_key.c.source.in_(wanted[start : start + AT_ONCE])
        found |= set(work.connection.execute(select(content_key.c.source).where(some).distinct()).scalars())
    return found
