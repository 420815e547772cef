"""`iars retention`: how long what is kept after a case is closed."""

from dataclasses import asdict
from typing import Annotated

import typer

from iars_admin.command import command, group
from iars_admin.session import Session
from iars_node.retention import service as retention

ReasonOption = Annotated[
    str, typer.Option(help="Only for cases closed for this reason.", show_default="every other reason")
]
ScopeArgument = Annotated[str, typer.Argument(help="The part of the record.")]

COLUMNS = {
    "scope": "Scope",
    "closure_reason": "Closed because",
    "days": "Days",
    "set_at": "Since",
    "set_by": "By",
}
DUE = {
    "reference": "Case",
    "scope": "Scope",
    "closure_reason": "Closed because",
    "closed_at": "Closed",
    "due_at": "Due",
    "held_until": "Held until",
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group_ = group(app, "retention", "How long what was collected here is kept after a case is closed.")
    command(group_, "list", examples=("iars retention list",))(list_rules)
    set_examples = ("iars retention set medical 1825", "iars retention set identity 30 --reason duplicate")
    command(group_, "set", examples=set_examples)(set_rule)
    command(group_, "remove", examples=("iars retention remove medical",))(remove)
    command(group_, "preview", examples=("iars retention preview",))(preview)


def list_rules(session: Session) -> None:
    """List the rules. What has no rule is kept."""
    with session.work("retention.read") as work:
        found = [asdict(rule) for rule in retention.list_rules(work)]
    session.screen.show_list(found, COLUMNS, none="There is no rule: everything is kept.")


def set_rule(
    session: Session,
    scope: ScopeArgument,
    days: Annotated[int, typer.Argument(help="For how many days after closing it is kept.")],
    reason: ReasonOption = "",
) -> None:
    """Set a rule. It is applied every day; look at `iars retention preview` first. The change is recorded."""
    with session.work("retention.manage") as work:
        rule = retention.set_rule(work, scope, days, reason)
    session.screen.done(f"{scope} is kept for {days} days after closing.", asdict(rule))


def remove(session: Session, scope: ScopeArgument, reason: ReasonOption = "") -> None:
    """Remove a rule. The change is recorded."""
    with session.work("retention.manage") as work:
        retention.remove_rule(work, scope, reason)
    session.screen.done("The rule is removed.", {"scope": scope, "closure_reason": reason})


def preview(session: Session) -> None:
    """List what the rules would erase now, and what a legal hold keeps. Nothing is erased by this."""
    with session.work("retention.read") as work:
        found = [asdict(each) for each in retention.preview(work)]
    session.screen.show_list(found, DUE, none="Nothing would be erased now.")
