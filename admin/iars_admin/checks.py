"""What `iars doctor` looks at on this machine: each check gives findings, never an exception."""

from __future__ import annotations

import shutil
import stat
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, TypeAlias

from sqlalchemy.exc import SQLAlchemyError

from iars_admin.founding import ROOT_ROLE
from iars_admin.orphans import compare
from iars_admin.reaching import fault_said
from iars_admin.showing import counted
from iars_node.audit import alarms, known_heads, log_store, store
from iars_node.audit.model import AuditFilter
from iars_node.audit.service import is_intact
from iars_node.db import EPOCH
from iars_node.errors import SetupError
from iars_node.exchange.waiting import waiting
from iars_node.migrations import is_current
from iars_node.vault.identity import ROTATE_BEFORE, identity_of
from iars_protocol.crypto import probe
from iars_protocol.errors import ProofError, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from iars_node.node import Node
    from iars_node.settings import Settings
    from iars_node.work import Work

Outcome: TypeAlias = Literal["ok", "warning", "failed"]
MIB = 1024 * 1024
LITTLE_SPACE, TOO_LITTLE_SPACE = 2048 * MIB, 256 * MIB
BACKUP_EVERY = timedelta(days=2)
LONG_WAIT = timedelta(days=1)
NEWEST_EVENTS = 500
MANY_ORPHANS = 2_000
"""Many starts of the node leave so many as well; yet a restore may have left those of real content."""
UNWITNESSED = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found, and what to do about it."""

    check: str
    outcome: Outcome
    said: str
    advice: str = ""


Check: TypeAlias = "Callable[[Work, Node], list[Finding]]"


def ok(check: str, said: str) -> Finding:
    """Return a finding that asks for nothing."""
    return Finding(check, "ok", said)


def check_cryptography(_work: Work, _node: Node) -> list[Finding]:
    """Compute the known answers."""
    try:
        probe()
    except ProtocolError as error:
        advice = "Install the versions of requirements.lock; do not serve."
        return [Finding("cryptography", "failed", f"known answers differ ({error.code})", advice)]
    return [ok("cryptography", "known answers agree")]


def check_database(_work: Work, node: Node) -> list[Finding]:
    """Look at the database's shape, and on SQLite at its pages."""
    found = []
    if not is_current(node.database):
        found.append(Finding("database", "failed", "has an older shape", "Back up, then run: iars upgrade"))
    try:
        with node.database.read() as connection:
            said = "answers"
            if node.database.is_sqlite:
                said = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar())
    except SQLAlchemyError as error:
        said = type(error).__name__
    if said not in ("ok", "answers"):
        found.append(
            Finding("database", "failed", f"is damaged ({said[:60]})", "Restore a backup: iars restore")
        )
    return found or [ok("database", "sound, with the newest shape")]


def check_folder(_work: Work, node: Node) -> list[Finding]:
    """Look at the folder's rights, the space on its disk, and what should not lie in it."""
    folder = node.settings.folder
    found = [_space(node.settings)]
    if folder.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        found.append(Finding("folder", "warning", "others may enter it", f"chmod 700 {folder}"))
    if (folder / "root-key.json").exists():
        advice = "Take root-key.json off this machine: two copies, each under lock."
        found.append(Finding("root keys", "warning", "lie on this machine", advice))
    return found


def _space(settings: Settings) -> Finding:
    free = shutil.disk_usage(settings.folder).free
    said = f"{free // MIB:,} MB free"
    if free < TOO_LITTLE_SPACE:
        return Finding("disk", "failed", said, "Make room now: the node stops when the disk is full.")
    if free < LITTLE_SPACE:
        return Finding("disk", "warning", said, "Make room soon.")
    return ok("disk", said)


def check_keys(work: Work, _node: Node) -> list[Finding]:
    """Look at how long others may still seal for this node, and whether the root keys are here."""
    found = []
    newest = next(reversed(identity_of(work.vault).history.encryption.values()))
    left = EPOCH + timedelta(seconds=newest.seal_until) - work.now
    if left <= timedelta(0):
        found.append(Finding("keys", "failed", "the encryption key is past its time", "iars keys rotate"))
    elif left < ROTATE_BEFORE / 2:
        advice = "It is replaced by the running node: is it served? Otherwise: iars keys rotate"
        found.append(Finding("keys", "warning", f"the encryption key ends in {left.days} days", advice))
    else:
        found.append(ok("keys", f"the encryption key is good for {left.days} days"))
    if work.vault.private_keys(ROOT_ROLE) and not identity_of(work.vault).listing.training:
        found.append(Finding("root keys", "warning", "are kept in the key store", "That is for trials only."))
    return found


