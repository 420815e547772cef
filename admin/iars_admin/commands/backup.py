"""`iars backup` and `iars restore`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from iars_admin.backing_up import back_up
from iars_admin.command import FAILED, command
from iars_admin.commands.doctor import COLUMNS
from iars_admin.manifest import check_files, read_manifest
from iars_admin.passphrases import passphrase_of
from iars_admin.rehearsing import Rehearsed
from iars_admin.rehearsing import rehearse as look_at_backup
from iars_admin.restoring import restore, settings_in
from iars_admin.session import Session
from iars_admin.showing import counted
from iars_node.settings import FILE_NAME, Settings

FolderArgument = Annotated[Path, typer.Argument(metavar="FOLDER", file_okay=False)]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "backup", examples=("iars backup /media/stick/2026-03-02",))(backup)
    restored = (
        "iars --folder /var/lib/iars restore /media/stick/2026-03-02",
        "iars restore /media/stick/2026-03-02 --check",
        "iars restore --rehearse /media/stick/2026-03-02",
    )
    command(app, "restore", examples=restored)(restore_node)


def backup(session: Session, folder: FolderArgument) -> None:
    """Copy the node into a new folder: database, key store, attachments, settings. It may go on running.

    Keep each backup for 35 days at the most: an erased person lives on in older ones. The passphrase is not
    in it.
    """
    made = back_up(session, folder.expanduser().absolute())
    session.screen.done(
        f"The backup is in {folder}: {counted(made.rows, 'row')}, {counted(len(made.files), 'file')}.",
        {"folder": str(folder), "rows": made.rows, "files": len(made.files), "made_at": made.made_at},
    )


def restore_node(
    session: Session,
    folder: FolderArgument,
    check: Annotated[bool, typer.Option("--check", help="Only check that the backup is whole.")] = False,
    rehearse: Annotated[
        bool,
        typer.Option(
            "--rehearse",
            help="Only practise: restore into a folder of its own, look at what came, remove it again.",
        ),
    ] = False,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Where a node is already: put its database aside, keep its keys."),
    ] = False,
) -> None:
    """Restore a node from a backup into its folder. The node must not be running.

    What was erased according to the key store stays erased. The restored node asks the other organisations
    what it has missed before it sends anything.

    A rehearsal harms nothing: the node here may go on running, its folder is not touched, nothing is sent.
    It says how old the backup is, how much it holds, and whether passphrase, database, records and audit log
    hold; the exit code is 1 where one does not. TMPDIR says where there is room for it.
    """
    source = folder.expanduser().absolute()
    made = read_manifest(source)
    if check:
        check_files(source, made)
        session.screen.done(
            f"The backup of {made.organisation} is whole ({counted(len(made.files), 'file')}).",
            {"whole": True, "node": made.node, "made_at": made.made_at, "files": len(made.files)},
        )
        return
    settings = session.settings
    is_here = (settings.folder / FILE_NAME).exists()
    if not is_here and (source / FILE_NAME).is_file():
        # As the restored node will read them, from the settings that come with the backup.
        settings = session.with_passphrase_file(settings_in(source, settings.folder))
    if rehearse:
        _rehearse(session, source, settings, is_here=is_here)
        return
    with session.screen.progress("Restoring", made.rows) as move:
        restored = restore(settings, source, passphrase_of(settings), replace=replace, move=move)
    session.screen.done(
        f"{made.organisation} is back as it was at {made.made_at:%Y-%m-%d %H:%M} UTC: "
        f"{counted(restored.rows, 'row')}.\n"
        f"{counted(restored.erasures, 'erasure was', 'erasures were')} held against it. "
        "What was erased after that moment on a machine that is lost, is back: erase it again.\n"
        f"{counted(restored.orphans, 'key seals', 'keys seal')} nothing in it, "
        "those of what came after the backup among them: iars keys orphans.\n"
        f"{counted(restored.asked, 'organisation is', 'organisations are')} asked what is missing: "
        "run iars serve, then iars doctor.\n"
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


def _rehearse(session: Session, source: Path, settings: Settings, *, is_here: bool) -> None:
    passphrase = passphrase_of(settings)
    with session.screen.progress("Rehearsing", read_manifest(source).rows) as move:
        found = look_at_backup(source, settings, passphrase, move, is_here=is_here)
    if session.choice.as_json:
        session.screen.done("", _described(found))
    else:
        session.screen.show_list([asdict(finding) for finding in found.findings], COLUMNS, none="")
        held = ", ".join(f"{count} {called}" for called, count in found.held.items())
        session.screen.say(f"It holds {held}.")
        session.screen.say(_outcome(found))
    if not found.is_sound:
        raise typer.Exit(FAILED)


def _outcome(found: Rehearsed) -> str:
    made = found.manifest
    when = f"{made.organisation} as it was at {made.made_at:%Y-%m-%d %H:%M} UTC"
    if found.is_sound:
        return f"A restore would bring back {when}. What was restored to see it is removed; nothing was sent."
    return f"Do not rely on this backup of {when}. What was restored to see it is removed; nothing was sent."


def _described(found: Rehearsed) -> dict[str, object]:
    return {
        "sound": found.is_sound,
        "node": found.manifest.node,
        "made_at": found.manifest.made_at,
        "age_seconds": int(found.age.total_seconds()),
        "rows": found.rows,
        "holds": found.held,
        "findings": [asdict(finding) for finding in found.findings],
    }
