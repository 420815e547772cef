"""Which records a person's events are about, for whoever reads the audit log and may see no case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node.accounts.access import require
from iars_node.audit import store as audit_store
from iars_node.cases.store import heads, persons
from iars_node.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Collection

    from iars_node.audit.model import RecordedEvent
    from iars_node.work import Work


def records_of_person(work: Work, reference: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the ids of a person, with those merged, and of all their cases: by a case, or by the person."""
    require(work.actor, "audit.read")
    case_id = heads.find_by_reference(work.connection, reference.upper())
    found = heads.find_case(work.connection, case_id or reference)
    person_id = found.person_id if found is not None else reference
    if not persons.exists(work.connection, person_id):
        raise NotFoundError("There is no person or case of this id.")
    same = persons.all_of(work.connection, person_id)
    return tuple(same), tuple(case.id for case in heads.cases_of_persons(work.connection, same))


def happenings(work: Work, case_id: str, actions: Collection[str], limit: int) -> list[RecordedEvent]:
    """Return what was done about a case, the newest first, for those who work on it: never what it held."""
    require(work.actor, "case.read")
    return audit_store.of_case(work.connection, case_id, actions, limit)
