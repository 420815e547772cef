"""`iars consent matrix` and its neighbours: who holds what, who may pass a person on; `iars handover`."""

from datetime import UTC, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from iars_admin import sharing
from iars_admin.command import command, group
from iars_admin.naming import find_case
from iars_admin.session import Session
from iars_admin.withdrawing import names_of
from iars_node.consent import onward
from iars_node.consent import service as consents
from iars_node.consent.onward_model import Ceilings
from iars_node.peers import service as peers
from iars_node.withdrawals import service as withdrawals

CaseArgument = Annotated[str, typer.Argument(help="The case's reference, file number or id.")]
ConsentArgument = Annotated[
    str, typer.Argument(help="The consent's id, or the number on the person's paper.")
]
Several = Annotated[list[str] | None, typer.Option(help="Only this. Can be repeated.")]


def add_to_consent(consent: typer.Typer) -> None:
    """Add the commands about sharing to those about consents."""
    command(consent, "matrix", examples=("iars consent matrix K-4F7Q",))(matrix)
    command(consent, "permissions", examples=("iars consent permissions K-4F7Q",))(permissions)
    some = "iars consent permit-onward 5f0c... --to mission --scope services --kind NGO"
    command(consent, "permit-onward", examples=("iars consent permit-onward 5f0c... --to mission", some))(
        permit_onward
    )
    command(consent, "withdraw-onward", examples=("iars consent withdraw-onward 9d1e...",))(withdraw_onward)


def register(app: typer.Typer) -> None:
    """Add the commands about handovers."""
    handover = group(app, "handover", "Cases that another organisation has taken over from here.")
    command(handover, "show", examples=("iars handover show K-4F7Q",))(show)
    kept = "iars handover keep K-4F7Q --scope identity --ground legal-obligation --until 2031-12-31"
    command(handover, "keep", examples=(kept,))(keep)
    command(handover, "rules", examples=("iars handover rules",))(rules)


def matrix(session: Session, case: CaseArgument) -> None:
    """Show who holds what of a case: since when, under which consent, until when, what became of it."""
    with session.work("consent.read") as work:
        names = names_of(work)
        found = withdrawals.matrix_of_case(work, find_case(work, case).id)
        entries = [entry for row in found.rows for entry in sharing.matrix_entries(row, names)]
    session.screen.show_list(entries, sharing.MATRIX_COLUMNS, none="Nothing of this case was shared.")


def permissions(session: Session, case: CaseArgument) -> None:
    """List who may pass a person on, and under whose permission they came here."""
    with session.work("consent.read") as work:
        names = names_of(work)
        found = onward.permissions_of_case(work, find_case(work, case).id)
        entries = [sharing.permission_entry(kept, names) for kept in found]
    session.screen.show_list(entries, sharing.PERMISSION_COLUMNS, none="There is no permission.")


def permit_onward(
    session: Session,
    consent: ConsentArgument,
    to: Annotated[str, typer.Option(help="Who may pass the person on.")],
    scope: Several = None,
    purpose: Several = None,
    recipient: Several = None,
    kind: Several = None,
) -> None:
    """Allow an organisation to pass a person on, as far as the person agreed."""
    with session.work("consent.record") as work:
        found = consents.find_by_number(work, consent)
        nodes = tuple(peers.resolve(work, text).node_text for text in recipient or [])
        wanted = Ceilings(tuple(scope or ()), tuple(purpose or ()), nodes, tuple(kind or ()))
        holder = peers.resolve(work, to)
        entry = sharing.permission_entry(onward.permit_onward(work, found.id, holder, wanted), names_of(work))
    session.screen.done(f"{holder.name()} may pass the person on; it is told.", entry)


def withdraw_onward(
    session: Session, permission: Annotated[str, typer.Argument(help="The permission's id.")]
) -> None:
    """End a permission to pass a person on. What was passed on under it ends too. No reason is asked."""
    with session.work("consent.withdraw") as work:
        notice = withdrawals.withdraw_onward(work, permission)
    session.screen.done(
        "Withdrawn. The organisation is told, and those to which it passed the person on.", {"id": notice.id}
    )


def show(session: Session, case: CaseArgument) -> None:
    """Show to whom a case was handed over, and what of it is still here until when."""
    with session.work("consent.read") as work:
        found = withdrawals.handed_over(work, find_case(work, case).id)
        entry = None if found is None else sharing.handover_entry(found, names_of(work))
    if entry is None:
        session.screen.done("This case was not handed over from here.", {})
    elif session.choice.as_json:
        session.screen.done("", entry)
    else:
        session.screen.show_one(entry, sharing.HANDOVER_LABELS)


def keep(
    session: Session,
    case: CaseArgument,
    scope: Annotated[list[str], typer.Option(help="What is kept. Can be repeated.")],
    ground: Annotated[str, typer.Option(help=f"Why: {', '.join(withdrawals.GROUNDS)}.")],
    until: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The last day.")],
) -> None:
    """Keep a part of a case that was handed over, because a law requires it."""
    midnight = datetime.combine(until.date() + timedelta(days=1), time(), ZoneInfo(session.settings.zone))
    with session.work("erasure.decide") as work:
        found = withdrawals.keep_after_handover(
            work, find_case(work, case).id, scope, ground, midnight.astimezone(UTC)
        )
        entry = sharing.handover_entry(found, names_of(work))
    session.screen.done(f"Kept until {until.date()}; the rest is erased after the hold.", entry)


def rules(session: Session) -> None:
    """Say what each side of a handover keeps and may not keep."""
    sharing.show_rules(session.screen)
