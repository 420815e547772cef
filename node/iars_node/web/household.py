"""Who belongs to a person's household, as cases that a reader can go to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iars_node.cases import service as cases

if TYPE_CHECKING:
    from iars_node.cases.model import Case, Member
    from iars_node.web.visit import Visit


@dataclass(frozen=True, slots=True)
class Belonging:
    """Somebody of a household: the newest case, the relation to the head, and which household it is.

    Of whose case the reader may not open nothing is here but that it is there.
    """

    household_id: str
    person_id: str
    relation: str
    case: Case | None
    is_self: bool
    is_shut: bool = False


def members_of(visit: Visit, head: Case) -> list[Belonging]:
    """Return everybody of a person's households, the person first; nobody where the case is another's."""
    if not cases.is_open_to(visit.work, head):
        return []
    own = cases.person_behind(visit.work, head.person_id)
    found = [
        _belonging(visit, head, own, member)
        for household_id in cases.households_of(visit.work, own)
        for member in cases.household_members(visit.work, household_id)
    ]
    return sorted(found, key=lambda each: (not each.is_self, each.is_shut))


def _belonging(visit: Visit, head: Case, own: str, member: Member) -> Belonging:
    person_id = cases.person_behind(visit.work, member.person_id)
    if person_id == own:
        return Belonging(member.household_id, member.person_id, member.relation, head, is_self=True)
    newest = next(iter(cases.cases_of_person(visit.work, person_id)), None)
    if newest is not None and not cases.is_open_to(visit.work, newest):
        return Belonging(member.household_id, "", "", None, is_self=False, is_shut=True)
    return Belonging(member.household_id, member.person_id, member.relation, newest, is_self=False)


def other_cases(visit: Visit, head: Case) -> list[Belonging]:
    """Return the others of a household whose case is open: those who can be referred together."""
    return [
        each
        for each in members_of(visit, head)
        if each.case is not None and not each.is_self and each.case.state == "open"
    ]
