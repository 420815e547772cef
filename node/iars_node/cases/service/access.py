"""What an actor may do and read of cases: the one place where this slice asks the roles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node.accounts.access import readable_scopes, require
from iars_node.cases.checks import check_scope
from iars_node.cases.service.assignment import refuse_shut
from iars_node.cases.store import heads
from iars_node.errors import ForbiddenError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iars_node.cases.model import Case
    from iars_node.work import Work


def require_scopes(work: Work, action: str, scopes: Iterable[str], case_id: str = "") -> None:
    """Refuse an actor that may not take the action, or may not read one of the scopes, or not of a case."""
    require(work.actor, action)
    wanted = set(scopes)
    missing = wanted - readable_scopes(work.actor)
    if missing:
        raise ForbiddenError(f"This account may not see: {', '.join(sorted(missing))}.")
    if case_id and work.assignment.is_on:
        refuse_shut(work, case_at(work, case_id), wanted)


def scopes_to_read(work: Work, wanted: Iterable[str] | None) -> frozenset[str]:
    """Return the wanted scopes that the actor may read; the others are left out without a word."""
    readable = readable_scopes(work.actor)
    if wanted is None:
        return readable
    asked = frozenset(wanted)
    for scope in asked:
        check_scope(scope)
    return readable & asked


def case_at(work: Work, case_id: str) -> Case:
    """Return a case's head."""
    return _found(heads.find_case(work.connection, case_id))


def case_to_change(work: Work, case_id: str) -> Case:
    """Return a case's head and keep other writers of the case waiting."""
    return _found(heads.find_case(work.connection, case_id, for_update=True))


def _found(case: Case | None) -> Case:
    if case is None:
        raise NotFoundError("There is no such case.")
    return case
