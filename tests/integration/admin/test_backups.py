"""Backups that come back, and those that must not."""

from __future__ import annotations

import json
import shutil
import sqlite3
import stat
from typing import TYPE_CHECKING

import pytest
from tests.conftest import PASSPHRASE
from tests.integration.admin.organisations import Organisation, deliver, found, give

from iars_admin import restoring
from iars_node.cases.service import erase_content
from iars_node.errors import SetupError
from iars_node.node import build_node
from iars_node.settings import load_settings
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _restored(folder: Path, backup: Path, *more: str, **variables: str) -> Organisation:
    answer = give(["--folder", str(folder), "restore", str(backup), "--json", *more], variables)
    assert answer.code == 0, answer.err
    return Organisation(folder, "mira", variables)


def test_a_backup_shows_nothing_without_the_passphrase(backup: Path, shelter: Organisation) -> None:
    del shelter
    content = b"".join(path.read_bytes() for path in backup.rglob("*") if path.is_file())
    for secret in (b"Munteanu", b"asthma", b"made up", PASSPHRASE.encode()):
        assert secret not in content
    assert stat.S_IMODE(backup.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in backup.rglob("*") if path.is_file()} == {0o600}


def test_a_backup_comes_back_on_another_machine(backup: Path, case: str, tmp_path: Path) -> None:
    node = _restored(tmp_path / "other", backup)
    assert node.ask("case", "show", case)["scopes"]["identity"]["given_name"]["value"] == "Ana"
    assert len(node.ask("consent", "list", case)) == 1
    [attachment] = node.ask("attachment", "list", case)
    node.ask("attachment", "save", attachment["id"], tmp_path / "saved.png")
    assert (tmp_path / "saved.png").read_bytes() == b"an image that was made up"
    assert node.as_("ada").ask("audit", "list", "--action", "backup.restored")["events"]


def test_whoever_restores_is_told_never_to_serve_the_copy_beside_the_living_node(
    backup: Path, tmp_path: Path
) -> None:
    answer = give(["--folder", str(tmp_path / "other"), "restore", str(backup)])
    assert answer.code == 0, answer.err
    assert "Never serve it beside the node that it is a copy of" in " ".join(answer.out.split())


def test_a_restored_node_asks_its_peers_what_it_has_missed(
    backup: Path, case: str, mission: Organisation, tmp_path: Path
) -> None:
    refer = ("referral", "send", case, "--to", "mission", "--service", "MED-SCREEN")
    node = _restored(tmp_path / "again" / "shelter", backup)
    answer = node.run(*refer)
    assert answer.code == 1
    assert "reason: restoring" in answer.err
    [awaited] = node.as_("agim").ask("exchange", "status")
    assert awaited["restoring"] is True
    deliver(node, mission)
    assert node.as_("agim").ask("exchange", "status") == []
    assert node.ask(*refer)["state"] == "requested"


def test_an_administrator_goes_on_without_a_peer_that_is_gone(
    backup: Path, case: str, tmp_path: Path
) -> None:
    node = _restored(tmp_path / "other", backup)
    node.as_("agim").ask("exchange", "go-on", "mission")
    assert node.as_("agim").run("exchange", "go-on", "mission").code == 1
    sent = node.ask("referral", "send", case, "--to", "mission", "--service", "MED-SCREEN")
    assert sent["state"] == "requested"


def test_what_was_erased_since_the_backup_stays_erased(
    backup: Path, case: str, shelter: Organisation
) -> None:
    case_id = shelter.as_("mira").ask("case", "show", case)["id"]
    node = build_node(load_settings(shelter.folder))
    node.vault.unlock(PASSPHRASE)
    with node.works.write(SYSTEM) as work:
        erase_content(work, case_id, "own", ["medical"])
    node.close()
    answer = give(["--folder", str(shelter.folder), "restore", str(backup), "--replace", "--json"])
    assert answer.code == 0, answer.err
    assert answer.json["erasures"] >= 1
    shown = shelter.as_("mira").ask("case", "show", case)
    assert shown["scopes"]["identity"]["given_name"]["value"] == "Ana"
    assert "asthma" not in json.dumps(shown)
    assert (shelter.folder / "node.sqlite.before-restore").is_file()


def test_a_node_is_not_replaced_unasked(backup: Path, shelter: Organisation) -> None:
    before = (shelter.folder / "node.sqlite").read_bytes()
    answer = give(["--folder", str(shelter.folder), "restore", str(backup)])
    assert answer.code == 1
    assert "--replace" in answer.err
    assert (shelter.folder / "node.sqlite").read_bytes() == before


