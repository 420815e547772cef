"""Break the glass: looking into a case that is not one's own, for a reason, for a time, seen by others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node import audit
from iars_node.accounts.access import may, require
from iars_node.audit.alarms import raise_alarm
from iars_node.cases.model import OWN, Opening
from iars_node.cases.service.access import case_at
from iars_node.cases.service.assignment import access_to
from iars_node.cases.service.opening import FILE_SCOPE
from iars_node.cases.store import contents, openings
from iars_node.db import new_id
from iars_node.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from iars_node.vault.content_keys import key_for

if TYPE_CHECKING:
    from iars_node.work import Work

SHORTEST_REASON, LONGEST_REASON = 10, 2000


def break_glass(work: Work, case_id: str, reason: str) -> Opening:
    """Open a case that is not assigned to the account, for a time; its owner and the supervisors are told."""
    require(work.actor, "case.break-glass")
    if work.actor.kind != "account":
        raise ForbiddenError("Only a person can look into a case that is not theirs.")
    case = case_at(work, case_id)
    if not access_to(work, case).shut:
        raise ConflictError("This case is open to you; no reason is needed.")
    said = reason.strip()
    if not SHORTEST_REASON <= len(said) <= LONGEST_REASON:
        accepted = f"accepted: {SHORTEST_REASON} to {LONGEST_REASON} characters"
        raise InvalidError("Please say more about the reason.", {"reason": accepted})
    ends = work.now + work.assignment.opening
    opened = Opening(new_id(), case.id, work.actor.id, work.now, ends, said)
    key_id = key_for(work.connection, work.vault, contents.OWNER, case.id, FILE_SCOPE, OWN)
    openings.add(work.connection, work.vault, opened, key_id)
    minutes = int(work.assignment.opening.total_seconds() // 60)
    audit.record(
        work, "case.opened-unassigned", case_id=case.id, subject=opened.id, detail={"minutes": minutes}
    )
    raise_alarm(work, "case.opened-unassigned", opened.id, {"case": case.id, "account": work.actor.id})
    return opened


def openings_to_look_at(work: Work, limit: int) -> list[Opening]:
    """Return what the actor has to look at: openings of its own cases, and for a supervisor of every case."""
    found: dict[str, Opening] = {}
    if work.actor.kind == "account":
        own = openings.unseen_by_owner(work.connection, work.vault, work.actor.id, limit)
        found = {each.id: each for each in own if each.account_id != work.actor.id}
    if may(work.actor, "case.review-openings"):
        others = openings.unreviewed(work.connection, work.vault, limit)
        found |= {each.id: each for each in others if each.account_id != work.actor.id}
    return sorted(found.values(), key=lambda each: (each.opened_at, each.id))[:limit]


def openings_of_case(work: Work, case_id: str) -> list[Opening]:
    """Return who looked into a case that was not theirs: for its owner, and for supervisors."""
    require(work.actor, "case.read")
    case = case_at(work, case_id)
    if not may(work.actor, "case.review-openings") and case.assigned_to != work.actor.id:
        raise ForbiddenError("This account's roles do not allow “case.review-openings”; ask a supervisor.")
    return openings.of_case(work.connection, work.vault, case.id)


def review_opening(work: Work, opening_id: str) -> Opening:
    """Note that the owner of the case, or a supervisor, has looked at an opening of somebody else."""
    require(work.actor, "case.read")
    found = openings.find(work.connection, work.vault, opening_id)
    if found is None:
        raise NotFoundError("There is no such look into a case.")
    if found.account_id == work.actor.id:
        raise ForbiddenError("Somebody other than who looked into the case has to look at this.")
    is_owner = case_at(work, found.case_id).assigned_to == work.actor.id
    is_supervisor = may(work.actor, "case.review-openings")
    if not is_owner and not is_supervisor:
        raise ForbiddenError("This account's roles do not allow “case.review-openings”; ask a supervisor.")
    if is_owner and found.seen_at is None:
        openings.change(work.connection, found.id, seen_at=work.now, seen_by=work.actor.id)
        audit.record(work, "case.opening-seen", case_id=found.case_id, subject=found.id)
    if is_supervisor and found.reviewed_at is None:
        openings.change(work.connection, found.id, reviewed_at=work.now, reviewed_by=work.actor.id)
        audit.record(work, "case.opening-reviewed", case_id=found.case_id, subject=found.id)
    return found
