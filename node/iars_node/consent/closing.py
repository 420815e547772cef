"""How a consent ends: by a step of its life, with an entry in its history; at its time by the clock."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, or_, select, update

from iars_node.audit.service import record
from iars_node.consent import endings, overtaken, store
from iars_node.consent.events import ConsentExpired
from iars_node.consent.model import PERMITTING, History
from iars_node.consent.states import advance
from iars_node.consent.tables import consent, consent_history
from iars_node.prepared import Prepared

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iars_node.consent.ended import EndedPart
    from iars_node.consent.model import Consent, State
    from iars_node.consent.states import By, Step
    from iars_node.work import Work

EXPIRE_CONSENTS_JOB = "consent.expire"
EXPIRE_EVERY = timedelta(minutes=1)
AT_ONCE = 200

_OVER = Prepared(
    select(consent.c.id)
    .where(
        or_(*(consent.c.state == state for state in PERMITTING)),
        consent.c.ended_at.is_(None),
        consent.c.expires_at <= bindparam("now"),
    )
    .order_by(consent.c.expires_at)
    .limit(bindparam("most"))
)
_EARLY = Prepared(
    select(consent.c.id).where(consent.c.state == "expired", consent.c.expires_at > bindparam("now"))
)


def close(work: Work, given: Consent, step: Step, by: By) -> State:
    """End a consent by a step that leads to its last state, and write it into its history."""
    before = given.state if step == "expire" else given.state_at(work.now)
    state = advance(before, step, by)
    if step != "expire":
        overtaken.note(work, "consent", given.id, given.ended)
    endings.end_consent(work.connection, given.id, state, work.now)
    store.add_history(work.connection, given.id, History(work.now, step, by, state, work.actor.id))
    return state


def close_parts(work: Work, given: Consent, parts: Iterable[EndedPart], by: By) -> None:
    """End parts of a consent, the rest of which stands, and write that into its history."""
    overtaken.note(work, "consent", given.id, given.ended)
    endings.end_parts(work.connection, given, parts)
    step = "take-back" if by == "person" else "revoke-part"
    entry = History(work.now, step, by, given.state_at(work.now), work.actor.id)
    store.add_history(work.connection, given.id, entry)


def expire_consents(work: Work) -> None:
    """Note which consents have run out. They permit nothing since: that needs nobody to look."""
    for row in _OVER.all(work.connection, {"now": work.now, "most": AT_ONCE}):
        found = store.find(work.connection, work.vault, row.id, for_update=True)
        if found is None or found.state not in PERMITTING or found.ended_at is not None:
            continue
        close(work, found, "expire", "clock")
        record(work, "consent.expired", subject=found.id, case_id=found.case_id)
        work.announce(ConsentExpired(found.case_id, found.id))


def run_again(work: Work) -> None:
    """Let consents stand again that only a wrong clock had noted as expired."""
    for (consent_id,) in _EARLY.all(work.connection, {"now": work.now}):
        if store.has_successor(work.connection, consent_id):
            continue
        state = _state_before(work, consent_id)
        work.connection.execute(
            update(consent).where(consent.c.id == consent_id).values(state=state, ended_at=None)
        )
        entry = History(work.now, "run-again", "clock", state, work.actor.id)
        store.add_history(work.connection, consent_id, entry)


def _state_before(work: Work, consent_id: str) -> State:
    column = consent_history.c
    permitting = (
        select(column.state_after)
        .where(column.consent_id == consent_id, column.state_after.in_(PERMITTING))
        .order_by(column.sequence.desc())
        .limit(1)
    )
    state: State = work.connection.execute(permitting).scalar_one()
    return state
