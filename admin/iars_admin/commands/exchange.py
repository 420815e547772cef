"""`iars exchange`: what waits to be sent to other organisations."""

from typing import Annotated

import typer

from iars_admin.command import command, group
from iars_admin.reaching import fault_said
from iars_admin.session import Session
from iars_admin.showing import counted
from iars_node.errors import ConflictError
from iars_node.exchange.restoring import decide_without, is_restoring
from iars_node.exchange.waiting import Waiting, retry_now, waiting
from iars_node.peers import service as peers
from iars_node.work import Work

COLUMNS = {
    "peer_name": "Organisation",
    "pending": "Waiting",
    "parked": "Parked",
    "oldest_at": "Oldest",
    "failures": "Failures",
    "failing_since": "Unreachable since",
    "retry_at": "Next try",
    "last_error_text": "Last fault",
    "restoring": "Asked what was missed",
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    exchange = group(app, "exchange", "What waits to be sent to other organisations.")
    command(exchange, "status", examples=("iars exchange status",))(status)
    command(exchange, "retry", examples=("iars exchange retry mission",))(retry)
    command(exchange, "go-on", examples=("iars exchange go-on mission",))(go_on)


def status(session: Session) -> None:
    """Show what waits for each organisation, and what went wrong."""
    with session.work("node.read") as work:
        found = [_described(work, one) for one in waiting(work)]
    session.screen.show_list(found, COLUMNS, none="Nothing waits; everybody was reached.")


def retry(
    session: Session, peer: Annotated[str, typer.Argument(help="The beginning of its name or node id.")]
) -> None:
    """Try everything that waits for an organisation again at once, what was parked too."""
    with session.work("node.manage") as work:
        found = peers.resolve(work, peer)
        tried = retry_now(work, found.node_id)
    session.screen.done(
        f"{counted(tried, 'message')} for {found.name()} will be tried again now, by the running node.",
        {"peer": found.node_text, "lines": tried},
    )


def go_on(
    session: Session, peer: Annotated[str, typer.Argument(help="The beginning of its name or node id.")]
) -> None:
    """After a restore: go on without the answer of an organisation whose node is gone for good.

    What this node had sent to it since the backup stays unknown here.
    """
    with session.work("node.manage") as work:
        found = peers.resolve(work, peer)
        if not is_restoring(work, found.node_id):
            raise ConflictError("No answer is awaited from this organisation.")
        decide_without(work, found)
    session.screen.done(f"Its answer is no longer awaited: {found.name()}.", {"peer": found.node_text})


def _described(work: Work, one: Waiting) -> dict[str, object]:
    return {
        "peer": one.peer.hex(),
        "peer_name": peers.get(work, one.peer).name(),
        "pending": one.pending,
        "parked": one.parked,
        "oldest_at": one.oldest_at,
        "failures": one.failures,
        "failing_since": one.failing_since,
        "retry_at": one.retry_at,
        "last_error": one.last_error,
        "last_error_text": fault_said(one.last_error),
        "restoring": one.is_restoring,
    }
