"""Keys without rows and rows without keys: found, named, and removed where nobody needs them any more."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sqlalchemy import LargeBinary, select
from tests.conftest import PASSPHRASE
from tests.integration.admin.organisations import Organisation, found

from iars_admin import checks, orphans, sorted_ids
from iars_admin.copying import every_table
from iars_node.cases.service import case_by_reference, erase_content
from iars_node.node import Node, build_node
from iars_node.settings import load_settings
from iars_node.vault import key_store
from iars_node.vault.content_keys import find_keys
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(params=["sqlite", "postgresql"])
def node_with_case(request: pytest.FixtureRequest, tmp_path: Path, person: Path) -> tuple[Organisation, str]:
    """A node on each kind of database, and a case of its."""
    variables = {}
    if request.param == "postgresql":
        make: Callable[[], str] = request.getfixturevalue("new_postgresql_url")
        variables = {"IARS_DATABASE_URL": make(), "IARS_KEY_STORE_URL": make()}
    made = found(tmp_path / "node", "Shelter", **variables).as_("mira")
    return made, made.ask("case", "open", person)["reference"]


def opened(organisation: Organisation, monkeypatch: pytest.MonkeyPatch) -> Node:
    """Open the node itself, as its commands do."""
    for name, value in organisation.variables.items():
        monkeypatch.setenv(name, value)
    node = build_node(load_settings(organisation.folder))
    node.vault.unlock(PASSPHRASE)
    return node


def keys_of(node: Node, reference: str) -> set[bytes]:
    with node.works.read(SYSTEM) as work:
        case = case_by_reference(work, reference)
        return {key.key_id for key in find_keys(work.connection, "case", case.id)}


def said(organisation: Organisation) -> dict[str, Any]:
    """Return what the doctor says of the key store."""
    answer = organisation.as_("agim").run("doctor", "--offline", "--json").json
    [finding] = [each for each in answer if each["check"] == "key store"]
    return dict(finding)


def restore_to_new_place(
    organisation: Organisation, backup: Path, new_postgresql_url: Callable[[], str] | None
) -> Organisation:
    """Restore a backup beside today's key store: over an SQLite file, or into a new PostgreSQL database."""
    variables = dict(organisation.variables)
    if new_postgresql_url is not None:
        variables["IARS_DATABASE_URL"] = new_postgresql_url()
    restored = Organisation(organisation.folder, "mira", variables)
    restored.ask("restore", backup, "--replace")
    return restored


