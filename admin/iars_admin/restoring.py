"""Restoring a node from a backup: all of it, or nothing.

What the key store's ledger names as erased stays erased, even where the backup still has its key.
"""

from __future__ import annotations

import os
import tomllib
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from iars_admin.backing_up import ATTACHMENTS, DATABASE, KEY_STORE, copy_file
from iars_admin.copying import continue_numbering, copy_rows, is_empty, make_single_file
from iars_admin.founding import (
    make_private_folder,
    remove_key_store,
    remove_sqlite,
    sqlite_file,
    write_new_file,
)
from iars_admin.manifest import Manifest, check_files, read_manifest
from iars_admin.orphans import compare
from iars_node.attachments.folder import AttachmentFolder
from iars_node.db import Database
from iars_node.errors import SetupError
from iars_node.exchange.restoring import mark_restored
from iars_node.migrations import upgrade
from iars_node.node import build_node
from iars_node.settings import FILE_NAME, PREFIX, load_settings
from iars_node.vault.vault import Vault
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from iars_node.settings import Settings


BUSY_MILLISECONDS = 2000


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back, how many erasures were held against it, how many peers are asked, and idle keys."""

    manifest: Manifest
    rows: int
    erasures: int
    asked: int
    orphans: int


def settings_in(backup: Path, folder: Path) -> Settings:
    """Return the settings as the restored node will read them: variables, then those in the backup."""
    try:
        stored = tomllib.loads((backup / FILE_NAME).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SetupError("The settings in the backup can't be read.") from error
    given = {name: value for name, value in stored.items() if f"{PREFIX}{name.upper()}" not in os.environ}
    return load_settings(folder, **given)


def restore(
    settings: Settings, backup: Path, passphrase: str, *, replace: bool, move: Callable[[int], None]
) -> Restored:
    """Restore a node into its folder; with `replace`, beside what is left of the present one."""
    made = read_manifest(backup)
    check_files(backup, made)
    if (settings.folder / FILE_NAME).exists() and not replace:
        raise SetupError(f"There is a node in {settings.folder}; with --replace its database is put aside.")
    with ExitStack() as undoing:
        make_private_folder(settings.folder, undoing)
        path = sqlite_file(settings.key_store_url)
        if path is not None and not path.exists():
            undoing.callback(remove_key_store, settings.key_store_url)
        erasures = restore_keys(settings, backup, passphrase)
        rows = restore_database(settings, backup, made, move, undoing)
        _restore_attachments(settings, backup, undoing)
        if not (settings.folder / FILE_NAME).exists() and FILE_NAME in made.files:
            write_new_file(settings.folder / FILE_NAME, (backup / FILE_NAME).read_bytes())
            undoing.callback((settings.folder / FILE_NAME).unlink, missing_ok=True)
        asked, orphans = mark(settings, passphrase)
        undoing.pop_all()
    return Restored(made, rows, erasures, asked, orphans)


def restore_keys(settings: Settings, backup: Path, passphrase: str) -> int:
    """Make or complete the key store; return how many erasures are held against the backup."""
    vault = Vault.restore(settings.key_store_url, backup / KEY_STORE)
    try:
        vault.unlock(passphrase)
        vault.replay_ledger()
        return len(vault.ledger())
    finally:
        vault.close()


def restore_database(
    settings: Settings, backup: Path, made: Manifest, move: Callable[[int], None], undoing: ExitStack
) -> int:
    """Put the database, in the present shape, where the settings say; return how many rows it has."""
    # A copy of the backup is brought to the present shape first: the backup itself stays as it is.
    copy = settings.folder / "restoring.sqlite"
    remove_sqlite(copy)
    undoing.callback(remove_sqlite, copy)
    copy_file(backup / DATABASE, copy)
    staged = Database(f"sqlite:///{copy}")
    try:
        upgrade(staged)
        path = sqlite_file(settings.database_url)
        if path is None:
            return _restore_to_server(settings, staged, move)
        make_single_file(staged)
    finally:
        staged.close()
    _put_aside(path, undoing)
    copy.rename(path)
    undoing.callback(remove_sqlite, path)
    return made.rows


def _put_aside(path: Path, undoing: ExitStack) -> None:
    if not path.exists():
        return
    present = Database(f"sqlite:///{path}")
    try:
        # Its log may hold the last commits: they go into the file first, so that one file is all of it.
        make_single_file(present, wait=BUSY_MILLISECONDS)
    except SQLAlchemyError as error:
        raise SetupError("The database is in use: stop the node first. Nothing was changed.") from error
    finally:
        present.close()
    aside = path.with_name(f"{path.name}.before-restore")
    number = 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.before-restore-{number}")
    path.rename(aside)
    remove_sqlite(path)
    undoing.callback(aside.rename, path)


def _restore_to_server(settings: Settings, staged: Database, move: Callable[[int], None]) -> int:
    target = Database(settings.database_url)
    try:
        if not is_empty(target):
            raise SetupError("The PostgreSQL database in the settings is not empty; name a new one.")
        upgrade(target)
        with staged.read() as source, target.write() as connection:
            rows = copy_rows(source, connection, move)
            continue_numbering(connection)
        return rows
    finally:
        target.close()
        remove_sqlite(settings.folder / "restoring.sqlite")


def _restore_attachments(settings: Settings, backup: Path, undoing: ExitStack) -> None:
    folder = AttachmentFolder(settings.attachment_folder)
    for file in sorted((backup / ATTACHMENTS).glob("*")):
        target = folder.path(file.name)
        if target.exists():
            continue
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        undoing.callback(target.unlink, missing_ok=True)
        copy_file(file, target)


def mark(settings: Settings, passphrase: str) -> tuple[int, int]:
    """Begin after a restore; return how many peers are to be asked, and how many keys seal nothing."""
    node = build_node(settings)
    try:
        node.vault.unlock(passphrase)
        with node.works.write(SYSTEM) as work:
            return mark_restored(work), len(compare(work.connection, node.vault).orphans)
    finally:
        node.close()
