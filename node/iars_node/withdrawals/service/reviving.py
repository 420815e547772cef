"""What only a wrong clock had ended runs again, as long as nothing of it is destroyed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node import audit
from iars_node.cases import service as cases
from iars_node.consent import closing, endings
from iars_node.consent import store as consent_store
from iars_node.jobs.service import cancel, schedule
from iars_node.vault.identity import seconds
from iars_node.withdrawals import store
from iars_node.withdrawals.model import DESTROY_JOB, HELD, Ending
from iars_node.withdrawals.service import holdings

if TYPE_CHECKING:
    from iars_node.work import Work


def revive(work: Work) -> int:
    """Let every grant run again whose end was noted before its time; return how many do."""
    early = [each for each in store.open_endings(work.connection) if is_early(work, each)]
    for each in early:
        revive_one(work, each)
    closing.run_again(work)
    _date_anew(work)
    return len(early)


def _date_anew(work: Work) -> None:
    """Count the holds from now that a clock which ran ahead had begun: they would last as much too long.

    What such a clock put off until it is confirmed is looked at again when it is due by this one.
    """
    for each in store.open_endings(work.connection):
        ahead = max(each.locked_at - work.now, timedelta(0))
        due = each.destroy_after - ahead
        if ahead:
            store.change_ending(work.connection, each.id, locked_at=work.now, destroy_after=due)
        if each.state == HELD:
            schedule(work, DESTROY_JOB, due, each.id)


def is_early(work: Work, each: Ending) -> bool:
    """Say whether a grant's end was noted by a clock that ran ahead."""
    if each.cause != "expiry":
        return False
    kept = consent_store.find_grant(work.connection, each.grant_id)
    return kept is not None and seconds(work.now) < kept.grant.expires


def revive_one(work: Work, each: Ending) -> None:
    """Take back that a grant's time is over, and unlock what it had locked."""
    held = holdings.ended_holdings(work, each.grant_id, each.parts)
    endings.run_again(work.connection, each.grant_id)
    for case_id, scopes in held.cases.items():
        cases.unlock_content(work, case_id, each.grant_id, scopes)
    cancel(work, DESTROY_JOB, each.id)
    store.remove_ending(work.connection, each.id)
    audit.record(work, "erasure.confirmed", subject=each.grant_id, detail={"code": "not-ended"})
