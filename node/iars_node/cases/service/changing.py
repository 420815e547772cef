"""Changing a case's head: closing, reopening, assigning, its stage; and notes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from iars_node import audit
from iars_node.accounts.access import require
from iars_node.cases.checks import check_code
from iars_node.cases.model import CLOSURE_REASONS, OWN, STAGES, Case, Note
from iars_node.cases.service.access import case_to_change, require_scopes
from iars_node.cases.service.writing import ensure_document
from iars_node.cases.store import heads, notes
from iars_node.db import new_id
from iars_node.errors import ConflictError, InvalidError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iars_node.cases.model import Assignment
    from iars_node.work import Work

LONGEST_NOTE = 20_000


def close_case(work: Work, case_id: str, reason: str, *, expected_version: int | None = None) -> Case:
    """Close a case for a reason from the list; its content stays."""
    require(work.actor, "case.close")
    check_code("reason", reason, CLOSURE_REASONS)
    case = _open_case_to_change(work, case_id)
    closed = replace(case, state="closed", stage="closed", closure_reason=reason, closed_at=work.now)
    return _change(work, closed, expected_version, "case.closed", {"reason": reason, "stage": case.stage})


def reopen_case(
    work: Work, case_id: str, *, stage: str = "follow-up", expected_version: int | None = None
) -> Case:
    """Reopen a closed case at a stage."""
    require(work.actor, "case.close")
    check_code("stage", stage, STAGES)
    case = case_to_change(work, case_id)
    if case.state == "open":
        raise ConflictError("The case is open already.")
    reopened = replace(case, state="open", stage=stage, closure_reason=None, closed_at=None)
    return _change(work, reopened, expected_version, "case.reopened", {"stage": stage})


def set_stage(work: Work, case_id: str, stage: str, *, expected_version: int | None = None) -> Case:
    """Move an open case to a stage."""
    require(work.actor, "case.edit")
    check_code("stage", stage, {code: label for code, label in STAGES.items() if code != "closed"})
    case = _open_case_to_change(work, case_id)
    return _change(work, replace(case, stage=stage), expected_version, "case.changed", {"stage": stage})


def assign_case(
    work: Work, case_id: str, assignment: Assignment, *, expected_version: int | None = None
) -> Case:
    """Give a case its site, team and account."""
    require(work.actor, "case.assign")
    case = case_to_change(work, case_id)
    assigned = replace(
        case, site_id=assignment.site_id, team_id=assignment.team_id, assigned_to=assignment.assigned_to
    )
    detail = {"account": assignment.assigned_to or "", "team": assignment.team_id or ""}
    return _change(work, assigned, expected_version, "case.assigned", detail)


def add_note(work: Work, case_id: str, scope: str, text: str) -> Note:
    """Add a note under the scope that its author declares: it is kept, shown and erased with that scope."""
    require_scopes(work, "case.edit", [scope], case_id)
    text = text.strip()
    if not 0 < len(text) <= LONGEST_NOTE:
        accepted = f"accepted: a text of 1 to {LONGEST_NOTE} characters"
        raise InvalidError("The note can't be kept as it is.", {"text": accepted})
    case_to_change(work, case_id)
    ensure_document(work, case_id, scope, OWN, work.actor.id)
    note = Note(new_id(), case_id, scope, OWN, work.actor.id, work.now, text)
    notes.insert_note(work.connection, work.vault, note)
    heads.touch_cases(work.connection, [case_id], work.now)
    audit.record(work, "case.noted", case_id=case_id, subject=note.id, scopes=[scope])
    return note


def _open_case_to_change(work: Work, case_id: str) -> Case:
    case = case_to_change(work, case_id)
    if case.state == "closed":
        raise ConflictError("The case is closed; reopen it first.")
    return case


def _change(
    work: Work, case: Case, expected_version: int | None, action: str, detail: Mapping[str, str | int]
) -> Case:
    changed = replace(case, updated_at=work.now)
    expected = case.version if expected_version is None else expected_version
    if not heads.change_case(work.connection, changed, expected):
        raise ConflictError("Someone else changed the case first; look at it again.")
    audit.record(work, action, case_id=case.id, detail=detail)
    return replace(changed, version=expected + 1)
