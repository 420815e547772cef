"""`iars doctor`: is everything as it should be?"""

from dataclasses import asdict
from typing import Annotated

import typer

from iars_admin.checks import LOCAL_CHECKS, Finding
from iars_admin.command import FAILED, command
from iars_admin.mail_checks import check_mail
from iars_admin.peer_checks import check_clock_by_receipts, check_peers, peers_to_ask
from iars_admin.session import Session

COLUMNS = {"check": "What", "outcome": "Outcome", "said": "Found", "advice": "What to do"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "doctor", examples=("iars doctor", "iars doctor --offline --json"))(doctor)


def doctor(
    session: Session,
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask no other organisation, nor the mail server.")
    ] = False,
) -> None:
    """Look at clock, disk, keys, cryptography, database, backups, other organisations and the mail server.

    The exit code is 1 when something failed; warnings alone leave it at 0.
    """
    node = session.node
    with session.work("node.read") as work:
        findings = [finding for check in LOCAL_CHECKS for finding in check(work, node)]
        findings += check_clock_by_receipts(work, node)
        others = [] if offline else peers_to_ask(work)
    findings += check_peers(node, others)
    findings += [] if offline else check_mail(node)
    session.screen.show_list([asdict(finding) for finding in findings], COLUMNS, none="")
    if _has_failed(findings):
        raise typer.Exit(FAILED)


def _has_failed(findings: list[Finding]) -> bool:
    return any(finding.outcome == "failed" for finding in findings)
