"""Follow-ups: something to be done for a person by a day, by somebody or by whoever is there."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node import audit
from iars_node.accounts import store as account_store
from iars_node.accounts.access import ROLES, require
from iars_node.cases.model import OWN, CaseTask
from iars_node.cases.service.access import case_at, case_to_change, require_scopes
from iars_node.cases.service.assignment import readable_here
from iars_node.cases.service.writing import ensure_document
from iars_node.cases.store import tasks
from iars_node.db import new_id
from iars_node.errors import ConflictError, InvalidError, NotFoundError

if TYPE_CHECKING:
    from datetime import datetime

    from iars_node.work import Work

LONGEST_TASK = 500
# A day that is named ends at midnight: whoever is told then is told too late.
LAST_DAY = timedelta(days=1)


def add_task(  # noqa: PLR0913 - a follow-up has these pieces, all by name
    work: Work, case_id: str, scope: str, text: str, *, due_at: datetime, assigned_to: str = ""
) -> CaseTask:
    """Add a follow-up under the scope that its author declares: it is shown and erased with that scope."""
    require_scopes(work, "case.edit", [scope], case_id)
    if case_to_change(work, case_id).state == "closed":
        raise ConflictError("The case is closed; reopen it first.")
    text = text.strip()
    faults = {}
    if not 0 < len(text) <= LONGEST_TASK:
        faults["text"] = f"accepted: a text of 1 to {LONGEST_TASK} characters"
    if due_at <= work.now:
        faults["due"] = "accepted: today or a later day"
    if assigned_to and assigned_to not in assignable(work):
        faults["assigned_to"] = "accepted: somebody who may read cases"
    if faults:
        raise InvalidError("The follow-up can't be kept as it is.", faults)
    ensure_document(work, case_id, scope, OWN, work.actor.id)
    added = CaseTask(
        new_id(), case_id, scope, due_at, assigned_to or None, work.actor.id, work.now, None, None, text
    )
    tasks.insert_task(work.connection, work.vault, added)
    audit.record(work, "case.task-added", case_id=case_id, subject=added.id, scopes=[scope])
    return added


def assignable(work: Work) -> dict[str, str]:
    """Return the names of those who can be asked to follow something up, by their ids."""
    require(work.actor, "case.edit")
    return {
        each.id: each.display_name
        for each in account_store.accounts(work.connection)
        if each.disabled_at is None
        and any("case.read" in ROLES[role].actions for role in each.roles if role in ROLES)
    }


def finish_task(work: Work, case_id: str, task_id: str) -> CaseTask:
    """Note that a follow-up is done; who comes second is told that it was."""
    require(work.actor, "case.edit")
    found = tasks.find_task(work.connection, task_id, for_update=True)
    if found is None or found.case_id != case_id:
        raise NotFoundError("There is no such follow-up.")
    require_scopes(work, "case.edit", [found.scope], case_id)
    if found.done_at is not None:
        raise ConflictError("A colleague has done this already; nothing was changed.")
    tasks.set_done(work.connection, task_id, work.now, work.actor.id)
    audit.record(work, "case.task-done", case_id=case_id, subject=task_id, scopes=[found.scope])
    return found


def tasks_of_case(work: Work, case_id: str) -> list[CaseTask]:
    """Return a case's follow-ups, with the texts of those in scopes that the actor may read."""
    require(work.actor, "case.read")
    case_at(work, case_id)
    return tasks.tasks_of_case(work.connection, work.vault, case_id, readable_here(work, case_id))


def tasks_due(work: Work, until: datetime, limit: int) -> list[CaseTask]:
    """Return what waits for the actor until a moment: where and by when, never what it says."""
    require(work.actor, "case.read")
    return tasks.tasks_due(work.connection, work.actor.id, until, limit)


def is_one_due(work: Work, since: datetime) -> bool:
    """Say whether a follow-up of the actor's, or nobody's, came to its last day after a moment."""
    require(work.actor, "case.edit")
    return tasks.falls_due(
        work.connection,
        work.actor.id,
        after=since + LAST_DAY,
        until=work.now + LAST_DAY,
        added_after=since,
    )
