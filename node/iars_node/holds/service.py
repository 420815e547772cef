"""Setting and lifting legal holds, and asking what they keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node import audit
from iars_node.accounts.access import require
from iars_node.cases.model import OWN
from iars_node.cases.service import case_head
from iars_node.cases.service.access import case_to_change
from iars_node.cases.service.opening import FILE_SCOPE
from iars_node.db import new_id
from iars_node.errors import ConflictError, InvalidError, NotFoundError
from iars_node.holds import store
from iars_node.holds.model import Hold, HoldLifted, faults_of
from iars_node.vault.content_keys import key_for
from iars_node.vault.identity import seconds

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from iars_node.work import Work


def set_hold(  # noqa: PLR0913 - a hold has these pieces, all by name
    work: Work, case_id: str, *, ground: str, reason: str, until: datetime, scopes: Collection[str] = ()
) -> Hold:
    """Keep a case, or some scopes of it, from being erased by anything until a day."""
    require(work.actor, "hold.manage")
    chosen = tuple(sorted(set(scopes)))
    if faults := faults_of(scopes=chosen, ground=ground, reason=reason, ends_at=until, now=work.now):
        raise InvalidError("The hold can't be set as it is; nothing was changed.", faults)
    # Whoever erases holds the same row: after this commit nothing of it goes any more.
    case = case_to_change(work, case_id)
    new = Hold(new_id(), case.id, chosen, ground, reason.strip(), work.actor.id, work.now, until)
    key_id = key_for(work.connection, work.vault, "case", case.id, FILE_SCOPE, OWN)
    store.add(work.connection, work.vault, new, key_id)
    detail: dict[str, str | int] = {"ground": ground, "until": seconds(until)}
    audit.record(work, "hold.set", subject=new.id, case_id=case.id, scopes=chosen, detail=detail)
    return new


def lift_hold(work: Work, hold_id: str) -> Hold:
    """Lift a hold before its end: what waited behind it goes on by its own rules."""
    require(work.actor, "hold.manage")
    found = store.find(work.connection, work.vault, hold_id)
    if found is None:
        raise NotFoundError("There is no hold of this id.")
    if not found.stands(work.now):
        raise ConflictError("This hold is over already.")
    store.lift(work.connection, found.id, work.now, work.actor.id)
    audit.record(work, "hold.lifted", subject=found.id, case_id=found.case_id, scopes=found.scopes)
    work.announce(HoldLifted(found.case_id))
    return found


def holds_of_case(work: Work, case_id: str) -> list[Hold]:
    """Return a case's holds, those that are over as well, the oldest first."""
    require(work.actor, "retention.read")
    return store.of_case(work.connection, work.vault, case_head(work, case_id).id)


def standing_holds(work: Work) -> list[Hold]:
    """Return every hold that counts now, the oldest first."""
    require(work.actor, "retention.read")
    return store.standing(work.connection, work.vault, work.now)


def held_scopes(work: Work, case_ids: Collection[str]) -> dict[tuple[str, str], Hold]:
    """Return what is kept by a hold now: (case, scope) → the hold that lasts longest."""
    found: dict[tuple[str, str], Hold] = {}
    for hold in sorted(
        store.standing(work.connection, work.vault, work.now, case_ids), key=lambda each: each.ends_at
    ):
        found |= {(hold.case_id, scope): hold for scope in hold.covered}
    return found
