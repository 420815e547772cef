"""`iars backup` and `iars restore`."""

from pathlib import Path
from typing import Annotated

import typer

from iars_admin.backing_up import back_up
from iars_admin.command import command
from iars_admin.manifest import check_files, read_manifest
from iars_admin.passphrases import passphrase_of
from iars_admin.restoring import restore, settings_in
from iars_admin.session import Session
from iars_node.settings import FILE_NAME

FolderArgument = Annotated[Path, typer.Argument(metavar="FOLDER", file_okay=False)]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "backup", examples=("iars backup /media/stick/2026-03-02",))(backup)
    restored = (
        "iars --folder /var/lib/iars restore /media/stick/2026-03-02",
        "iars restore /media/stick/2026-03-02 --check",
    )
    command(app, "restore", examples=restored)(restore_node)


def backup(session: Session, folder: FolderArgument) -> None:
    """Copy the node into a new folder: database, key store, attachments, settings. It may go on running.

    Keep each backup for 35 days at the most: an erased person lives on in older ones. The passphrase is not
    in it.
    """
    made = back_up(session, folder.expanduser().absolute())
    session.screen.done(
        f"The backup is in {folder}: {made.rows} rows, {len(made.files)} files.",
        {"folder": str(folder), "rows": made.rows, "files": len(made.files), "made_at": made.made_at},
    )


def restore_node(
    session: Session,
    folder: FolderArgument,
    check: Annotated[bool, typer.Option("--check", help="Only check that the backup is whole.")] = False,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Where a node is already: put its database aside, keep its keys."),
    ] = False,
) -> None:
    """Restore a node from a backup into its folder. The node must not be running.

    What was erased according to the key store stays erased. The restored node asks the other organisations
    what it has missed before it sends anything.
    """
    source = folder.expanduser().absolute()
    made = read_manifest(source)
    if check:
        check_files(source, made)
        session.screen.done(
            f"The backup of {made.organisation} is whole ({len(made.files)} files).",
            {"whole": True, "node": made.node, "made_at": made.made_at, "files": len(made.files)},
        )
        return
    settings = session.settings
    if not (settings.folder / FILE_NAME).exists() and (source / FILE_NAME).is_file():
        # As the restored node will read them, from the settings that come with the backup.
        settings = session.with_passphrase_file(settings_in(source, settings.folder))
    with session.screen.progress("Restoring", made.rows) as move:
        restored = restore(settings, source, passphrase_of(settings), replace=replace, move=move)
    session.screen.done(
        f"{made.organisation} is back as it was at {made.made_at:%Y-%m-%d %H:%M} UTC: {restored.rows} rows.\n"
        f"{restored.erasures} erasures were held against it. What was erased after that moment on a machine "
        "that is lost, is back: erase it again.\n"
        f"{restored.orphans} keys seal nothing in it, those of what came after the backup among them: "
        "iars keys orphans.\n"
        f"{restored.asked} organisations are asked what is missing: run iars serve, then iars doctor.\n"
        "Never serve it beside the node that it is a copy of, not even to practise: the others take it for "
        "that node restored, and refuse the next referral of the living one.",
        {
            "restored": True,
            "node": made.node,
            "made_at": made.made_at,
            "rows": restored.rows,
            "erasures": restored.erasures,
            "asked": restored.asked,
            "orphans": restored.orphans,
        },
    )
