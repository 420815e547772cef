"""Who belongs to a person's household, as cases that a reader can go to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iars_node.cases import service as cases

if TYPE_CHECKING:
    from iars_node.cases.model import Case
    from iars_node.web.visit import Visit


@dataclass(frozen=True, slots=True)
class Belonging:
    """Somebody of a household: the newest case, the relation to the head, and which household it is."""

    household_id: str
    person_id: str
    relation: str
    case: Case | None
    is_self: bool


def members_of(visit: Visit, head: Case) -> list[Belonging]:
    """Return everybody of a person's households, the person first."""
    own = cases.person_behind(visit.work, head.person_id)
    found: list[Belonging] = []
    for household_id in cases.households_of(visit.work, own):
        for member in cases.household_members(visit.work, household_id):
            person_id = cases.person_behind(visit.work, member.person_id)
            is_self = person_id == own
            newest = next(iter(cases.cases_of_person(visit.work, person_id)), None)
            found.append(
                Belonging(
                    household_id, member.person_id, member.relation, head if is_self else newest, is_self
                )
            )
    return sorted(found, key=lambda each: not each.is_self)


def other_cases(visit: Visit, head: Case) -> list[Belonging]:
    """Return the others of a household whose case is open: those who can be referred together."""
    return [
        each
        for each in members_of(visit, head)
        if each.case is not None and not each.is_self and each.case.state == "open"
    ]
