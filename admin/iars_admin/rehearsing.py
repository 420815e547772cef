"""Rehearsing a restore: a backup is restored into a folder of its own, looked at, and removed again.

Nothing of the living node is written to, and nothing is served or sent: the copy never meets the others.
"""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from iars_admin import auditing, timing
from iars_admin.backing_up import ATTACHMENTS, DATABASE, KEY_STORE
from iars_admin.checks import MIB, TOO_LITTLE_SPACE, Finding, ok
from iars_admin.copying import every_table
from iars_admin.manifest import check_files, read_manifest
from iars_admin.orphans import compare
from iars_admin.restoring import mark, restore_database, restore_keys
from iars_admin.showing import counted
from iars_node.cases.store import contents
from iars_node.db import Database
from iars_node.errors import NodeError, SetupError
from iars_node.node import build_node
from iars_node.settings import load_settings
from iars_node.vault.identity import identity_of
from iars_node.vault.vault import Vault
from iars_node.witness.verifying import verify_log
from iars_node.work import SYSTEM
from iars_protocol.errors import ProtocolError
from iars_protocol.record import SCOPES

if TYPE_CHECKING:
    from collections.abc import Callable

    from iars_admin.manifest import Manifest
    from iars_node.node import Node
    from iars_node.settings import Settings
    from iars_node.work import Work

