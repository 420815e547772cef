"""`iars keys`: this node's keys."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from iars_admin import orphans
from iars_admin.command import command, group
from iars_admin.passphrases import check_passphrase, chosen_passphrase, passphrase_of
from iars_admin.session import Session
from iars_admin.showing import counted
from iars_node.audit.service import record
from iars_node.db import EPOCH
from iars_node.exchange.announcing import announce_listing
from iars_node.vault.identity import Identity, identity_of, rotate_encryption_key
from iars_protocol.keys import fingerprint

COLUMNS = {
    "role": "Key",
    "key_id": "Id",
    "state": "State",
    "seal_until": "Used until",
    "destroy_after": "Kept until",
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    keys = group(app, "keys", "This node's keys.")
    command(keys, "show", examples=("iars keys show",))(show)
    command(keys, "rotate", examples=("iars keys rotate",))(rotate)
    command(keys, "orphans", examples=("iars keys orphans", "iars keys orphans --remove"))(show_orphans)
    changed = ("iars keys passphrase", "iars keys passphrase --new-passphrase-file /run/new")
    command(keys, "passphrase", examples=changed)(passphrase)


def show(session: Session) -> None:
    """Show the node's id, its fingerprint, and which keys it uses until when."""
    with session.work("key.read") as work:
        identity = identity_of(work.vault)
        found = key_list(identity, work.now)
    if session.choice.as_json:
        session.screen.done(
            "",
            {"node": identity.node_text, "fingerprint": fingerprint(identity.node_id), "keys": found},
        )
        return
    session.screen.say(f"Node         {identity.node_text}\nFingerprint  {fingerprint(identity.node_id)}")
    session.screen.heading("Keys")
    session.screen.show_list(found, COLUMNS, none="None.")


def show_orphans(
    session: Session,
    remove: Annotated[
        bool, typer.Option("--remove", help="Destroy them for good. The node must not be running.")
    ] = False,
) -> None:
    """Count the keys that seal nothing in the database, and those that are lost.

    Some are always there, written ahead. After a restore those of what came after the backup are among them:
    they still open a copy of the newer database, such as the one that the restore has put aside. Remove them
    when nobody will go back to it.
    """
    with session.work("key.manage" if remove else "key.read") as work:
        found = orphans.compare(work.connection, work.vault)
    if not remove:
        session.screen.done(
            f"{len(found.orphans)} of {found.stored} keys seal nothing; {len(found.lost)} are lost.",
            {
                "stored": found.stored,
                "orphans": [key_id.hex() for key_id in found.orphans],
                "lost": [key_id.hex() for key_id in found.lost],
            },
        )
        return
    session.close()
    orphans.refuse_while_in_use(session.settings.database_url)
    with session.work("key.manage") as work:
        removed = orphans.remove(work, found)
    session.screen.done(
        f"{counted(removed, 'key that sealed nothing is', 'keys that sealed nothing are')} destroyed.",
        {"removed": removed},
    )


def rotate(session: Session) -> None:
    """Make a fresh encryption key now and tell the other organisations. It happens by itself every month."""
    with session.work("key.manage") as work:
        rotate_encryption_key(work.vault, work.now, force=True)
        told = announce_listing(work)
        identity = identity_of(work.vault)
        newest = next(reversed(identity.history.encryption))
        record(work, "key.rotated", subject=newest.hex())
        found = key_list(identity, work.now)
    session.screen.done(
        f"A fresh encryption key is in use; {counted(told, 'organisation')} will be told.",
        {"key_id": newest, "told": told, "keys": found},
    )


def passphrase(
    session: Session,
    new_passphrase_file: Annotated[
        Path | None, typer.Option(help="A file with the new passphrase. Otherwise you are asked.")
    ] = None,
) -> None:
    """Change the passphrase. Backups made before still open with the old one."""
    with session.work("key.manage"):
        pass  # Refused before anything is asked.
    old = passphrase_of(session.settings)
    new = chosen_passphrase(new_passphrase_file)
    check_passphrase(new)
    session.node.vault.change_passphrase(old, new)
    with session.work("key.manage") as work:
        record(work, "vault.passphrase-changed")
    session.screen.done("The passphrase is changed. Write down the new one.", {"changed": True})


def key_list(identity: Identity, now: datetime) -> list[dict[str, object]]:
    """Return every public key with its state; the private ones never leave the vault."""
    history = identity.history
    used = {identity.signing.key_id, identity.hop.key_id, identity.log.key_id}
    found: list[dict[str, object]] = [
        {
            "role": role,
            "key_id": key_id,
            "state": _state(key_id in history.revoked, key_id in used),
            "seal_until": None,
            "destroy_after": None,
        }
        for role, keys in (("signing", history.signing), ("hop", history.hop), ("log", history.log))
        for key_id in keys
    ]
    newest = next(reversed(history.encryption), None)
    for key_id, key in history.encryption.items():
        found.append(
            {
                "role": "encryption",
                "key_id": key_id,
                "state": _state(
                    key_id in history.revoked, key_id == newest and now < _moment(key.seal_until)
                ),
                "seal_until": _moment(key.seal_until),
                "destroy_after": _moment(key.destroy_after),
            }
        )
    return found


def _state(is_revoked: bool, is_used: bool) -> str:  # noqa: FBT001 - both said by name of their variables
    return "revoked" if is_revoked else "in use" if is_used else "kept"


def _moment(seconds: int) -> datetime:
    return EPOCH + timedelta(seconds=seconds)