def test_a_database_in_use_is_not_put_aside(
    backup: Path, shelter: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restoring, "BUSY_MILLISECONDS", 1)
    running = sqlite3.connect(shelter.folder / "node.sqlite")
    running.execute("SELECT count(*) FROM account").fetchone()
    running.execute("BEGIN")
    running.execute("SELECT count(*) FROM account").fetchone()
    answer = give(["--folder", str(shelter.folder), "restore", str(backup), "--replace"])
    running.close()
    assert answer.code == 1
    assert "stop the node first" in answer.err
    assert not list(shelter.folder.glob("*before-restore*"))
    assert not list(shelter.folder.glob("restoring*"))
    assert shelter.run("user", "list").code == 0


def test_every_replaced_database_is_kept(backup: Path, shelter: Organisation) -> None:
    for _ in range(2):
        _restored(shelter.folder, backup, "--replace")
    names = {path.name for path in shelter.folder.glob("*before-restore*")}
    assert names == {"node.sqlite.before-restore", "node.sqlite.before-restore-2"}


@pytest.mark.parametrize("name", ["node.sqlite", "keys.sqlite", "attachments"])
def test_a_damaged_backup_restores_nothing(backup: Path, tmp_path: Path, name: str) -> None:
    path = backup / name if name != "attachments" else next((backup / name).iterdir())
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    for more in (["--check"], []):
        answer = give(["--folder", str(tmp_path / "other"), "restore", str(backup), *more])
        assert answer.code == 1
        assert "damaged" in answer.err
    assert not (tmp_path / "other").exists()


def test_a_whole_backup_is_said_to_be_whole(backup: Path, tmp_path: Path) -> None:
    answer = give(["--folder", str(tmp_path / "other"), "restore", str(backup), "--check", "--json"])
    assert (answer.code, answer.json["whole"]) == (0, True)
    assert not (tmp_path / "other").exists()


def test_the_wrong_passphrase_restores_nothing(backup: Path, tmp_path: Path) -> None:
    wrong = {"IARS_PASSPHRASE": "not the passphrase"}
    answer = give(["--folder", str(tmp_path / "other"), "restore", str(backup)], wrong)
    assert answer.code == 1
    assert not (tmp_path / "other").exists()


def test_a_failure_at_the_very_end_restores_nothing(
    backup: Path, shelter: Organisation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise SetupError("The disk is full.")

    monkeypatch.setattr(restoring, "mark_restored", fail)
    assert give(["--folder", str(tmp_path / "other"), "restore", str(backup)]).code == 1
    assert not (tmp_path / "other").exists()
    assert give(["--folder", str(shelter.folder), "restore", str(backup), "--replace"]).code == 1
    assert not list(shelter.folder.glob("*before-restore*"))
    assert shelter.run("user", "list").code == 0


def test_another_nodes_backup_is_refused(backup: Path, mission: Organisation) -> None:
    answer = give(["--folder", str(mission.folder), "restore", str(backup), "--replace"])
    assert answer.code == 1
    assert "another node" in answer.err
    assert mission.ask("listing", "show")["name"] == "Mission"


def test_a_backup_goes_into_an_empty_place_only(shelter: Organisation, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine", "utf-8")
    assert shelter.run("backup", tmp_path / "full").code == 1
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine"]
    (tmp_path / "empty").mkdir()
    assert shelter.run("backup", tmp_path / "empty").code == 0
    (tmp_path / "file").write_text("mine", "utf-8")
    assert shelter.run("backup", tmp_path / "file" / "inside").code == 1


def test_an_unfinished_backup_is_none(backup: Path, tmp_path: Path) -> None:
    (backup / "manifest.json").unlink()
    answer = give(["--folder", str(tmp_path / "other"), "restore", str(backup)])
    assert answer.code == 1
    assert "no complete backup" in answer.err


def test_a_backup_moves_from_postgresql_to_sqlite_and_back(
    tmp_path: Path, person: Path, new_postgresql_url: Callable[[], str]
) -> None:
    variables = {"IARS_DATABASE_URL": new_postgresql_url(), "IARS_KEY_STORE_URL": new_postgresql_url()}
    served = found(tmp_path / "served", "Shelter", **variables)
    case = served.as_("mira").ask("case", "open", person)["reference"]
    served.ask("backup", tmp_path / "first")
    laptop = _restored(tmp_path / "laptop", tmp_path / "first")
    assert laptop.ask("case", "show", case)["scopes"]["medical"]["conditions"]["value"] == ["asthma"]
    laptop.as_("agim").ask("backup", tmp_path / "second")
    again = {"IARS_DATABASE_URL": new_postgresql_url(), "IARS_KEY_STORE_URL": new_postgresql_url()}
    server = _restored(tmp_path / "server", tmp_path / "second", **again)
    assert server.ask("case", "show", case)["scopes"]["medical"]["conditions"]["value"] == ["asthma"]
    events = server.as_("ada").ask("audit", "list")["events"]
    assert all(event["intact"] for event in events)
    refused = give(["--folder", str(tmp_path / "third"), "restore", str(tmp_path / "second")], again)
    assert refused.code == 1
    assert "not empty" in refused.err
    shutil.rmtree(tmp_path / "second")