PREFIX = "iars-rehearsal-"
CASES_AT_ONCE = 200
LAST_DAY = timedelta(days=2)
COUNTED = {
    "account": "accounts",
    "peer": "organisations",
    "person": "persons",
    "case_file": "cases",
    "consent": "consents",
    "referral": "referrals",
    "attachment": "attachments",
    "message": "messages",
    "audit_event": "events",
}
"""What is counted, by table. Nothing of it says who somebody is."""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What a rehearsal found: how old the backup is, how much of what it holds, and whether it would do."""

    manifest: Manifest
    age: timedelta
    rows: int
    held: dict[str, int]
    findings: list[Finding]

    @property
    def is_sound(self) -> bool:
        """Whether a restore from this backup would bring back a whole node."""
        return all(finding.outcome != "failed" for finding in self.findings)


def rehearse(
    backup: Path, known: Settings, passphrase: str, move: Callable[[int], None], *, is_here: bool
) -> Rehearsed:
    """Restore a backup beside everything, look at it, and remove it.

    `known` are the settings of the node that is here, or where there is none those in the backup.
    """
    made = read_manifest(backup)
    _refuse_without_room(backup)
    check_files(backup, made)
    if is_here:
        _refuse_anothers(backup, known)
    with TemporaryDirectory(prefix=PREFIX) as name:
        settings = _settings(Path(name), known)
        restore_keys(settings, backup, passphrase)
        with ExitStack() as undoing:
            rows = restore_database(settings, backup, made, move, undoing)
            undoing.pop_all()
        held = _held(settings)
        mark(settings, passphrase)
        node = build_node(settings, clock=timing.clock())
        try:
            node.vault.unlock(passphrase)
            findings = _looked_at(node, made)
            return Rehearsed(made, node.clock.now() - made.made_at, rows, held, findings)
        finally:
            node.close()


def _refuse_anothers(backup: Path, living: Settings) -> None:
    vault = Vault.at(living.key_store_url)
    try:
        if not vault.is_in(backup / KEY_STORE):
            raise SetupError(
                f"This is not a backup of the node in {living.folder}. To rehearse it all the same, name "
                "a folder without a node: --folder."
            )
    finally:
        vault.close()


def _refuse_without_room(backup: Path) -> None:
    # Twice: a copy, and what is written while it is brought to the present shape. A node on the same disk
    # stops when that is full, so some of it stays free.
    needed = 2 * sum(_size(backup / name) for name in (DATABASE, KEY_STORE)) + TOO_LITTLE_SPACE
    free = shutil.disk_usage(gettempdir()).free
    if free < needed:
        raise SetupError(
            f"There is not enough room in {gettempdir()} to rehearse: {needed // MIB:,} MB are needed, "
            f"{free // MIB:,} MB are free. Set TMPDIR to a folder on another disk; nothing was written."
        )


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0


def _settings(folder: Path, known: Settings) -> Settings:
    # What is given wins over variables, which may name the living node's databases.
    return load_settings(
        folder,
        key_backup_days=known.key_backup_days,
        database_url=f"sqlite:///{folder / DATABASE}",
        key_store_url=f"sqlite:///{folder / KEY_STORE}",
        attachment_folder=folder / ATTACHMENTS,
    )


def _looked_at(node: Node, made: Manifest) -> list[Finding]:
    auditing.take_all_in(node)
    with node.works.read(SYSTEM) as work:
        return [
            _age(node, work.now - made.made_at),
            _whose(work, made),
            _database(work, made),
            _content(work),
            _log(work),
        ]


def _age(node: Node, age: timedelta) -> Finding:
    said = f"made {said_of(age)} ago"
    if age > timedelta(days=node.settings.key_backup_days):
        advice = "Destroy it: what was erased must not come back from it."
        return Finding("age", "failed", f"{said}, older than key_backup_days", advice)
    if age > LAST_DAY:
        return Finding("age", "warning", said, "Back up every day: what came later is not in it.")
    return ok("age", said)


def said_of(age: timedelta) -> str:
    """Say how long something lasted, in the two greatest units that matter."""
    minutes = max(int(age.total_seconds() // 60), 0)
    if age >= timedelta(days=1):
        return f"{age.days} days, {minutes // 60 % 24} hours"
    return f"{minutes // 60} hours, {minutes % 60} minutes"


def _whose(work: Work, made: Manifest) -> Finding:
    if identity_of(work.vault).node_text == made.node:
        return ok("keys", "the passphrase opens them")
    return Finding("keys", "failed", "are another node's than the manifest says", "Use another backup.")


def _database(work: Work, made: Manifest) -> Finding:
    # On the copy, which is always SQLite: every page, every index, every reference.
    said = str(work.connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar())
    if said != "ok":
        return Finding("database", "failed", f"is damaged ({said[:60]})", "Use another backup.")
    if work.connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
        return Finding("database", "failed", "has rows whose other half is missing", "Use another backup.")
    return ok("database", f"whole, {counted(made.rows, 'row')}, in the present shape")


def _content(work: Work) -> Finding:
    lost = len(compare(work.connection, work.vault).lost)
    if lost:
        return Finding(
            "content", "failed", f"{counted(lost, 'key is', 'keys are')} missing", "Use another backup."
        )
    case_file = next(table for table in every_table() if table.name == "case_file")
    ids = iter(work.connection.execute(select(case_file.c.id)).scalars().all())
    opened = 0
    try:
        while batch := list(islice(ids, CASES_AT_ONCE)):
            found = contents.read_documents(work.connection, work.vault, batch, SCOPES, at=work.now)
            opened += len(found)
    except (NodeError, ProtocolError) as error:
        return Finding("content", "failed", f"can't be opened ({error.code})", "Use another backup.")
    return ok("content", f"opens: {opened} parts of records")


def _log(work: Work) -> Finding:
    verified = verify_log(work)
    if verified.is_sound:
        return ok("audit log", f"nothing contradicts its {counted(verified.events, 'event')}")
    first = next(finding for finding in verified.findings if finding.is_fault)
    advice = "Look at the living node, too: iars audit verify"
    return Finding("audit log", "failed", auditing.said(first), advice)


def _held(settings: Settings) -> dict[str, int]:
    tables = {table.name: table for table in every_table()}
    database = Database(settings.database_url)
    try:
        with database.read() as connection:
            return {
                called: connection.execute(select(func.count()).select_from(tables[name])).scalar_one()
                for name, called in COUNTED.items()
            }
    finally:
        database.close()