def check_key_store(work: Work, node: Node) -> list[Finding]:
    """Hold the key store against the database: what can't be opened any more, and what seals nothing."""
    found = compare(work.connection, node.vault)
    if found.lost:
        lost = counted(len(found.lost), "key is", "keys are")
        said = f"{lost} in neither the key store nor its ledger: what they seal is lost"
        return [Finding("key store", "failed", said, "Restore a newer key store: iars restore --replace")]
    said = f"every row has its key; {len(found.orphans)} of {found.stored} keys seal nothing"
    if len(found.orphans) > MANY_ORPHANS:
        return [Finding("key store", "warning", said, "Stop the node, then: iars keys orphans --remove")]
    return [Finding("key store", "ok", said, "iars keys orphans" if found.orphans else "")]


def check_breached(work: Work, _node: Node) -> list[Finding]:
    """Look at the list of passwords that became known, where one is named."""
    if work.breached is None:
        return []
    try:
        work.breached.check()
    except SetupError as error:
        said, _, advice = str(error).partition(". ")
        return [Finding("breached passwords", "failed", said, advice)]
    return [ok("breached passwords", "the list is in order")]


def check_waiting(work: Work, _node: Node) -> list[Finding]:
    """Look at what waits to be sent."""
    found = []
    for one in waiting(work):
        name = one.peer.hex()[:12]
        if one.parked:
            parked = counted(one.parked, f"message to {name} is", f"messages to {name} are")
            said = f"{parked} parked: {fault_said(one.last_error)}"
            found.append(
                Finding("outbox", "warning", said, f"Find out why, then: iars exchange retry {name}")
            )
        if one.oldest_at is not None and work.now - one.oldest_at > LONG_WAIT:
            said = f"messages to {name} wait since {one.oldest_at:%Y-%m-%d}"
            found.append(Finding("outbox", "warning", said, f"iars peer test {name}; is this node served?"))
    return found or [ok("outbox", "nothing waits for long")]


def check_alarms(work: Work, _node: Node) -> list[Finding]:
    """Count the alarms that nobody has seen to."""
    kinds = sorted({alarm.kind for alarm in alarms.open_alarms(work.connection)})
    if not kinds:
        return [ok("alarms", "none is open")]
    return [Finding("alarms", "warning", f"open: {', '.join(kinds)}", "iars alarm list")]


def check_backups(work: Work, _node: Node) -> list[Finding]:
    """Look at when the last backup was made."""
    events = store.page(work.connection, AuditFilter(action="backup.made"), limit=1).events
    if not events:
        return [Finding("backups", "warning", "none was ever made", "iars backup FOLDER")]
    age = work.now - events[0].event.at
    if age > BACKUP_EVERY:
        return [Finding("backups", "warning", f"the last is {age.days} days old", "iars backup FOLDER")]
    return [ok("backups", f"the last was made {events[0].event.at:%Y-%m-%d %H:%M} UTC")]


def check_audit_log(work: Work, _node: Node) -> list[Finding]:
    """Recompute the commitments of the newest events."""
    events = store.page(work.connection, AuditFilter(), limit=NEWEST_EVENTS).events
    changed = [recorded.seq for recorded in events if not is_intact(recorded)]
    if changed:
        said = f"{counted(len(changed), 'event was', 'events were')} changed, the newest is no. {changed[0]}"
        return [
            Finding("audit log", "failed", said, "Keep a copy of the database and find out who had access.")
        ]
    return [
        _check_tree(work) or ok("audit log", f"the newest {len(events)} events are as they were recorded")
    ]


def _check_tree(work: Work) -> Finding | None:
    """Say what is wrong with the stored tree: a hole, or that it does not continue what was signed."""
    newest = log_store.newest_log(work.connection)
    if newest is None:
        return None
    tree = log_store.tree(work.connection, newest)
    try:
        against = known_heads.contradicted_by(tree, known_heads.to_continue(work, newest))
        tree.root()
    except ProofError as error:
        return Finding("audit log", "failed", "the stored tree is damaged", str(error))
    if against is None or newest.closed_at is not None:
        return None
    said = f"the log of {newest.size} events does not continue its signed head of {against.size}"
    return Finding("audit log", "failed", said, "iars audit verify. Was the database put back? iars restore")


def check_witnesses(work: Work, _node: Node) -> list[Finding]:
    """Look at how far the log is proved: in the tree, and cosigned."""
    newest = log_store.newest_log(work.connection)
    if newest is None:
        return [Finding("witnesses", "warning", "no event is in the tree yet", "It begins with: iars serve")]
    found = log_store.cosignatures(work.connection, newest.number)
    if not found:
        advice = "Verify other organisations: they witness the log. Or ask now: iars audit checkpoint"
        return [Finding("witnesses", "warning", "nobody has cosigned the log", advice)]
    last = max(found, key=lambda each: each.at)
    said = f"{last.size} of {newest.size} events are proved, since {last.at:%Y-%m-%d %H:%M} UTC"
    if work.now - last.at > UNWITNESSED:
        return [Finding("witnesses", "warning", said, "Is this node served? iars alarm list")]
    return [ok("witnesses", said)]


LOCAL_CHECKS: tuple[Check, ...] = (
    check_cryptography,
    check_database,
    check_folder,
    check_keys,
    check_key_store,
    check_breached,
    check_waiting,
    check_alarms,
    check_backups,
    check_audit_log,
    check_witnesses,
)
