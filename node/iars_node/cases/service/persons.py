"""Persons and households: merging two records of one person by redirect, and linking relatives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node import audit
from iars_node.accounts.access import require
from iars_node.cases.checks import check_code
from iars_node.cases.model import JOINING_REASONS, LEAVING_REASONS, RELATIONS, Member, Merge
from iars_node.cases.store import persons
from iars_node.db import new_id
from iars_node.errors import ConflictError, NotFoundError

if TYPE_CHECKING:
    from iars_node.work import Work


def merge_persons(work: Work, from_person: str, into_person: str) -> Merge:
    """Decide that two persons are one. Both keep their cases and history; it can be undone."""
    require(work.actor, "case.merge")
    _known(work, from_person, into_person)
    # Each may have been merged before: the ones who stand for them are joined, so no ring can close.
    leaving = persons.survivor(work.connection, from_person)
    staying = persons.survivor(work.connection, into_person)
    if leaving == staying:
        raise ConflictError("These two are one person already.")
    merge = Merge(new_id(), leaving, staying, work.now, work.actor.id, None, None)
    persons.redirect(work.connection, leaving, staying)
    persons.insert_merge(work.connection, merge)
    audit.record(work, "person.merged", subject=leaving, detail={"into": staying})
    return merge


def unmerge_persons(work: Work, merge_id: str) -> None:
    """Undo a merge: the two are two again, each with its own cases."""
    require(work.actor, "case.merge")
    merge = persons.find_merge(work.connection, merge_id)
    if merge is None:
        raise NotFoundError("There is no such merge.")
    if merge.undone_at is not None:
        raise ConflictError("This merge was undone before.")
    persons.redirect(work.connection, merge.from_person, None)
    persons.undo_merge(work.connection, merge_id, work.now, work.actor.id)
    audit.record(work, "person.unmerged", subject=merge.from_person, detail={"from": merge.into_person})


def person_behind(work: Work, person_id: str) -> str:
    """Return the person who stands for this one after every merge."""
    return persons.survivor(work.connection, person_id)


def merges_of(work: Work, person_id: str) -> list[Merge]:
    """Return a person's merges in both directions, undone ones included, the oldest first."""
    require(work.actor, "case.read")
    return persons.merges_of(work.connection, person_id)


def open_household(work: Work) -> str:
    """Open a household without members; return its id."""
    require(work.actor, "case.edit")
    household_id = new_id()
    persons.insert_household(work.connection, household_id, work.now)
    audit.record(work, "household.opened", subject=household_id)
    return household_id


def link_household(  # noqa: PLR0913 - who belongs where, as what, why, and on which case's page, by name
    work: Work, household_id: str, person_id: str, relation: str, *, reason: str, case_id: str = ""
) -> Member:
    """Put a person into a household under a relation, or change the relation; the log says why."""
    require(work.actor, "case.edit")
    check_code("relation", relation, RELATIONS)
    check_code("reason", reason, JOINING_REASONS)
    _known_household(work, household_id)
    _known(work, person_id)
    member = Member(household_id, person_id, relation)
    persons.put_member(work.connection, member)
    detail = {"person": person_id, "as": relation, "reason": reason}
    audit.record(work, "household.linked", subject=household_id, case_id=case_id, detail=detail)
    return member


def unlink_household(
    work: Work, household_id: str, person_id: str, *, reason: str, case_id: str = ""
) -> None:
    """Take a person out of a household; the log says why."""
    require(work.actor, "case.edit")
    check_code("reason", reason, LEAVING_REASONS)
    _known_household(work, household_id)
    persons.remove_member(work.connection, household_id, person_id)
    detail = {"person": person_id, "reason": reason}
    audit.record(work, "household.unlinked", subject=household_id, case_id=case_id, detail=detail)


def household_members(work: Work, household_id: str) -> list[Member]:
    """Return a household's members."""
    require(work.actor, "case.read")
    _known_household(work, household_id)
    return persons.members_of(work.connection, household_id)


def households_of(work: Work, person_id: str) -> list[str]:
    """Return the households of a person and of everyone merged with that person."""
    require(work.actor, "case.read")
    return persons.households_of(work.connection, persons.all_of(work.connection, person_id))


def _known(work: Work, *person_ids: str) -> None:
    if not all(persons.exists(work.connection, person_id) for person_id in person_ids):
        raise NotFoundError("There is no such person.")


def _known_household(work: Work, household_id: str) -> None:
    if not persons.household_exists(work.connection, household_id):
        raise NotFoundError("There is no such household.")
