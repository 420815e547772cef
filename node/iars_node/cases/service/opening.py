"""Opening a case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node import audit
from iars_node.accounts.access import require
from iars_node.cases import reference
from iars_node.cases.checks import check_code
from iars_node.cases.model import STAGES, Assignment, Case
from iars_node.cases.service.access import case_to_change
from iars_node.cases.service.writing import write_record
from iars_node.cases.store import contents, heads, persons, words
from iars_node.db import new_id
from iars_node.errors import ConflictError, InvalidError, NotFoundError
from iars_node.vault.content_keys import key_for
from iars_node.vault.vault import context

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iars_node.work import Work
    from iars_protocol.record import Record

UNASSIGNED = Assignment()
LONGEST_EXTERNAL_NUMBER = 100
FILE_SCOPE = "file"
"""Under this name, beside the scopes, stands the key of a case's own file number."""

_TRIES = 40


def open_case(  # noqa: PLR0913 - a case begins with this many things, all by name
    work: Work,
    *,
    country: str,
    record: Record | None = None,
    external_number: str | None = None,
    person_id: str | None = None,
    stage: str = "identified",
    assignment: Assignment = UNASSIGNED,
    training: bool = False,
) -> Case:
    """Open a case for a new person, or for a known one when `person_id` is given."""
    require(work.actor, "case.open")
    check_code("stage", stage, STAGES)
    case = _begin(work, person_id, stage, assignment, training=training)
    if external_number:
        set_external_number(work, case.id, external_number)
    if record:
        write_record(work, case.id, record, country=country)
    return case_to_change(work, case.id)


def open_received_case(
    work: Work,
    *,
    person_id: str | None = None,
    stage: str = "identified",
    assignment: Assignment = UNASSIGNED,
    training: bool = False,
) -> Case:
    """Open the case that a received referral needs. The referral's own rules decided that it may."""
    check_code("stage", stage, STAGES)
    return _begin(work, person_id, stage, assignment, training=training)


def set_external_number(work: Work, case_id: str, number: str) -> None:
    """Give a case the organisation's own file number: unique here, and found again by it."""
    number = checked_external_number(number)
    blind = words.external_number_blind(work.vault, number)
    holder = heads.find_by_external_numbers(work.connection, [blind]).get(blind)
    if holder not in (None, case_id):
        raise ConflictError("Another case has this file number.")
    key_id = key_for(work.connection, work.vault, contents.OWNER, case_id, FILE_SCOPE, "own")
    sealed = work.vault.seal(key_id, number.encode(), external_number_context(case_id))
    heads.set_external_number(work.connection, case_id, (blind, key_id, sealed))


def external_number(work: Work, case_id: str) -> str | None:
    """Return a case's own file number."""
    return external_numbers(work, [case_id]).get(case_id)


def external_numbers(work: Work, case_ids: Sequence[str]) -> dict[str, str]:
    """Return the own file numbers of those cases that have one."""
    found = heads.sealed_external_numbers(work.connection, case_ids)
    pieces = [(key_id, sealed, external_number_context(case_id)) for case_id, key_id, sealed in found]
    opened = work.vault.open_many(pieces)
    return {
        case_id: number.decode()
        for (case_id, _key_id, _sealed), number in zip(found, opened, strict=True)
        if number is not None
    }


def checked_external_number(number: str) -> str:
    """Return the file number without spaces around it, or refuse it."""
    number = number.strip()
    if not 0 < len(number) <= LONGEST_EXTERNAL_NUMBER or not number.isprintable():
        accepted = f"accepted: 1 to {LONGEST_EXTERNAL_NUMBER} characters"
        raise InvalidError("The file number can't be used as it is.", {"external_number": accepted})
    return number


def external_number_context(case_id: str) -> bytes:
    """Return the place that a sealed file number is bound to."""
    return context("case_file", "external_number_sealed", case_id)


def new_references(work: Work, count: int) -> Sequence[str]:
    """Return references that no case here has."""
    found: set[str] = set()
    for attempt in range(_TRIES):
        drawn = {reference.draw(attempt) for _ in range(count - len(found))}
        found |= drawn - heads.taken_references(work.connection, drawn)
        if len(found) == count:
            return list(found)
    raise ConflictError("No free reference was found; try again.")


def new_case(  # noqa: PLR0913 - a head's parts
    work: Work, person_id: str, ref: str, stage: str, assignment: Assignment, *, training: bool
) -> Case:
    """Return the head of a case that begins now."""
    if work.assignment.is_on and work.actor.kind == "account" and assignment == UNASSIGNED:
        # Nobody was named for it: who opens it goes on with it, and what they wrote must not shut on them.
        assignment = Assignment(assigned_to=work.actor.id)
    return Case(
        id=new_id(),
        person_id=person_id,
        reference=ref,
        state="open",
        stage=stage,
        closure_reason=None,
        opened_at=work.now,
        updated_at=work.now,
        site_id=assignment.site_id,
        team_id=assignment.team_id,
        assigned_to=assignment.assigned_to,
        version=1,
        training=training,
    )


def _begin(work: Work, person_id: str | None, stage: str, assignment: Assignment, *, training: bool) -> Case:
    if person_id is None:
        person_id = new_id()
        persons.insert_persons(work.connection, [person_id], work.now)
    elif not persons.exists(work.connection, person_id):
        raise NotFoundError("There is no such person.")
    case = new_case(work, person_id, new_references(work, 1)[0], stage, assignment, training=training)
    heads.insert_cases(work.connection, [case])
    audit.record(work, "case.opened", case_id=case.id, subject=person_id)
    return case
