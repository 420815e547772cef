"""What a legal hold keeps of something that has ended: it stays locked, and its issuer is told so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node.cases.service.access import case_to_change
from iars_node.consent import store as consent_store
from iars_node.holds.service import held_scopes
from iars_node.jobs.service import schedule
from iars_node.withdrawals import store
from iars_node.withdrawals.model import DESTROY_JOB, HELD, Retention
from iars_node.withdrawals.service import holdings

if TYPE_CHECKING:
    from iars_node.holds.model import HoldLifted
    from iars_node.withdrawals.model import Ending
    from iars_node.work import Work


def kept_by_holds(work: Work, found: Ending) -> list[Retention]:
    """Return what of an ending is under a hold, as something that is retained on the hold's ground."""
    held = holdings.ended_holdings(work, found.grant_id, found.parts)
    kept: dict[str, Retention] = {}
    for case_id, ended in held.cases.items():
        # Who sets a hold holds the same row: either it is seen here, or nothing was left to hold.
        case_to_change(work, case_id)
        for (_case_id, scope), hold in held_scopes(work, [case_id]).items():
            earlier = kept.get(scope)
            if scope in ended and (earlier is None or earlier.until < hold.ends_at):
                kept[scope] = Retention(found.id, scope, hold.ground, hold.ends_at, hold.set_by, hold.set_at)
    return list(kept.values())


def follow_lifting(work: Work, lifted: HoldLifted) -> None:
    """Look again at what had ended of a case as soon as a hold is lifted."""
    grants = [kept.id for kept in consent_store.grants_of_case(work.connection, lifted.case_id)]
    for each in store.endings_of_grants(work.connection, grants):
        # What is paused waits for an administrator, whose word schedules it: a lifted hold is no such word.
        if each.state == HELD:
            schedule(work, DESTROY_JOB, max(each.destroy_after, work.now), each.id)
