"""Whose case it is: where the node asks for it, what is sensitive is for those a case is assigned to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iars_node.accounts import store as account_store
from iars_node.accounts.access import may, readable_scopes
from iars_node.cases.store import heads, openings
from iars_node.errors import NotAssignedError, NotFoundError
from iars_protocol.record import SCOPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from iars_node.accounts.model import Account
    from iars_node.cases.model import Case
    from iars_node.work import Work

FROM_LEVEL = 3
"""The sensitivity from which on the rule of assignment counts; what is below is needed to find one's way."""


@dataclass(frozen=True, slots=True)
class Access:
    """What an actor reads of a case, what is shut because it is another's, and by which opening it is not."""

    scopes: frozenset[str]
    shut: frozenset[str] = frozenset()
    opening: str = ""


def access_to(work: Work, case: Case) -> Access:
    """Return what the actor may read of a case."""
    return accesses(work, [case])[case.id]


def accesses(work: Work, found: Sequence[Case]) -> dict[str, Access]:
    """Return what the actor may read of each of some cases."""
    readable = readable_scopes(work.actor)
    whole = Access(readable)
    if not work.assignment.is_on or may(work.actor, "case.read-any"):
        return dict.fromkeys((case.id for case in found), whole)
    account = _account(work)
    others = [case.id for case in found if not _is_assigned(account, case)]
    opened = openings.standing(work.connection, work.actor.id, others, work.now) if others and account else {}
    low = frozenset(scope for scope in readable if SCOPES[scope].level < FROM_LEVEL)
    limited = Access(low, readable - low)
    return {case.id: whole for case in found} | {
        case_id: Access(readable, opening=opened[case_id]) if case_id in opened else limited
        for case_id in others
    }


def readable_here(work: Work, case_id: str) -> frozenset[str]:
    """Return the scopes that the actor may read of a case; of no case yet, those of its roles."""
    if not case_id or not work.assignment.is_on:
        return readable_scopes(work.actor)
    found = heads.find_case(work.connection, case_id)
    if found is None:
        raise NotFoundError("There is no such case.")
    return access_to(work, found).scopes


def opening_under(work: Work, case_id: str) -> dict[str, str | int]:
    """Return what the event of a reading says of the opening that allows it; nothing where none is needed."""
    found = heads.find_case(work.connection, case_id) if case_id and work.assignment.is_on else None
    opening = "" if found is None else access_to(work, found).opening
    return {"opening": opening} if opening else {}


def refuse_shut(work: Work, case: Case, scopes: Iterable[str]) -> None:
    """Refuse scopes that are kept for those the case is assigned to, and say what to do."""
    if work.assignment.is_on and not access_to(work, case).shut.isdisjoint(scopes):
        raise NotAssignedError(
            f"The case {case.reference} is not assigned to you. If you must see it now, say why: "
            f"`iars case break-glass {case.reference}`, or “Look into it” on its page; or ask a coordinator "
            "to assign it.",
            case.id,
        )


def is_open_to(work: Work, case: Case) -> bool:
    """Say whether the actor may see what is behind a case's head, or must first say why."""
    return not access_to(work, case).shut


def require_open(work: Work, case: Case) -> None:
    """Refuse a case whose content is kept for those it is assigned to."""
    refuse_shut(work, case, SCOPES)


def _account(work: Work) -> Account | None:
    # A token has no team: it reads others' cases where it was given that action, or not at all.
    if work.actor.kind != "account":
        return None
    return account_store.account_by_id(work.connection, work.actor.id)


def _is_assigned(account: Account | None, case: Case) -> bool:
    if account is None:
        return False
    if case.team_id is not None and case.team_id in account.team_ids:
        return True
    # A team or a worker narrows a site: who only works in the same house is not meant.
    is_of_site = case.team_id is None and case.assigned_to is None and case.site_id in account.site_ids
    return case.assigned_to == account.id or is_of_site
