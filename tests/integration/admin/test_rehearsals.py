"""Practising a restore: it says what a backup is worth, harms nothing and leaves nothing behind."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import PASSPHRASE
from tests.integration.admin.organisations import Organisation, found, give
from tests.measuring import unmeasured

from iars_admin.manifest import FILE, file_hash
from iars_node.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.integration.admin.organisations import Answer

EIGHT_TIB = 1 << 43
SMALLER_THAN_ANY_DATABASE = 64 * 1024
LIMITED = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, {0}))
sys.argv = ["iars", *sys.argv[1:]]
runpy.run_module("iars_admin", run_name="__main__")
"""


@pytest.fixture(autouse=True)
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder in which rehearsals make room for themselves; every one has to leave it empty."""
    folder = tmp_path / "room"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield folder
    assert list(folder.iterdir()) == []


def rehearse(folder: Path, backup: Path, *more: str, **variables: str | None) -> Answer:
    """Rehearse, on a machine whose node is in the folder."""
    return give(["--folder", str(folder), "restore", "--rehearse", str(backup), *more], variables)


def contents_of(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def change_manifest(backup: Path, **changed: Any) -> None:
    """Write other things into a manifest, and the hashes of the files as they are now."""
    content = json.loads((backup / FILE).read_text("utf-8"))
    content["files"] = {name: file_hash(backup / name) for name in content["files"]}
    (backup / FILE).write_text(json.dumps(content | changed), "utf-8")


def test_a_good_backup_is_looked_at_and_nothing_is_touched(backup: Path, shelter: Organisation) -> None:
    before = contents_of(shelter.folder), contents_of(backup)
    answer = rehearse(shelter.folder, backup, "--json")
    assert answer.code == 0, answer.err
    said = answer.json
    assert (said["sound"], said["holds"]["cases"], said["holds"]["consents"]) == (True, 1, 1)
    assert said["holds"]["attachments"] == 1
    assert {one["check"]: one["outcome"] for one in said["findings"]} == dict.fromkeys(
        ("age", "keys", "database", "content", "audit log"), "ok"
    )
    assert (contents_of(shelter.folder), contents_of(backup)) == before
    assert not shelter.ask("audit", "list", "--action", "backup.restored")["events"]


def test_what_is_said_holds_counts_and_no_name(backup: Path, tmp_path: Path) -> None:
    answer = rehearse(tmp_path / "elsewhere", backup)
    assert answer.code == 0, answer.err
    said = " ".join(answer.out.split())
    assert "1 cases, 1 consents" in said
    assert "nothing was sent" in said
    assert "Ana" not in said
    assert "Munteanu" not in said
    assert not (tmp_path / "elsewhere").exists()


def test_the_wrong_passphrase_opens_nothing(backup: Path, shelter: Organisation) -> None:
    answer = rehearse(shelter.folder, backup, IARS_PASSPHRASE="not the one that it was made with")
    assert answer.code == 1
    assert "passphrase does not unlock" in answer.err


@pytest.mark.parametrize("name", ["node.sqlite", "keys.sqlite", FILE])
def test_a_truncated_file_is_noticed(backup: Path, shelter: Organisation, name: str) -> None:
    os.truncate(backup / name, (backup / name).stat().st_size // 2)
    answer = rehearse(shelter.folder, backup)
    assert answer.code == 1
    assert "Use another one" in answer.err or "no complete backup" in answer.err


def test_another_nodes_backup_is_refused_where_a_node_is_and_rehearsed_where_none_is(
    backup: Path, mission: Organisation, tmp_path: Path
) -> None:
    answer = rehearse(mission.folder, backup)
    assert answer.code == 1
    assert "not a backup of the node in" in answer.err
    assert rehearse(tmp_path / "nowhere", backup).code == 0


def test_a_manifest_of_another_node_is_noticed(backup: Path, tmp_path: Path) -> None:
    change_manifest(backup, node="0" * 64)
    answer = rehearse(tmp_path / "nowhere", backup, "--json")
    assert answer.code == 1
    (finding,) = (one for one in answer.json["findings"] if one["outcome"] == "failed")
    assert finding["check"] == "keys"


def test_without_room_nothing_is_begun(backup: Path, shelter: Organisation) -> None:
    # No disk of a test machine has so much; the file itself takes nothing.
    os.truncate(backup / "node.sqlite", EIGHT_TIB)
    answer = rehearse(shelter.folder, backup)
    assert answer.code == 1
    assert "not enough room" in answer.err
    assert "TMPDIR" in answer.err


def test_a_disk_that_takes_no_more_ends_in_a_sentence_and_leaves_nothing(
    backup: Path, shelter: Organisation
) -> None:
    # The system refuses to write on, as it does on a full disk: where and when, no test decides. What notes
    # the lines could not write either.
    with unmeasured():
        run = subprocess.run(
            [
                *(sys.executable, "-c", LIMITED.format(SMALLER_THAN_ANY_DATABASE)),
                *("--folder", str(shelter.folder), "restore", "--rehearse", str(backup)),
            ],
            env={**os.environ, "IARS_PASSPHRASE": PASSPHRASE},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert run.returncode == 1
    assert run.stderr.startswith("iars: ")
    assert "Traceback" not in run.stderr


def test_an_old_backup_is_told_to_be_destroyed(backup: Path, shelter: Organisation) -> None:
    change_manifest(backup, made_at=(SystemClock().now() - timedelta(days=3)).isoformat())
    told = rehearse(shelter.folder, backup, "--json")
    assert (told.code, told.json["findings"][0]["outcome"]) == (0, "warning")
    change_manifest(backup, made_at=(SystemClock().now() - timedelta(days=36, hours=5)).isoformat())
    answer = rehearse(shelter.folder, backup, "--json")
    assert answer.code == 1
    assert answer.json["findings"][0]["said"].startswith("made 36 days, 5 hours ago")
    assert "Do not rely on this backup" in rehearse(shelter.folder, backup).out


def _lose_a_key(backup: Path) -> None:
    with sqlite3.connect(backup / "node.sqlite") as nodes:
        (key,) = nodes.execute("SELECT key_id FROM case_content LIMIT 1").fetchone()
    with sqlite3.connect(backup / "keys.sqlite") as keys:
        keys.execute("DELETE FROM vault_content_key WHERE key_id = ?", (key,))


def _exchange_content(backup: Path) -> None:
    with sqlite3.connect(backup / "node.sqlite") as nodes:
        nodes.execute("UPDATE case_content SET sealed = randomblob(length(sealed))")


def _take_a_half(backup: Path) -> None:
    with sqlite3.connect(backup / "node.sqlite") as nodes:
        nodes.execute("DELETE FROM person")


def _rewrite_the_log(backup: Path) -> None:
    with sqlite3.connect(backup / "node.sqlite") as nodes:
        triggers = nodes.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (trigger,) in triggers:
            nodes.execute(f"DROP TRIGGER {trigger}")
        nodes.execute("UPDATE audit_event SET action = 'case.read' WHERE seq = 3")


@pytest.mark.parametrize(
    ("damage", "check"),
    [
        (_lose_a_key, "content"),
        (_exchange_content, "content"),
        (_take_a_half, "database"),
        (_rewrite_the_log, "audit log"),
    ],
)
def test_what_a_hash_can_not_tell_is_noticed(
    backup: Path, shelter: Organisation, damage: Callable[[Path], None], check: str
) -> None:
    damage(backup)
    change_manifest(backup)
    answer = rehearse(shelter.folder, backup, "--json")
    assert answer.code == 1, answer.out
    assert check in {one["check"] for one in answer.json["findings"] if one["outcome"] == "failed"}


def test_the_node_may_be_in_use_meanwhile(backup: Path, shelter: Organisation) -> None:
    living = sqlite3.connect(shelter.folder / "node.sqlite")
    living.execute("BEGIN IMMEDIATE")
    try:
        assert rehearse(shelter.folder, backup).code == 0
    finally:
        living.rollback()
        living.close()


def test_a_node_on_postgresql_is_rehearsed_without_its_server(
    tmp_path: Path, new_postgresql_url: Callable[[], str]
) -> None:
    urls = {"IARS_DATABASE_URL": new_postgresql_url(), "IARS_KEY_STORE_URL": new_postgresql_url()}
    node = found(tmp_path / "node", "Shelter", **urls)
    node.ask("backup", tmp_path / "backup")
    answer = rehearse(tmp_path / "node", tmp_path / "backup", "--json", **urls)
    assert answer.code == 0, answer.err
    shutil.rmtree(tmp_path / "node")
    assert rehearse(tmp_path / "node", tmp_path / "backup").code == 0
