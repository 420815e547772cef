"""Noting that a command refused the account that gave it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node.accounts.refusals import note_refusal, refusal_of
from iars_node.cases import service as cases
from iars_node.errors import NodeError
from iars_node.referrals import service as referrals
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iars_admin.session import Session
    from iars_node.errors import ForbiddenError
    from iars_node.work import Work

_BY_REFERENCE = {
    "K-": lambda work, text: cases.case_by_reference(work, text).id,
    "R-": lambda work, text: referrals.find(work, text).id,
}


def note(session: Session, error: ForbiddenError, command: str, given: Mapping[str, object]) -> None:
    """Record who was refused, by which command and about which record.

    Of what was typed, ids and references are kept, as ids: anything else may be somebody's name.
    """
    with session.node.works.read(SYSTEM) as work:
        named = {f"{name}_id": _id_of(work, str(value)) for name, value in given.items()}
    # Without the name that the program itself happens to have.
    route = ":".join(("iars", *command.split()[1:]))
    note_refusal(session.node.works, session.actor, refusal_of(error, route, "", named))


def _id_of(work: Work, typed: str) -> str:
    text = typed.strip()
    find = _BY_REFERENCE.get(text[:2].upper())
    if find is None:
        return text
    try:
        return find(work, text.upper())
    except NodeError:
        return ""
