"""`iars exception`: disclosures that rest on no consent, each with an author, an approver and an end."""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from iars_admin import agreeing
from iars_admin.command import command, group
from iars_admin.naming import find_case
from iars_admin.passphrases import read_line
from iars_admin.session import Session
from iars_node.consent import exceptions
from iars_node.consent.exception import KINDS, KeptException, NewException
from iars_node.peers import service as peers
from iars_node.work import Work

CaseArgument = Annotated[str, typer.Argument(help="The case's reference, file number or id.")]
ExceptionArgument = Annotated[str, typer.Argument(help="The exception's id.")]

RECORD_EXAMPLE = (
    "iars exception record K-4F7Q --kind vital-interest --to mission --purpose assistance "
    "--scope services --scope medical=conditions,medication --reason-file why.txt --emergency"
)
COLUMNS = {
    "id": "Exception",
    "kind": "Ground",
    "state": "State",
    "recipient_name": "To",
    "scope_codes": "Scopes",
    "recorded_at": "Recorded",
    "decide_by": "Decide by",
}
LABELS = {
    **COLUMNS,
    "is_emergency": "Emergency",
    "fields": "What may leave",
    "purposes": "Purposes",
    "reason": "Why",
    "author": "Author",
    "decided_by": "Decided by",
    "decided_at": "Decided",
    "review_at": "Review",
    "expires": "Until",
    "tell_after": "Tell the person after",
    "told_at": "Person told",
}
COUNT_COLUMNS = {"kind": "Ground", "state": "State", "count": "How many"}
DAY = typer.Option(formats=["%Y-%m-%d"])


def register(app: typer.Typer) -> None:
    """Add the commands."""
    exception = group(app, "exception", "Disclosures without consent: on which ground, by whom, until when.")
    command(exception, "record", examples=(RECORD_EXAMPLE,))(record)
    command(exception, "approve", examples=("iars exception approve 5f0c... --as drita",))(approve)
    command(exception, "refuse", examples=("iars exception refuse 5f0c... --as drita",))(refuse)
    command(exception, "list", examples=("iars exception list", "iars exception list K-4F7Q"))(
        list_exceptions
    )
    command(exception, "show", examples=("iars exception show 5f0c...",))(show)
    command(exception, "review", examples=("iars exception review 5f0c... --days 3",))(review)
    command(exception, "told", examples=("iars exception told 5f0c...",))(told)
    command(exception, "count", examples=("iars exception count --since 2026-01-01",))(count)


def record(
    session: Session,
    case: CaseArgument,
    kind: Annotated[str, typer.Option(help=f"The ground: {', '.join(KINDS)}.")],
    to: Annotated[str, typer.Option(help="The one organisation, by name or node id.")],
    purpose: agreeing.PurposeOption,
    scope: agreeing.ScopeOption,
    reason_file: Annotated[Path, typer.Option(help="A file that says why; it is kept sealed.")],
    days: agreeing.DaysOption = 7,
    review_days: Annotated[int, typer.Option(help="In how many days it is looked at again.", min=1)] = 2,
    feedback: agreeing.FeedbackOption = None,
    emergency: Annotated[
        bool, typer.Option("--emergency", help="It may go out before the approval, which must follow.")
    ] = False,
    tell_after_days: Annotated[
        int | None, typer.Option(help="In how many days to look whether the person can be told.", min=1)
    ] = None,
) -> None:
    """Write down that something is to leave without the person's consent. Another account must approve."""
    with session.work("consent.record-exception") as work:
        new = NewException(
            kind=kind,
            recipient=peers.resolve(work, to).node_text,
            purposes=tuple(purpose),
            scopes=tuple(agreeing.read_scope(entry) for entry in scope),
            expires=work.now + timedelta(days=days),
            review=work.now + timedelta(days=review_days),
            reason=read_line(reason_file),
            is_emergency=emergency,
            decide_within=timedelta(hours=session.settings.exception_approval_hours),
            tell_after=None if tell_after_days is None else work.now + timedelta(days=tell_after_days),
            feedback=tuple(feedback or ()),
        )
        kept = exceptions.record_exception(work, find_case(work, case).id, new)
        entry = described(work, kept)
    ahead = "It may go out now" if emergency else "Nothing leaves yet"
    session.screen.done(f"Recorded exception {kept.id}. {ahead}; another account must approve it.", entry)


