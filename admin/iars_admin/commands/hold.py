"""`iars hold`: keeping a case from being erased, for a reason and a time."""

from datetime import UTC, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from iars_admin.command import command, group
from iars_admin.naming import find_case
from iars_admin.session import Session
from iars_node.holds import service as holds
from iars_node.holds.model import GROUNDS, Hold

COLUMNS = {
    "id": "Hold",
    "case_id": "Case",
    "scopes": "Scopes",
    "ground": "Ground",
    "reason": "Why",
    "set_at": "Since",
    "ends_at": "Until",
    "lifted_at": "Lifted",
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    hold = group(app, "hold", "Legal holds: nothing erases what they keep until their end.")
    usual = "iars hold set K-4F7Q --ground judicial-order --until 2027-12-31 --reason 'Order 12/26'"
    command(hold, "set", examples=(usual,))(set_hold)
    command(hold, "lift", examples=("iars hold lift 5f0c...",))(lift)
    command(hold, "list", examples=("iars hold list", "iars hold list K-4F7Q"))(list_holds)


def set_hold(
    session: Session,
    case: Annotated[str, typer.Argument(help="The case's reference, file number or id.")],
    ground: Annotated[str, typer.Option(help=f"On which ground: {', '.join(GROUNDS)}.")],
    until: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The last day.")],
    reason: Annotated[str, typer.Option(help="Why, in a sentence; it is sealed with the case.")],
    scope: Annotated[list[str] | None, typer.Option(help="Only this part. Can be repeated.")] = None,
) -> None:
    """Keep a case, or parts of it, from being erased by rules of retention or by the end of an agreement."""
    midnight = datetime.combine(until.date() + timedelta(days=1), time(), ZoneInfo(session.settings.zone))
    with session.work("hold.manage") as work:
        found = find_case(work, case)
        made = holds.set_hold(
            work, found.id, ground=ground, reason=reason, until=midnight.astimezone(UTC), scopes=scope or ()
        )
    session.screen.done(f"Nothing of {found.reference} is erased until {until.date()}.", _entry(made))


def lift(session: Session, hold: Annotated[str, typer.Argument(help="The hold's id.")]) -> None:
    """Lift a hold before its end."""
    with session.work("hold.manage") as work:
        lifted = holds.lift_hold(work, hold)
    session.screen.done("The hold is lifted.", {"id": lifted.id})


def list_holds(
    session: Session,
    case: Annotated[str, typer.Argument(help="Only this case's, those that are over as well.")] = "",
) -> None:
    """List the holds that count now, or every one of a case."""
    with session.work("retention.read") as work:
        found = holds.holds_of_case(work, find_case(work, case).id) if case else holds.standing_holds(work)
        entries = [_entry(each) for each in found]
    session.screen.show_list(entries, COLUMNS, none="There is no hold.")


def _entry(hold: Hold) -> dict[str, object]:
    return {name: getattr(hold, name) for name in COLUMNS}
