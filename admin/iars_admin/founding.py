"""Making a node: its folder, database, key store, identity and first account, or nothing at all."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from iars_admin import timing
from iars_node.accounts import store as account_store
from iars_node.accounts.service import create_account
from iars_node.audit.service import record
from iars_node.cases.names import is_country, is_language
from iars_node.db import Database
from iars_node.errors import InvalidError, SetupError
from iars_node.migrations import upgrade
from iars_node.node import build_node
from iars_node.settings import FILE_NAME, Settings
from iars_node.vault import key_store_tables
from iars_node.vault.identity import create_identity, identity_of
from iars_node.vault.vault import Vault
from iars_node.work import SYSTEM
from iars_protocol.errors import ProtocolError
from iars_protocol.vocabulary import ORGANISATION_TYPES, SERVICES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iars_node.accounts.model import NewAccount
    from iars_node.vault.identity import Identity, RootKeys
    from iars_protocol.listing import Listing

ROOT_ROLE, NEXT_ROOT_ROLE = "root", "next-root"
ROOT_NOTICE = (
    "The root keys of an IARS node. Whoever has this file can take over the node's identity; without it the "
    "identity can't be rescued after a theft. Keep it off the machine, in two copies, each under lock."
)


@dataclass(frozen=True, slots=True)
class Founding:
    """What is decided when a node is made. The root keys go to a file, or for trials stay in the vault."""

    settings: Settings
    profile: Listing
    administrator: NewAccount
    passphrase: str = field(repr=False)
    root_file: Path | None
    keep_root: bool
    written: Mapping[str, object]


def check_profile(profile: Listing) -> None:
    """Refuse what can't stand in a listing, naming each fault, before anything is made."""
    faults = {}
    if not all(is_language(code) and name.strip() for code, name in profile.names.items()):
        faults["name"] = "accepted: a name, or a language's ISO 639 code and the name, such as sq=Strehza"
    if profile.organisation_type not in ORGANISATION_TYPES:
        faults["type"] = f"accepted: {', '.join(ORGANISATION_TYPES)}"
    if not is_country(profile.country):
        faults["country"] = "accepted: a country's two letters, such as AL (ISO 3166-1)"
    if unknown := [code for code in profile.languages if not is_language(code)]:
        faults["languages"] = f"not known: {', '.join(unknown)}; accepted: ISO 639 codes such as sq,en"
    if unknown := sorted(set(profile.services) - SERVICES.keys()):
        faults["service"] = f"not known: {', '.join(unknown)}; accepted: {', '.join(SERVICES)}"
    if faults:
        raise InvalidError("The organisation can't be presented like this; nothing was made.", faults)


def holds_node(settings: Settings) -> bool:
    """Say whether a folder holds a node, or parts of one."""
    paths = [settings.folder / FILE_NAME, *map(sqlite_file, (settings.database_url, settings.key_store_url))]
    return any(path is not None and path.exists() for path in paths)


def found(founding: Founding) -> Identity:
    """Make the node. Whatever goes wrong, what was made by then is taken away again."""
    settings = founding.settings
    if holds_node(settings):
        raise SetupError(f"There is a node in {settings.folder} already; it was left as it is.")
    with ExitStack() as undoing:
        make_private_folder(settings.folder, undoing)
        make_database(settings, undoing)
        roots = _make_keys(founding, undoing)
        if founding.root_file is not None:
            write_new_file(founding.root_file, _root_text(founding.profile, roots))
            undoing.callback(founding.root_file.unlink, missing_ok=True)
        write_new_file(settings.folder / FILE_NAME, _toml(founding.written))
        undoing.callback((settings.folder / FILE_NAME).unlink, missing_ok=True)
        identity = _begin(founding)
        undoing.pop_all()
    return identity


def make_database(settings: Settings, undoing: ExitStack) -> None:
    """Make the tables of a node in a database that holds none yet."""
    path = sqlite_file(settings.database_url)
    if path is not None:
        write_new_file(path, "")
        undoing.callback(remove_sqlite, path)
    database = Database(settings.database_url)
    try:
        upgrade(database)
        with database.read() as connection:
            if account_store.accounts(connection):
                raise SetupError("The database belongs to a node already; it was left as it is.")
    except SQLAlchemyError as error:
        raise SetupError(f"The database can't be used ({type(error).__name__}).") from error
    finally:
        database.close()


def remove_key_store(url: str) -> None:
    """Remove a key store that was made a moment ago and holds nothing of worth yet."""
    path = sqlite_file(url)
    if path is not None:
        remove_sqlite(path)
        return
    database = Database(url)
    with database.write() as connection:
        key_store_tables.metadata.drop_all(connection)
    database.close()


def sqlite_file(url: str) -> Path | None:
    """Return the file of an SQLite URL, None for a server."""
    parsed = make_url(url)
    return Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None


def remove_sqlite(path: Path) -> None:
    """Remove a database's file with its logs."""
    for ending in ("", "-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)


def write_new_file(path: Path, content: str | bytes) -> None:
    """Write a file that only its owner may read; one that exists is left as it is."""
    try:
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as new:
            new.write(content.encode() if isinstance(content, str) else content)
            new.flush()
            os.fsync(new.fileno())
    except FileExistsError:
        raise SetupError(f"There is a file {path} already; it was left as it is.") from None
    except OSError as error:
        raise SetupError(f"The file {path} can't be written.") from error


def make_private_folder(folder: Path, undoing: ExitStack) -> None:
    """Make a folder that only its owner may enter."""
    try:
        if not folder.exists():
            folder.mkdir(mode=0o700, parents=True)
            undoing.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o700)
    except OSError as error:
        raise SetupError(f"The folder {folder} can't be made, or is another account's.") from error


def _make_keys(founding: Founding, undoing: ExitStack) -> RootKeys:
    settings = founding.settings
    vault = Vault.create(settings.key_store_url, founding.passphrase)
    undoing.callback(remove_key_store, settings.key_store_url)
    endpoints = [settings.public_url] if settings.public_url else []
    try:
        roots = create_identity(vault, founding.profile, endpoints=endpoints, now=timing.clock().now())
        if founding.keep_root:
            vault.store_private_key(ROOT_ROLE, roots.root.key_id, roots.root.seed)
            vault.store_private_key(NEXT_ROOT_ROLE, roots.next_root.key_id, roots.next_root.seed)
    except ProtocolError as error:
        raise InvalidError(
            "The organisation can't be presented like this; nothing was made.", {"listing": str(error)}
        ) from error
    finally:
        vault.close()
    return roots


def _begin(founding: Founding) -> Identity:
    node = build_node(founding.settings, clock=timing.clock())
    try:
        node.vault.unlock(founding.passphrase)
        with node.works.write(SYSTEM) as work:
            identity = identity_of(work.vault)
            record(work, "node.initialised", subject=identity.node_text)
            record(work, "key.created", subject=identity.signing.key_id.hex())
            if founding.root_file is not None:
                record(work, "key.exported", detail={"role": ROOT_ROLE})
            create_account(work, founding.administrator)
    finally:
        node.close()
    return identity


def _root_text(profile: Listing, roots: RootKeys) -> str:
    content = {
        "about": ROOT_NOTICE,
        "organisation": profile.name(),
        "root": roots.root.seed.hex(),
        "next_root": roots.next_root.seed.hex(),
    }
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def _toml(written: Mapping[str, object]) -> str:
    # A JSON text, number, flag or list of texts is a TOML value too.
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in written.items()]
    return "\n".join(
        ["# How this node runs. Every key can also be a variable, such as IARS_PORT.", *lines, ""]
    )
