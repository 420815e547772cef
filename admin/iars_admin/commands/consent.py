"""`iars consent`: what people agreed to, from the first question to its end."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from iars_admin import agreeing, lasting
from iars_admin.agreeing import described, with_options
from iars_admin.command import command, group
from iars_admin.commands.sharing import add_to_consent
from iars_admin.founding import write_new_file
from iars_admin.naming import find_case
from iars_admin.passphrases import is_attended
from iars_admin.session import Session
from iars_admin.showing import counted
from iars_node.consent import changing, export
from iars_node.consent import service as consents
from iars_node.consent.model import Consent, Terms
from iars_node.consent.paper import print_receipt
from iars_node.peers import service as peers
from iars_node.web.receipts import make_receipt
from iars_node.withdrawals import service as withdrawals
from iars_node.withdrawals.model import Part
from iars_node.work import Work

CaseArgument = Annotated[str, typer.Argument(help="The case's reference, file number or id.")]
ConsentArgument = Annotated[
    str, typer.Argument(help="The consent's id, or the number on the person's paper.")
]

AGREED = "--to mission --purpose assistance --scope services --scope identity --scope medical"
GIVE_EXAMPLE = (
    f"iars consent give K-4F7Q {AGREED} --withhold identity.document_number --feedback medical "
    "--notice-language ro"
)
COLUMNS = {
    "id": "Consent",
    "state": "State",
    "given_at": "Given",
    "expires": "Until",
    "purposes": "Purposes",
    "scope_codes": "Scopes",
}
LABELS = {
    "id": "Consent",
    "number": "Number on the paper",
    "state": "State",
    "version": "Version",
    "replaces": "Replaces",
    "case_reference": "Case",
    "given_at": "Given",
    "ended_at": "Ended",
    "expires": "Until",
    "purposes": "Purposes",
    "recipient_names": "Recipients",
    "scope_codes": "Scopes",
    "feedback": "May be told back",
    "withheld": "Withheld",
    "how_obtained": "Obtained",
    "from_whom": "From",
    "assent": "The child",
    "notice_language": "Notice read in",
    "notice": "Text read out",
    "with_interpreter": "With interpreter",
    "interpreter": "Interpreter",
    "with_witness": "Before a witness",
    "witness": "Witness",
    "guardian": "Who consented for them",
    "best_interests": "Best interests",
    "evidence": "Scan or recording",
    "paper": "Where the paper is",
    "onward": "Onward sharing",
    "retention_days": "Kept for (days)",
    "reasons": "In the person's words",
}
STEP_COLUMNS = {"at": "When", "step": "Step", "by": "By", "state_after": "Then", "actor": "Entered by"}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    consent = group(app, "consent", "What people agreed to: which scopes, to whom, for what, until when.")
    command(consent, "request", examples=(f"iars consent request K-4F7Q {AGREED} --notice-language ro",))(
        request
    )
    command(consent, "refuse", examples=("iars consent refuse 5f0c...",))(refuse)
    command(consent, "give", examples=(GIVE_EXAMPLE,))(give)
    command(consent, "renew", examples=("iars consent renew 5f0c... --notice-language ro --days 90",))(renew)
    command(consent, "narrow", examples=("iars consent narrow 5F0C-7F6C-1E0B --without-scope medical",))(
        narrow
    )
    command(consent, "invalidate", examples=("iars consent invalidate 5f0c... --reason not-understood",))(
        invalidate
    )
    command(consent, "list", examples=("iars consent list K-4F7Q",))(list_consents)
    command(consent, "show", examples=("iars consent show 5f0c...",))(show)
    command(consent, "export", examples=("iars consent export 5f0c... record.json",))(export_consent)
    command(consent, "schema", examples=("iars consent schema > consent-record.schema.json",))(show_schema)
    command(consent, "receipt", examples=("iars consent receipt 5f0c... paper.pdf --discreet",))(receipt)
    some = "iars consent withdraw 5f0c... --scope medical --to mission"
    command(consent, "withdraw", examples=("iars consent withdraw 5f0c...", some))(withdraw)
    add_to_consent(consent)


@with_options(agreeing.AGREED, agreeing.OBTAINED)
def request(session: Session, case: CaseArgument, **given: Any) -> None:  # noqa: ANN401 - a table of options
    """Record that a person has been asked and wants time to answer. It permits nothing."""
    with session.work("consent.record") as work:
        found = find_case(work, case)
        asked = changing.request_consent(work, found.id, agreeing.read_terms(session, work, given))
        entry = described(work, asked)
    session.screen.done(f"Recorded what {found.reference} was asked: {asked.id}.", entry)


def refuse(session: Session, consent: ConsentArgument) -> None:
    """Record that a person said no to what they were asked."""
    with session.work("consent.record") as work:
        refused = changing.refuse_requested(work, consents.find_by_number(work, consent).id)
        entry = described(work, refused)
    session.screen.done("Recorded: the person refused. Nothing leaves under it.", entry)


@with_options(agreeing.AGREED, agreeing.OBTAINED)
def give(
    session: Session,
    case: CaseArgument,
    asked: Annotated[str, typer.Option(help="The request that the person answers with this.")] = "",
    **given: Any,  # noqa: ANN401 - a table of options
) -> None:
    """Record that a person gave consent. Only what is named here ever leaves."""
    with session.work("consent.record") as work:
        terms = agreeing.read_terms(session, work, given)
        found = find_case(work, case)
        if asked:
            agreed = changing.give_requested(work, consents.find_by_number(work, asked).id, terms)
        else:
            agreed = consents.give_consent(work, found.id, terms)
        entry = described(work, agreed)
    session.screen.done(f"Recorded consent {agreed.id} for {found.reference}.", entry)


@with_options(agreeing.LESS, agreeing.OBTAINED)
def renew(session: Session, consent: ConsentArgument, **given: Any) -> None:  # noqa: ANN401 - a table of options
    """Record that a person agreed again, to the same or to less, for a new time."""
    with session.work("consent.record") as work:
        older = consents.find_by_number(work, consent)
        terms = agreeing.renewed_terms(session, work, older.terms, given)
        newer = changing.renew_consent(work, older.id, terms)
        still = lasting.outlived_entries(work, newer)
        entry = described(work, newer) | {"outlived": still}
    session.screen.done(f"Recorded consent {newer.id}; it takes the place of {older.id}.", entry)
    if not session.choice.as_json:
        lasting.show_outlived(session.screen, still)


@with_options(agreeing.LESS)
def narrow(
    session: Session,
    consent: ConsentArgument,
    until: agreeing.UntilOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask after saying what is taken back.")] = False,
    **given: Any,  # noqa: ANN401 - a table of options
) -> None:
    """Record that a person takes something out. It counts at once, for open referrals too.

    In a terminal it says first what is taken back from whom: a part of the record goes whole where a detail
    of it was sent that the person takes out.
    """

    def lessened(work: Work) -> tuple[Consent, Terms]:
        older = consents.find_by_number(work, consent)
        terms = agreeing.lessened_terms(work, older.terms, given)
        if until is not None:
            terms = agreeing.ending(terms, agreeing.read_end(session, work, 0, until))
        return older, terms

    if not yes and is_attended() and not session.choice.as_json:
        with session.work("consent.withdraw") as work:
            older, terms = lessened(work)
            lasting.show_foreseen(session.screen, work, withdrawals.foresee_narrowing(work, older.id, terms))
        typer.confirm("Record this?", abort=True)
    with session.work("consent.withdraw") as work:
        older, terms = lessened(work)
        newer = changing.narrow_consent(work, older.id, terms)
        entry = described(work, newer)
    session.screen.done(f"Recorded consent {newer.id}; it takes the place of {older.id}.", entry)


def invalidate(
    session: Session,
    consent: ConsentArgument,
    reason: Annotated[str, typer.Option(help=f"Why: {', '.join(changing.INVALIDATION_REASONS)}.")],
) -> None:
    """Record that a consent does not count, as you found. Nothing leaves under it from now on."""
    with session.work("consent.withdraw") as work:
        found = consents.find_by_number(work, consent)
        entry = described(work, changing.invalidate_consent(work, found.id, reason))
    session.screen.done("Recorded: the consent does not count.", entry)


def list_consents(session: Session, case: CaseArgument) -> None:
    """List a case's consents, the newest first."""
    with session.work("consent.read") as work:
        found = [described(work, one) for one in consents.of_case(work, find_case(work, case).id)]
    session.screen.show_list(found, COLUMNS, none="No consent is recorded for this case.")


