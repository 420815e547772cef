"""The key store's raw bytes: nothing in clear, nothing left of what was erased."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from iars_node.errors import SetupError
from iars_node.vault import sealing
from iars_node.vault.errors import DamagedError, KeyStoreError, PassphraseError
from iars_node.vault.key_pool import FIRST_CHUNK
from iars_node.vault.key_store import KeyStore
from iars_node.vault.master_key import unwrap, wrap
from iars_node.vault.model import Erasure
from iars_node.vault.subkeys import Subkeys
from iars_node.vault.vault import Cost, Vault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CHEAP = Cost(passes=1, memory_kib=8)
PASSPHRASE = "lantern harbour quiet seven"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "keys"
    place.mkdir()
    return place


@pytest.fixture
def url(folder: Path) -> str:
    return f"sqlite:///{folder / 'keystore.sqlite'}"


@pytest.fixture
def written(url: str) -> Iterator[Vault]:
    vault = Vault.create(url, PASSPHRASE, cost=CHEAP)
    yield vault
    vault.close()


@pytest.fixture
def store(written: Vault, url: str) -> Iterator[KeyStore]:
    """The rows of the vault's key store, seen from beside the vault."""
    assert written.is_unlocked
    beside = KeyStore.at(url)
    yield beside
    beside.close()


def test_the_files_never_hold_a_key_or_the_passphrase_in_clear(
    written: Vault, store: KeyStore, folder: Path
) -> None:
    seed = b"a private seed of thirty-two by."
    written.store_private_key("signing", b"k" * 32, seed)
    written.store_document("history", b"a document of the identity")
    key_ids = [written.new_content_key() for _ in range(40)]
    header = store.header()
    master = unwrap(header, PASSPHRASE)
    subkeys = Subkeys(master)
    wrapped = store.content_keys(key_ids)
    content = [sealing.open_sealed(subkeys.wrapping, wrapped[key_id], key_id) for key_id in key_ids]
    secrets = [master, PASSPHRASE.encode(), seed, b"a document of the identity", *content]
    secrets += [sealing.passphrase_key(PASSPHRASE, header.salt, CHEAP)]
    secrets += [subkeys.wrapping, subkeys.own, subkeys.private, subkeys.documents, subkeys.blind("name")]
    written.back_up(folder / "backup")
    raw = _raw(folder)
    assert wrapped[key_ids[0]] in raw
    assert not [secret for secret in secrets if secret in raw]


def test_nothing_of_an_erased_key_is_left_in_the_files(written: Vault, store: KeyStore, folder: Path) -> None:
    key_ids = [written.new_content_key() for _ in range(300)]
    wrapped = store.content_keys(key_ids)
    erased = key_ids[::3]
    assert all(wrapped[key_id] in _raw(folder) for key_id in key_ids)
    written.erase_content_keys(erased, at=NOW)
    raw = _raw(folder)
    assert not [key_id for key_id in erased if wrapped[key_id] in raw]
    assert all(wrapped[key_id] in raw for key_id in key_ids if key_id not in erased)


def test_nothing_of_a_destroyed_private_key_is_left_in_the_files(
    written: Vault, store: KeyStore, folder: Path
) -> None:
    written.store_private_key("encryption", b"k" * 32, b"s" * 32)
    sealed = store.private_keys("encryption")[0].sealed_seed
    written.destroy_private_key(b"k" * 32)
    assert sealed not in _raw(folder)


def test_nothing_of_the_old_passphrase_s_wrapping_is_left_in_the_files(
    written: Vault, store: KeyStore, folder: Path
) -> None:
    former = store.header().wrapped_master
    assert former in _raw(folder)
    written.change_passphrase(PASSPHRASE, "new")
    assert former not in _raw(folder)


def test_keys_erased_in_a_restored_store_leave_nothing_either(
    written: Vault, store: KeyStore, folder: Path, tmp_path: Path
) -> None:
    key = written.new_content_key()
    wrapped = store.content_keys([key])[key]
    written.back_up(tmp_path / "backup")
    written.erase_content_keys([key], at=NOW)
    written.restore_from(tmp_path / "backup")
    assert wrapped not in _raw(folder)


