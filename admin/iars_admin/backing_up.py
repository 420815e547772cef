"""Making a backup: the database first, then the key store, then the attachments, then the manifest."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from iars_admin import manifest
from iars_admin.copying import copy_to_file, count_rows
from iars_admin.founding import write_new_file
from iars_admin.manifest import Manifest, file_hash
from iars_node.attachments.service import live_files
from iars_node.audit.service import record
from iars_node.errors import SetupError
from iars_node.settings import FILE_NAME
from iars_node.vault.identity import identity_of

if TYPE_CHECKING:
    from pathlib import Path

    from iars_admin.session import Session

DATABASE, KEY_STORE, ATTACHMENTS = "node.sqlite", "keys.sqlite", "attachments"


def back_up(session: Session, target: Path) -> Manifest:
    """Copy the node into a folder, which appears only when it is complete."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise SetupError(f"{target} exists and is not empty; name a new folder.")
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(mode=0o700, parents=True)
        made = _copy(session, partial)
        write_new_file(partial / manifest.FILE, made.to_text())
        partial.rename(target)
        sync_folder(target.parent)
    except OSError as error:
        raise SetupError(f"The backup can't be written to {target}.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    with session.work("backup.make") as work:
        record(work, "backup.made", detail={"rows": made.rows, "files": len(made.files)})
    return made


def _copy(session: Session, partial: Path) -> Manifest:
    node = session.node
    with session.work("backup.make") as work:
        identity = identity_of(work.vault)
        made_at = work.now
    # Private from the first byte on, whatever the umask.
    write_new_file(partial / DATABASE, b"")
    with session.screen.progress("Copying the database", count_rows(node.database)) as move:
        rows = copy_to_file(node.database, partial / DATABASE, move)
    # After the database: every key that its copy mentions is in this copy, or was erased meanwhile.
    node.vault.back_up(partial / KEY_STORE)
    _copy_attachments(session, partial / ATTACHMENTS)
    settings = session.settings.folder / FILE_NAME
    if settings.is_file():
        write_new_file(partial / FILE_NAME, settings.read_bytes())
    files = {
        str(path.relative_to(partial)): file_hash(path)
        for path in sorted(partial.rglob("*"))
        if path.is_file()
    }
    return Manifest(identity.node_text, identity.listing.name(), made_at, rows, files)


def _copy_attachments(session: Session, target: Path) -> None:
    with session.work("backup.make") as work:
        names = sorted(live_files(work))
    target.mkdir(mode=0o700)
    with session.screen.progress("Copying attachments", len(names)) as move:
        for done, name in enumerate(names, start=1):
            source = session.node.folder.path(name)
            # One that was erased a moment ago, or is still expected, has no file.
            if source.is_file():
                copy_file(source, target / name)
            move(done)


def copy_file(source: Path, target: Path) -> None:
    """Copy a file, private to its owner, and wait until the disk has it."""
    with (
        source.open("rb") as opened,
        os.fdopen(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as copy,
    ):
        shutil.copyfileobj(opened, copy, manifest.CHUNK)
        copy.flush()
        os.fsync(copy.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the disk has a folder's names."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