def show(session: Session, consent: ConsentArgument) -> None:
    """Show what a person agreed to, and what became of it."""
    with session.work("consent.read") as work:
        found = consents.find_by_number(work, consent)
        still = lasting.outlived_entries(work, found)
        entry = described(work, found) | {"outlived": still}
        steps = [
            {name: getattr(step, name) for name in STEP_COLUMNS} for step in consents.history(work, found.id)
        ]
    if session.choice.as_json:
        session.screen.done("", entry | {"history": steps})
        return
    session.screen.show_one(entry, LABELS)
    lasting.show_outlived(session.screen, still)
    session.screen.heading("History")
    session.screen.show_list(steps, STEP_COLUMNS, none="None.")


def export_consent(
    session: Session,
    consent: ConsentArgument,
    file: Annotated[Path, typer.Argument(help="The file to write; it must not exist.")],
    words: Annotated[
        bool, typer.Option("--words", help="With what people said and are called, in the clear.")
    ] = False,
) -> None:
    """Write a consent's record as JSON, after ISO/IEC TS 27560. The export is recorded."""
    with session.work("consent.read") as work:
        found = consents.find_by_number(work, consent)
        record = export.export_record(work, found.id, with_words=words)
        write_new_file(file, (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode())
    session.screen.done(f"Wrote {file}.", {"file": str(file), "record": record["record_id"]})


def show_schema(session: Session) -> None:
    """Print the JSON Schema of exported records."""
    del session
    sys.stdout.write(json.dumps(export.schema(), indent=2, ensure_ascii=False) + "\n")


def receipt(
    session: Session,
    consent: ConsentArgument,
    file: Annotated[Path, typer.Argument(help="The PDF to write; it must not exist.")],
    discreet: Annotated[
        bool, typer.Option("--discreet", help="Name no service, no kind of organisation and no organisation.")
    ] = False,
) -> None:
    """Write the paper that a person takes along, in the language in which the notice was read."""
    with session.work("consent.read") as work:
        found = consents.find_by_number(work, consent)
        made = make_receipt(work, found, ZoneInfo(session.settings.zone), discreet=discreet)
        write_new_file(file, print_receipt(made))
    session.screen.done(f"Wrote {file}.", {"file": str(file), "number": made.number})


def withdraw(
    session: Session,
    consent: Annotated[
        list[str],
        typer.Argument(help="The consent's id, or the number on the person's paper. Several can be named."),
    ],
    scope: Annotated[list[str] | None, typer.Option(help="Only this part. Can be repeated.")] = None,
    purpose: Annotated[list[str] | None, typer.Option(help="Only for this. Can be repeated.")] = None,
    to: Annotated[
        list[str] | None, typer.Option(help="Only from this organisation. Can be repeated.")
    ] = None,
    by_other: Annotated[
        bool, typer.Option("--by-other", help="Not the person withdraws: somebody else revokes.")
    ] = False,
) -> None:
    """End a consent at once and tell every organisation that received something. No reason is asked."""
    with session.work("consent.withdraw") as work:
        recipients = tuple(peers.resolve(work, text).node_text for text in to or [])
        part = Part(tuple(scope or ()), tuple(purpose or ()), recipients)
        named = [consents.find_by_number(work, each).id for each in consent]
        notices = withdrawals.withdraw(work, named, part, by="other" if by_other else "person")
        told = [{"id": each.id, "node": each.peer.hex(), "deadline_at": each.deadline_at} for each in notices]
    session.screen.done(
        f"Withdrawn. {counted(len(told), 'organisation is', 'organisations are')} told; "
        "`iars erasure asked CASE` shows their answers.",
        {"told": told},
    )
