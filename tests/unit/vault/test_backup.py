"""A backup brings back what was lost, and nothing that was erased."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from iars_node.errors import ConflictError, SetupError
from iars_node.vault.errors import KeyStoreError
from iars_node.vault.model import Erasure
from iars_node.vault.vault import Cost, Vault

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CHEAP = Cost(passes=1, memory_kib=8)


def test_a_backup_is_a_whole_key_store(opened: Vault, passphrase: str, place: bytes, tmp_path: Path) -> None:
    key = opened.new_content_key()
    sealed = opened.seal(key, b"x", place)
    opened.store_private_key("hop", b"h" * 32, b"s" * 32, not_after=NOW)
    opened.store_document("history", b"document")
    opened.lock()
    opened.back_up(tmp_path / "backup")
    restored = Vault.restore(f"sqlite:///{tmp_path / 'new'}", tmp_path / "backup")
    assert not restored.is_unlocked
    restored.unlock(passphrase)
    assert restored.open(key, sealed, place) == b"x"
    assert [stored.seed for stored in restored.private_keys("hop")] == [b"s" * 32]
    assert restored.document("history") == b"document"
    restored.close()


def test_a_backup_returns_to_an_empty_database_of_either_kind(
    key_store_url: str, passphrase: str, place: bytes, tmp_path: Path
) -> None:
    lost = Vault.create(f"sqlite:///{tmp_path / 'lost'}", passphrase, cost=CHEAP)
    key = lost.new_content_key()
    sealed = lost.seal(key, b"x", place)
    lost.back_up(tmp_path / "backup")
    lost.close()
    restored = Vault.restore(key_store_url, tmp_path / "backup")
    restored.unlock(passphrase)
    assert restored.open(key, sealed, place) == b"x"
    restored.close()
    again = Vault.restore(key_store_url, tmp_path / "backup")
    assert again.has_content_keys([key]) == {key}
    again.close()


def test_an_older_backup_does_not_bring_back_what_was_erased_since(opened: Vault, tmp_path: Path) -> None:
    erased, kept = opened.new_content_key(), opened.new_content_key()
    opened.store_private_key("encryption", b"k" * 32, b"1" * 32)
    opened.back_up(tmp_path / "backup")
    opened.erase_content_keys([erased], at=NOW)
    opened.destroy_private_key(b"k" * 32)
    opened.restore_from(tmp_path / "backup")
    assert opened.has_content_keys([erased, kept]) == {kept}
    assert opened.private_keys("encryption") == []
    assert opened.ledger() == [Erasure(erased, NOW)]


def test_an_older_key_store_learns_of_erasures_from_a_newer_backup(
    passphrase: str, place: bytes, tmp_path: Path
) -> None:
    today = Vault.create(f"sqlite:///{tmp_path / 'today'}", passphrase, cost=CHEAP)
    erased = today.new_content_key()
    sealed = today.seal(erased, b"x", place)
    today.store_private_key("encryption", b"k" * 32, b"1" * 32)
    today.back_up(tmp_path / "yesterday")
    shutil.copy(tmp_path / "yesterday", tmp_path / "copied back")
    today.erase_content_keys([erased], at=NOW)
    today.destroy_private_key(b"k" * 32)
    today.back_up(tmp_path / "newer")
    today.close()

    old = Vault.at(f"sqlite:///{tmp_path / 'copied back'}")
    old.unlock(passphrase)
    assert old.open(erased, sealed, place) == b"x"
    old.restore_from(tmp_path / "newer")
    assert old.has_content_keys([erased]) == set()
    assert old.private_keys("encryption") == []
    assert old.ledger() == [Erasure(erased, NOW)]
    old.close()


def test_a_restore_fills_what_the_key_store_lost_and_leaves_what_it_has(
    opened: Vault, passphrase: str, place: bytes, tmp_path: Path
) -> None:
    opened.back_up(tmp_path / "early")
    key = opened.new_content_key()
    sealed = opened.seal(key, b"x", place)
    opened.store_document("history", b"backed up")
    opened.back_up(tmp_path / "late")

    lost = Vault.restore(f"sqlite:///{tmp_path / 'lost'}", tmp_path / "early")
    lost.unlock(passphrase)
    lost.store_document("history", b"newer here")
    assert lost.has_content_keys([key]) == set()
    lost.restore_from(tmp_path / "late")
    assert lost.open(key, sealed, place) == b"x"
    assert lost.document("history") == b"newer here"
    lost.close()


def test_a_passphrase_changed_since_the_backup_stays_changed(
    opened: Vault, passphrase: str, tmp_path: Path
) -> None:
    opened.back_up(tmp_path / "backup")
    opened.change_passphrase(passphrase, "new")
    opened.restore_from(tmp_path / "backup")
    opened.lock()
    opened.unlock("new")
    assert opened.is_unlocked


def test_another_nodes_backup_changes_nothing(opened: Vault, passphrase: str, tmp_path: Path) -> None:
    stranger = Vault.create(f"sqlite:///{tmp_path / 'stranger'}", passphrase, cost=CHEAP)
    strange = stranger.new_content_key()
    stranger.back_up(tmp_path / "backup")
    stranger.close()
    with pytest.raises(SetupError):
        opened.restore_from(tmp_path / "backup")
    assert opened.has_content_keys([strange]) == set()


def test_a_backup_never_writes_over_a_file(opened: Vault, tmp_path: Path) -> None:
    (tmp_path / "backup").write_bytes(b"something else")
    with pytest.raises(ConflictError):
        opened.back_up(tmp_path / "backup")
    assert (tmp_path / "backup").read_bytes() == b"something else"


def test_a_backup_is_for_its_owner_alone_and_leaves_no_part_behind(opened: Vault, tmp_path: Path) -> None:
    place = tmp_path / "backups"
    place.mkdir()
    opened.back_up(place / "backup")
    assert [path.name for path in place.iterdir()] == ["backup"]
    assert (place / "backup").stat().st_mode & 0o777 == 0o600


def test_a_backup_that_cannot_be_written_is_said_so(opened: Vault, tmp_path: Path) -> None:
    with pytest.raises(KeyStoreError):
        opened.back_up(tmp_path / "no such folder" / "backup")


def test_reading_a_backup_does_not_change_it(opened: Vault, tmp_path: Path) -> None:
    opened.back_up(tmp_path / "backup")
    before = (tmp_path / "backup").read_bytes()
    opened.restore_from(tmp_path / "backup")
    assert (tmp_path / "backup").read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"not a key store at all", b"SQLite format 3\0" + b"\0" * 4000])
def test_what_is_no_backup_is_refused(opened: Vault, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "backup").write_bytes(content)
    with pytest.raises((SetupError, KeyStoreError)):
        opened.restore_from(tmp_path / "backup")
    with pytest.raises((SetupError, KeyStoreError)):
        Vault.restore(f"sqlite:///{tmp_path / 'new'}", tmp_path / "backup")
    assert not (tmp_path / "new").exists()


def test_a_backup_that_is_not_there_is_said_so(opened: Vault, tmp_path: Path) -> None:
    with pytest.raises(SetupError):
        opened.restore_from(tmp_path / "backup")
