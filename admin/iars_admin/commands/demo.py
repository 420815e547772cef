"""`iars demo`: four organisations' nodes on this machine, and one journey between them."""

import sys
from typing import Annotated, Any

import typer

from iars_admin.command import FAILED, command
from iars_admin.session import Session


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "demo", examples=("iars demo", "iars demo --keep", "iars demo --json"))(demo)


def demo(
    session: Session,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the nodes running until Ctrl-C.")] = False,
) -> None:
    """Start four nodes on this machine, import a year of made-up cases, and play one person's journey.

    Ends with 0 only if both sides' histories agree and nothing that was withheld is known anywhere. With
    --folder everything stays in that folder; otherwise it is removed at the end. With --keep the nodes have
    lived through a year before, and everybody who works there can sign in.
    """
    # Imported late: no other command needs its stories.
    from iars_admin.demo.play import play  # noqa: PLC0415

    def tell(summary: dict[str, Any]) -> None:
        failed: list[str] = summary["failed"]
        session.screen.done(f"iars demo: {failed[0]}" if failed else "Everything held.", summary)
        # Whoever reads this waits for it while the nodes go on.
        sys.stdout.flush()

    silent = session.choice.as_json
    if play(folder=session.choice.folder, is_kept_running=keep, is_silent=silent, tell=tell):
        raise typer.Exit(FAILED)
