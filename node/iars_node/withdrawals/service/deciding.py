"""What people decide here: to keep something on a legal ground, and to let a held destruction go on."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node import audit
from iars_node.accounts.access import require
from iars_node.cases import service as cases
from iars_node.consent import closing
from iars_node.errors import ConflictError, InvalidError, NotFoundError
from iars_node.jobs.service import schedule
from iars_node.vault.identity import seconds
from iars_node.withdrawals import store
from iars_node.withdrawals.model import CLOCK_JOB, DESTROY_JOB, DONE, HELD, PAUSED, Ending, Retention
from iars_node.withdrawals.service import clock, holdings, reviving
from iars_protocol.vocabulary import VOCABULARIES

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from iars_node.jobs.model import Job
    from iars_node.work import Work

LOOK_EVERY = timedelta(minutes=1)
GROUNDS = VOCABULARIES["retention_ground"]


def retain(
    work: Work, ending_id: str, scopes: Collection[str], ground: str, until: datetime
) -> list[Retention]:
    """Keep scopes of what ended on a declared legal ground until a day; the issuer is told both.

    What is kept can be read here again; it is never disclosed, and its messages are destroyed all the same.
    """
    require(work.actor, "erasure.decide")
    found = _undone(work, ending_id)
    held = holdings.ended_holdings(work, found.grant_id, found.parts)
    in_cases = set().union(*held.cases.values())
    faults = {}
    if ground not in GROUNDS:
        faults["ground"] = f"accepted: {', '.join(GROUNDS)}"
    if until <= work.now:
        faults["until"] = "accepted: a day in the future"
    if not scopes or not set(scopes) <= in_cases:
        faults["scopes"] = f"accepted: {', '.join(sorted(in_cases)) or 'nothing of it stands in a case'}"
    if faults:
        raise InvalidError("This can't be kept; nothing was changed.", faults)
    for scope in sorted(set(scopes)):
        decided = Retention(found.id, scope, ground, until, work.actor.id, work.now)
        store.put_retention(work.connection, decided, is_sqlite=work.is_sqlite)
    for case_id, ended in held.cases.items():
        kept = ended & set(scopes)
        cases.retain_content(work, case_id, found.grant_id, kept, until=until)
        cases.unlock_content(work, case_id, found.grant_id, kept)
    audit.record(
        work,
        "erasure.retained",
        subject=found.id,
        peer_id=found.peer.hex(),
        scopes=scopes,
        detail={"ground": ground, "until": seconds(until)},
    )
    return store.retentions(work.connection, found.id)


def _undone(work: Work, ending_id: str) -> Ending:
    found = store.find_ending(work.connection, ending_id)
    if found is None:
        raise NotFoundError("There is no such ending.")
    if found.state == DONE:
        raise ConflictError("This was destroyed already; nothing of it can be kept.")
    return found


def confirm_withdrawals(work: Work, peer: bytes) -> int:
    """Let what a peer withdrew in great number be destroyed: an administrator has looked; return how many."""
    require(work.actor, "node.manage")
    held = store.held_withdrawals(work.connection, peer, PAUSED)
    for each in held:
        store.change_ending(work.connection, each.id, state=HELD)
        schedule(work, DESTROY_JOB, max(each.destroy_after, work.now), each.id)
    if held:
        audit.record(work, "erasure.confirmed", peer_id=peer.hex(), detail={"count": len(held)})
    return len(held)


def confirm_clock(work: Work) -> int:
    """Take the clock as it is; what only a wrong clock had ended runs again. Return how many grants do."""
    clock.confirm_clock(work)
    return reviving.revive(work)


def expire_consents(work: Work, _job: Job) -> None:
    """Note which consents have run out, while the clock is believed; look again soon."""
    if clock.is_trusted(work):
        closing.expire_consents(work)
    schedule(work, closing.EXPIRE_CONSENTS_JOB, work.now + closing.EXPIRE_EVERY)


def watch_clock(work: Work, _job: Job) -> None:
    """Look at the clock, and again soon: the stored moment must never be far behind."""
    was_doubted = clock.doubted(work) is not None
    if clock.is_trusted(work) and was_doubted:
        reviving.revive(work)
    schedule(work, CLOCK_JOB, work.now + LOOK_EVERY)