def test_keys_of_what_came_after_the_backup_are_orphans_until_they_are_removed(
    node_with_case: tuple[Organisation, str],
    tmp_path: Path,
    person: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    organisation, kept = node_with_case
    on_server = bool(organisation.variables)
    organisation.as_("agim").ask("backup", tmp_path / "backup")
    later = organisation.ask("case", "open", person)["reference"]
    node = opened(organisation, monkeypatch)
    of_later = keys_of(node, later)
    with node.works.write(SYSTEM) as work:
        case = case_by_reference(work, kept)
        erased = {key.key_id for key in find_keys(work.connection, "case", case.id) if key.scope == "medical"}
        erase_content(work, case.id, "own", ["medical"])
    node.close()
    assert of_later
    assert erased

    make = request.getfixturevalue("new_postgresql_url") if on_server else None
    restored = restore_to_new_place(organisation, tmp_path / "backup", make)
    agim = restored.as_("agim")
    listed = agim.ask("keys", "orphans")
    orphaned = {bytes.fromhex(key_id) for key_id in listed["orphans"]}
    assert of_later <= orphaned
    # The backup's key store has the erased key, and its database names it; the ledger stands above both.
    assert not erased & orphaned
    assert listed["lost"] == []
    assert f"{len(orphaned)} of {listed['stored']} keys seal nothing" in said(restored)["said"]
    assert "asthma" not in restored.run("case", "show", kept, "--json").out
    node = opened(restored, monkeypatch)
    assert node.vault.has_content_keys(of_later | erased) == of_later
    node.close()

    assert agim.ask("keys", "orphans", "--remove")["removed"] == len(orphaned)
    node = opened(restored, monkeypatch)
    assert node.vault.has_content_keys(of_later) == set()
    # Not even the key store's backup brings them back.
    node.vault.restore_from(tmp_path / "backup" / "keys.sqlite")
    assert node.vault.has_content_keys(orphaned | erased) == set()
    node.close()
    shown = restored.ask("case", "show", kept)
    assert shown["scopes"]["identity"]["given_name"]["value"] == "Ana"
    events = restored.as_("ada").ask("audit", "list", "--action", "vault.keys-erased")["events"]
    assert events[0]["detail"] == {"count": len(orphaned)}


def test_nothing_is_removed_while_another_process_may_hold_keys(
    node_with_case: tuple[Organisation, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    organisation, _case = node_with_case
    monkeypatch.setattr(orphans, "BUSY_SECONDS", 0.1)
    agim = organisation.as_("agim")
    before = agim.ask("keys", "orphans")
    running: Any
    if organisation.variables:
        running = psycopg.connect(organisation.variables["IARS_DATABASE_URL"])
    else:
        running = sqlite3.connect(organisation.folder / "node.sqlite")
        running.execute("SELECT count(*) FROM account").fetchone()
    answer = agim.run("keys", "orphans", "--remove")
    running.close()
    assert answer.code == 1
    assert "stop the node first" in answer.err
    assert agim.ask("keys", "orphans")["stored"] >= before["stored"]
    assert organisation.run("keys", "orphans", "--remove").code == 1


def test_no_row_of_any_table_names_a_key_that_counts_as_an_orphan(
    node_with_case: tuple[Organisation, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    organisation, case = node_with_case
    (tmp_path / "letter.png").write_bytes(b"a letter")
    organisation.ask("attachment", "add", case, tmp_path / "letter.png", "--scope", "medical")
    node = opened(organisation, monkeypatch)
    with node.works.read(SYSTEM) as work:
        compared = orphans.compare(work.connection, work.vault)
        stored = list(work.vault.content_key_ids())
        everything = b"\n".join(
            bytes(octets)
            for table in every_table()
            for column in table.columns
            if isinstance(column.type, LargeBinary)
            for octets in work.connection.execute(select(column)).scalars()
            if octets
        )
    node.close()
    assert compared.orphans
    assert not [key_id for key_id in compared.orphans if key_id in everything]
    # The search finds what it looks for: a key that is named stands there.
    assert compared.stored > len(compared.orphans)
    assert sum(key_id in everything for key_id in stored) == compared.stored - len(compared.orphans)


def test_a_row_whose_key_is_nowhere_is_said_to_be_lost(shelter: Organisation, case: str) -> None:
    assert said(shelter)["outcome"] == "ok"
    node = build_node(load_settings(shelter.folder))
    [key_id, *_] = keys_of(node, case)
    node.close()
    shutil.copy(shelter.folder / "keys.sqlite", shelter.folder / "kept.sqlite")
    with sqlite3.connect(shelter.folder / "keys.sqlite") as keys:
        keys.execute("DELETE FROM vault_content_key WHERE key_id = ?", [key_id])
    keys.close()
    finding = said(shelter)
    assert finding["outcome"] == "failed"
    assert finding["said"].startswith("1 key is in neither")
    assert shelter.as_("agim").ask("keys", "orphans")["lost"] == [key_id.hex()]


def test_many_orphans_are_a_warning(
    shelter: Organisation, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    del case
    monkeypatch.setattr(checks, "MANY_ORPHANS", 0)
    assert said(shelter)["outcome"] == "warning"


def test_keys_are_compared_exactly_whatever_the_size_of_the_pieces(
    node_with_case: tuple[Organisation, str], person: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    organisation, case = node_with_case
    second = organisation.ask("case", "open", person)["reference"]
    node = opened(organisation, monkeypatch)
    with node.works.write(SYSTEM) as work:
        erase_content(work, case_by_reference(work, case).id, "own", ["medical"])
    [gone, *_] = keys_of(node, second)
    delete_key(organisation, gone)
    with node.works.read(SYSTEM) as work:
        stored = set(work.vault.content_key_ids())
        named = set(orphans.named_keys(work.connection))
        erased = {each.key_id for each in work.vault.ledger()}
        whole = orphans.compare(work.connection, work.vault)
        for module, name, size in (
            (sorted_ids, "PIECE", 3),
            (sorted_ids, "READ_AT_ONCE", 2),
            (orphans, "ROWS_AT_ONCE", 5),
            (key_store, "IDS_AT_ONCE", 4),
        ):
            monkeypatch.setattr(module, name, size)
        in_pieces = orphans.compare(work.connection, work.vault)
    assert erased
    for compared in (whole, in_pieces):
        assert compared.stored == len(stored)
        assert list(compared.orphans) == sorted(stored - named)
        assert list(compared.lost) == sorted(named - stored - erased) == [gone]
    removed = len(in_pieces.orphans)
    assert removed > 5
    with node.works.write(SYSTEM) as work:
        assert orphans.remove(work, in_pieces) == removed
        assert set(work.vault.content_key_ids()) == stored & named
    node.close()


def delete_key(organisation: Organisation, key_id: bytes) -> None:
    """Take one key out of the key store behind the node's back."""
    statement = "DELETE FROM vault_content_key WHERE key_id = "
    if organisation.variables:
        with psycopg.connect(organisation.variables["IARS_KEY_STORE_URL"]) as connection:
            connection.execute(f"{statement} %s", [key_id])
        return
    with closing(sqlite3.connect(organisation.folder / "keys.sqlite")) as keys, keys:
        keys.execute(f"{statement} ?", [key_id])
