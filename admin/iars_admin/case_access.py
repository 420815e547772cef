"""Closing and reopening cases, and looking into those of others."""

from typing import Annotated

import typer

from iars_admin.naming import find_case
from iars_admin.session import Session
from iars_node.cases import service as cases
from iars_node.cases.model import CLOSURE_REASONS, Opening

CaseArgument = Annotated[str, typer.Argument(help="Its reference (K-...), file number or id.")]

COLUMNS = {
    "id": "Look",
    "case_id": "Case",
    "account_id": "By",
    "opened_at": "From",
    "ends_at": "Until",
    "reason": "Why",
    "reviewed_at": "Looked at",
}


def close(
    session: Session,
    case: CaseArgument,
    reason: Annotated[str, typer.Option(help=f"Why: {', '.join(CLOSURE_REASONS)}.")],
) -> None:
    """Close a case. Its content stays as long as the rules of retention say."""
    with session.work("case.close") as work:
        closed = cases.close_case(work, find_case(work, case).id, reason)
    session.screen.done(
        f"Closed {closed.reference}.", {"reference": closed.reference, "closed_at": closed.closed_at}
    )


def reopen(
    session: Session,
    case: CaseArgument,
    stage: Annotated[str, typer.Option(help="At which stage it goes on.")] = "follow-up",
) -> None:
    """Reopen a closed case."""
    with session.work("case.close") as work:
        opened = cases.reopen_case(work, find_case(work, case).id, stage=stage)
    session.screen.done(
        f"Reopened {opened.reference}.", {"reference": opened.reference, "stage": opened.stage}
    )


def break_glass(
    session: Session,
    case: CaseArgument,
    reason: Annotated[str, typer.Option(help="Why you must see it now. Its owner and a supervisor read it.")],
) -> None:
    """Look into a case that is not assigned to you, for a time. Its owner and the supervisors are told."""
    with session.work("case.break-glass") as work:
        found = find_case(work, case)
        opened = cases.break_glass(work, found.id, reason)
    entry = _entry(opened)
    session.screen.done(f"{found.reference} is open to you; every reading of it is recorded.", entry)


def openings(session: Session, case: CaseArgument) -> None:
    """List who looked into a case that was not theirs, and why."""
    with session.work("case.read") as work:
        found = [_entry(each) for each in cases.openings_of_case(work, find_case(work, case).id)]
    session.screen.show_list(found, COLUMNS, none="Nobody else has looked into it.")


def reviewed(session: Session, opening: Annotated[str, typer.Argument(help="The look's id.")]) -> None:
    """Note that you have looked at why somebody looked into a case that was not theirs."""
    with session.work("case.read") as work:
        found = cases.review_opening(work, opening)
    session.screen.done("Noted.", {"id": found.id})


def _entry(opened: Opening) -> dict[str, object]:
    return {name: getattr(opened, name) for name in COLUMNS}