def approve(session: Session, exception: ExceptionArgument) -> None:
    """Approve what somebody else wrote down. Who received something already is told."""
    with session.work("consent.approve-exception") as work:
        entry = described(work, exceptions.approve_exception(work, exception))
    session.screen.done("Approved.", entry)


def refuse(session: Session, exception: ExceptionArgument) -> None:
    """Refuse what somebody else wrote down. What went out ahead is to be locked there."""
    with session.work("consent.approve-exception") as work:
        entry = described(work, exceptions.refuse_exception(work, exception))
    session.screen.done("Not approved. Who received something is told to lock it.", entry)


def list_exceptions(
    session: Session,
    case: Annotated[str, typer.Argument(help="A case; without one, what you may decide.")] = "",
) -> None:
    """List a case's exceptions, or those of others that wait for your approval."""
    if case:
        with session.work("consent.read") as work:
            kept = exceptions.exceptions_of_case(work, find_case(work, case).id)
            found = [described(work, one) for one in kept]
    else:
        with session.work("consent.approve-exception") as work:
            found = [described(work, one) for one in exceptions.awaiting_approval(work, 100)]
    session.screen.show_list(found, COLUMNS, none="None.")


def show(session: Session, exception: ExceptionArgument) -> None:
    """Show an exception with its reason."""
    with session.work("consent.read") as work:
        session.screen.show_one(described(work, exceptions.get_exception(work, exception)), LABELS)


def review(
    session: Session,
    exception: ExceptionArgument,
    days: Annotated[int, typer.Option(help="In how many days to look next.", min=1)],
) -> None:
    """Record that you looked again and it has to go on. Without need it ends by itself."""
    with session.work("consent.record-exception") as work:
        next_review = work.now + timedelta(days=days)
        entry = described(work, exceptions.review_exception(work, exception, next_review))
    session.screen.done("Recorded: it was looked at again.", entry)


def told(session: Session, exception: ExceptionArgument) -> None:
    """Record that the person was told of what left without their consent."""
    with session.work("consent.record-exception") as work:
        entry = described(work, exceptions.note_told(work, exception))
    session.screen.done("Recorded: the person knows.", entry)


def count(
    session: Session,
    since: Annotated[datetime, DAY],
    until: Annotated[datetime | None, DAY] = None,
) -> None:
    """Count exceptions that were recorded in a time, by ground and state."""
    zone = ZoneInfo(session.settings.zone)
    with session.work("consent.read") as work:
        begin = datetime.combine(since.date(), time(), zone).astimezone(UTC)
        end = work.now + timedelta(seconds=1)
        if until is not None:
            end = datetime.combine(until.date() + timedelta(days=1), time(), zone).astimezone(UTC)
        found = exceptions.count_exceptions(work, begin, end)
    entries = [
        {"kind": kind, "state": state, "count": number} for (kind, state), number in sorted(found.items())
    ]
    session.screen.show_list(entries, COUNT_COLUMNS, none="No exception was recorded in this time.")


def described(work: Work, kept: KeptException) -> dict[str, object]:
    """Return an exception as it is shown."""
    terms = agreeing.described_terms(work, kept.terms)
    names = terms["recipient_names"]
    return {
        "id": kept.id,
        "case_id": kept.case_id,
        "kind": kept.kind,
        "state": kept.state_at(work.now),
        "is_emergency": kept.is_emergency,
        "recipient": kept.terms.recipients[0].node,
        "recipient_name": names[0] if isinstance(names, list) else "",
        "purposes": terms["purposes"],
        "scope_codes": terms["scope_codes"],
        "fields": [f"{one.code}={','.join(one.only)}" if one.only else one.code for one in kept.terms.scopes],
        "reason": kept.terms.reasons,
        "author": kept.author,
        "decided_by": kept.decided_by,
        "recorded_at": kept.recorded_at,
        "decide_by": kept.decide_by,
        "decided_at": kept.decided_at,
        "review_at": kept.review_at,
        "expires": kept.terms.expires,
        "tell_after": kept.tell_after,
        "told_at": kept.told_at,
    }