def test_the_files_are_for_their_owner_alone(written: Vault, folder: Path) -> None:
    written.new_content_key()
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_a_short_command_writes_few_keys_ahead(written: Vault, folder: Path) -> None:
    before = len(_raw(folder))
    written.new_content_key()
    assert len(_raw(folder)) - before < FIRST_CHUNK * 4096


def test_a_key_sealed_under_another_id_does_not_open(written: Vault, store: KeyStore, place: bytes) -> None:
    key, forged = written.new_content_key(), b"f" * 16
    store.add_content_keys([(forged, store.content_keys([key])[key])])
    with pytest.raises(DamagedError):
        written.seal(forged, b"x", place)


def test_traces_that_a_reader_holds_open_are_not_called_erased(store: KeyStore, url: str) -> None:
    store.add_content_keys([(b"k" * 16, b"wrapped")])
    with store.snapshot() as brief:
        brief.exec_driver_sql("PRAGMA busy_timeout=20")
    reader = KeyStore.at(url)
    with reader.snapshot() as connection:
        connection.exec_driver_sql("SELECT * FROM vault_content_key").all()
        with pytest.raises(KeyStoreError):
            store.erase_content_keys([Erasure(b"k" * 16, NOW)])
    assert store.content_keys([b"k" * 16]) == {}
    store.erase_content_keys([Erasure(b"k" * 16, NOW)])
    reader.close()


@pytest.mark.parametrize("address", ["sqlite://", "sqlite:///:memory:", "nonsense", "oracle://here/keys", ""])
def test_an_address_that_cannot_keep_keys_is_refused(address: str) -> None:
    for attempt in (Vault.at, lambda url: Vault.create(url, "passphrase", cost=CHEAP)):
        with pytest.raises(SetupError):
            attempt(address)


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError):
        Vault.create(f"sqlite:///{tmp_path / 'no' / 'such' / 'folder'}", PASSPHRASE, cost=CHEAP)


def test_a_file_that_is_no_key_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"something else, long enough to be read as a page" * 100)
    (tmp_path / "empty").write_bytes(b"")
    for name in ("file", "empty"):
        with pytest.raises(SetupError):
            Vault.at(f"sqlite:///{tmp_path / name}")


def test_a_key_store_of_another_version_is_refused(store: KeyStore, url: str) -> None:
    with store.writing() as connection:
        connection.exec_driver_sql("UPDATE vault_header SET schema = 2")
    with pytest.raises(SetupError):
        Vault.at(url)


def test_a_key_store_without_its_header_is_refused(store: KeyStore, url: str) -> None:
    with store.writing() as connection:
        connection.exec_driver_sql("DELETE FROM vault_header")
    with pytest.raises(SetupError):
        Vault.at(url)


def test_a_key_store_that_fails_is_said_so_without_its_rows(
    written: Vault, store: KeyStore, place: bytes
) -> None:
    key = written.new_content_key()
    written.seal(key, b"x", place)
    with store.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE vault_content_key RENAME TO elsewhere")
    with pytest.raises(KeyStoreError) as reading:
        written.seal(key, b"x", place)
    with pytest.raises(KeyStoreError) as writing:
        written.erase_content_keys([key], at=NOW)
    for failure in (reading, writing):
        assert key.hex() not in str(failure.value)
        assert failure.value.__cause__ is None
    with store.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO vault_content_key")
    assert written.has_content_keys([key]) == {key}


def test_a_header_moved_from_another_key_store_does_not_unlock(written: Vault, store: KeyStore) -> None:
    master, header = b"m" * 32, store.header()
    foreign = wrap(master, b"another store id", PASSPHRASE, CHEAP)
    store.replace_header(type(header)(header.store_id, foreign.salt, 1, 8, foreign.wrapped_master))
    with pytest.raises(PassphraseError):
        written.unlock(PASSPHRASE)


def _raw(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))
