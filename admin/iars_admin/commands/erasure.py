"""`iars erasure`: what others state about what they erased, and what waits to be erased here."""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from iars_admin import withdrawing
from iars_admin.command import command, group
from iars_admin.naming import find_case
from iars_admin.session import Session
from iars_node.peers import service as peers
from iars_node.withdrawals import service as withdrawals

CaseArgument = Annotated[str, typer.Argument(help="The case's reference, file number or id.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    erasure = group(app, "erasure", "What became of what was shared, and what waits to be erased here.")
    command(erasure, "asked", examples=("iars erasure asked K-4F7Q",))(asked)
    command(erasure, "show", examples=("iars erasure show 5f0c...",))(show)
    command(erasure, "prove", examples=("iars erasure prove 5f0c... --into proofs",))(prove)
    command(erasure, "list", examples=("iars erasure list",))(list_endings)
    kept = "iars erasure retain 5f0c... --scope medical --ground legal-obligation --until 2031-12-31"
    command(erasure, "retain", examples=(kept,))(retain)
    command(erasure, "confirm", examples=("iars erasure confirm mission",))(confirm)
    command(erasure, "confirm-clock", examples=("iars erasure confirm-clock",))(confirm_clock)


def asked(session: Session, case: CaseArgument) -> None:
    """List whom the end of a case's consents was told, and what each has answered."""
    with session.work("consent.read") as work:
        names = withdrawing.names_of(work)
        found = withdrawals.asked_of_case(work, find_case(work, case).id)
        entries = [withdrawing.asked_entry(one, names) for one in found]
    session.screen.show_list(entries, withdrawing.ASKED_COLUMNS, none="Nothing was withdrawn.")


def show(session: Session, withdrawal: Annotated[str, typer.Argument(help="The withdrawal's id.")]) -> None:
    """Show what an organisation states about one withdrawal, to be printed or kept.

    It is that organisation's own statement: signed by it, dated by it, and kept here as it came.
    """
    with session.work("consent.read") as work:
        entry = withdrawing.asked_entry(withdrawals.find_asked(work, withdrawal), withdrawing.names_of(work))
    if session.choice.as_json:
        session.screen.done("", entry)
        return
    session.screen.show_one(entry, withdrawing.ASKED_COLUMNS)
    for report in entry["reports"]:  # type: ignore[attr-defined]  # a list of entries
        session.screen.heading(f"Statement of {report['organisation']}")
        session.screen.show_list(
            report["outcomes"], withdrawing.OUTCOME_COLUMNS, none="They state that they held nothing of it."
        )
        session.screen.say(
            f"Their signed message is {report['message'].hex()}, leaf {report['leaf'].hex()} of their log."
        )
        session.screen.say(_proof_line(report))


def _proof_line(report: Mapping[str, Any]) -> str:
    proof, organisation = report["proof"], report["organisation"]
    if proof is None:
        return f"{organisation} has not proved yet that this stands in its log."
    cosigned = ", ".join(proof["cosigned_by"]) or "nobody whom this node knows"
    return f"Proved in the log of {organisation}, checkpoint {proof['checkpoint']}, cosigned by {cosigned}."


def prove(
    session: Session,
    withdrawal: Annotated[str, typer.Argument(help="The withdrawal's id.")],
    into: Annotated[Path, typer.Option(help="The folder for the files.", file_okay=False)] = Path(),
) -> None:
    """Write the proofs that an organisation's statements stand in its log, to be verified anywhere.

    Each is a bundle: `iars audit verify FILE` needs nothing else.
    """
    written = []
    into.mkdir(parents=True, exist_ok=True)
    with session.work("consent.read") as work:
        found = withdrawals.find_asked(work, withdrawal)
        for report in found.reports:
            if report.message in found.proofs:
                path = into / f"{withdrawal}-{report.message.hex()[:8]}.proof"
                path.write_bytes(
                    b"".join(withdrawals.proof_lines(work, report, found.proofs[report.message]))
                )
                written.append(str(path))
    said = f"{len(written)} of {len(found.reports)} statements are proved; the proofs are in {into}."
    session.screen.done(said, {"files": written})


def list_endings(session: Session) -> None:
    """List what has ended here: locked, and destroyed after its hold."""
    with session.work("consent.read") as work:
        names = withdrawing.names_of(work)
        entries = [withdrawing.ending_entry(held, names) for held in withdrawals.list_endings(work)]
    session.screen.show_list(entries, withdrawing.ENDING_COLUMNS, none="Nothing has ended here.")


def retain(
    session: Session,
    ending: Annotated[str, typer.Argument(help="The ending's id.")],
    scope: Annotated[list[str], typer.Option(help="What is kept. Can be repeated.")],
    ground: Annotated[str, typer.Option(help=f"Why: {', '.join(withdrawals.GROUNDS)}.")],
    until: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The last day.")],
) -> None:
    """Keep something on a declared legal ground although its consent has ended; the origin is told."""
    midnight = datetime.combine(until.date() + timedelta(days=1), time(), ZoneInfo(session.settings.zone))
    with session.work("erasure.decide") as work:
        withdrawals.retain(work, ending, scope, ground, midnight.astimezone(UTC))
        held = withdrawing.ending_entry(withdrawals.find_ending(work, ending), withdrawing.names_of(work))
    session.screen.done(f"Kept until {until.date()}; the origin is told with the next report.", held)


def confirm(
    session: Session, peer: Annotated[str, typer.Argument(help="The organisation, by name or node id.")]
) -> None:
    """Let be destroyed what an organisation withdrew in unusual number: you have asked it."""
    with session.work("node.manage") as work:
        found = peers.resolve(work, peer)
        count = withdrawals.confirm_withdrawals(work, found.node_id)
    session.screen.done(f"Confirmed {count} withdrawals of {found.name()}.", {"confirmed": count})


def confirm_clock(session: Session) -> None:
    """Say that this machine's clock is right: what waited for it is destroyed when it is due."""
    with session.work("node.manage") as work:
        revived = withdrawals.confirm_clock(work)
    session.screen.done(
        f"The clock is taken as right. {revived} grants that only a wrong clock had ended run again.",
        {"revived": revived},
    )
