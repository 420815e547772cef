"""The vault seals for one place, opens with the passphrase alone, and never opens what is erased."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iars_node.errors import ConflictError, ErasedError, InvalidError, LockedError, SetupError
from iars_node.vault.errors import DamagedError, PassphraseError
from iars_node.vault.model import Erasure
from iars_node.vault.vault import Cost, Vault, context

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CHEAP = Cost(passes=1, memory_kib=8)


def test_what_is_sealed_opens_in_its_place(opened: Vault, place: bytes) -> None:
    key = opened.new_content_key()
    sealed = opened.seal(key, "Юлия".encode(), place)
    assert opened.open(key, sealed, place).decode() == "Юлия"


def test_the_same_content_never_looks_the_same_twice(opened: Vault, place: bytes) -> None:
    key = opened.new_content_key()
    assert opened.seal(key, b"x", place) != opened.seal(key, b"x", place)


def test_sealed_content_does_not_open_elsewhere(opened: Vault, place: bytes) -> None:
    key, other_key = opened.new_content_key(), opened.new_content_key()
    sealed = opened.seal(key, b"x", place)
    with pytest.raises(DamagedError):
        opened.open(key, sealed, context("case_field", "value", "c2", "identity"))
    with pytest.raises(DamagedError):
        opened.open(other_key, sealed, place)


def test_any_changed_byte_is_noticed(opened: Vault, place: bytes) -> None:
    key = opened.new_content_key()
    sealed = opened.seal(key, b"content", place)
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(DamagedError):
            opened.open(key, bytes(changed), place)
    for length in range(len(sealed)):
        with pytest.raises(DamagedError):
            opened.open(key, sealed[:length], place)


def test_many_rows_open_in_their_order_with_none_for_the_erased(opened: Vault, place: bytes) -> None:
    keys = [opened.new_content_key() for _ in range(3)]
    plain = [b"one", b"two", b"three"]
    sealed = opened.seal_many(list(zip(keys, plain, [place] * 3, strict=True)))
    opened.erase_content_keys([keys[1]], at=NOW)
    rows = list(zip(keys, sealed, [place] * 3, strict=True))
    assert opened.open_many(rows) == [b"one", None, b"three"]
    assert opened.open_many([]) == []


def test_more_rows_than_one_query_takes_open_too(opened: Vault, place: bytes) -> None:
    keys = [opened.new_content_key() for _ in range(1100)]
    sealed = opened.seal_many([(key, key, place) for key in keys])
    rows = [(key, content, place) for key, content in zip(keys, sealed, strict=True)]
    assert opened.open_many(rows) == keys
    opened.erase_content_keys(keys, at=NOW)
    assert opened.has_content_keys(keys) == set()


def test_a_key_that_was_never_used_is_erased_like_any_other(opened: Vault, place: bytes) -> None:
    key = opened.new_content_key()
    opened.erase_content_keys([key], at=NOW)
    with pytest.raises(ErasedError):
        opened.seal(key, b"x", place)


def test_what_was_sealed_at_first_use_is_erased_by_another_process(
    opened: Vault, key_store_url: str, place: bytes
) -> None:
    key = opened.new_content_key()
    sealed = opened.seal(key, b"x", place)
    elsewhere = Vault.at(key_store_url)
    elsewhere.erase_content_keys([key], at=NOW)
    elsewhere.close()
    with pytest.raises(ErasedError):
        opened.open(key, sealed, place)


def test_a_locked_vault_opens_nothing(opened: Vault, key_store_url: str, place: bytes) -> None:
    key = opened.new_content_key()
    sealed = opened.seal(key, b"x", place)
    own = opened.seal_own(b"x", place)
    opened.store_private_key("signing", b"i" * 32, b"s" * 32)
    opened.store_document("history", b"h")
    opened.lock()
    attempts: list[Callable[[Vault], object]] = [
        lambda vault: vault.open(key, sealed, place),
        lambda vault: vault.open_many([(key, sealed, place)]),
        lambda vault: vault.seal(key, b"x", place),
        lambda vault: vault.open_own(own, place),
        lambda vault: vault.seal_own(b"x", place),
        lambda vault: vault.blind("name", "yulia"),
        lambda vault: vault.new_content_key(),
        lambda vault: vault.private_keys("signing"),
        lambda vault: vault.store_private_key("signing", b"j" * 32, b"s" * 32),
        lambda vault: vault.document("history"),
        lambda vault: vault.store_document("history", b"x"),
    ]
    reopened = Vault.at(key_store_url)
    for vault in (opened, reopened):
        assert not vault.is_unlocked
        for attempt in attempts:
            with pytest.raises(LockedError):
                attempt(vault)
    reopened.close()


def test_only_the_passphrase_unlocks(
    opened: Vault, key_store_url: str, passphrase: str, place: bytes
) -> None:
    key = opened.new_content_key()
    sealed = opened.seal(key, b"x", place)
    again = Vault.at(key_store_url)
    for wrong in ("", passphrase.upper(), passphrase + " "):
        with pytest.raises(PassphraseError):
            again.unlock(wrong)
        assert not again.is_unlocked
    again.unlock(passphrase)
    assert again.open(key, sealed, place) == b"x"
    again.close()


def test_a_passphrase_typed_with_composed_or_combining_accents_is_one(key_store_url: str) -> None:
    vault = Vault.create(key_store_url, "caf\N{LATIN SMALL LETTER E WITH ACUTE}", cost=CHEAP)
    vault.lock()
    vault.unlock("cafe\N{COMBINING ACUTE ACCENT}")
    assert vault.is_unlocked
    vault.close()


def test_an_empty_passphrase_is_refused(tmp_path: Path, opened: Vault, passphrase: str) -> None:
    with pytest.raises(InvalidError):
        Vault.create(f"sqlite:///{tmp_path / 'keys'}", "", cost=CHEAP)
    with pytest.raises(InvalidError):
        opened.change_passphrase(passphrase, "")


def test_a_changed_passphrase_replaces_the_old_one(
    opened: Vault, key_store_url: str, passphrase: str, place: bytes
) -> None:
    key = opened.new_content_key()
    sealed = opened.seal(key, b"x", place)
    with pytest.raises(PassphraseError):
        opened.change_passphrase("wrong", "new")
    opened.change_passphrase(passphrase, "new")
    assert opened.open(key, sealed, place) == b"x"
    again = Vault.at(key_store_url)
    with pytest.raises(PassphraseError):
        again.unlock(passphrase)
    again.unlock("new")
    assert again.open(key, sealed, place) == b"x"
    again.close()


def test_a_cost_this_machine_cannot_pay_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(DamagedError):
        Vault.create(f"sqlite:///{tmp_path / 'keys'}", "passphrase", cost=Cost(passes=1, memory_kib=1))


def test_erased_content_is_gone_for_every_process(
    opened: Vault, key_store_url: str, passphrase: str, place: bytes
) -> None:
    other = Vault.at(key_store_url)
    other.unlock(passphrase)
    key = opened.new_content_key()
    sealed = opened.seal(key, b"x", place)
    assert other.open(key, sealed, place) == b"x"
    opened.erase_content_keys([key], at=NOW)
    for vault in (opened, other):
        with pytest.raises(ErasedError):
            vault.open(key, sealed, place)
        with pytest.raises(ErasedError):
            vault.seal(key, b"y", place)
        assert vault.has_content_keys([key]) == set()
    other.close()


def test_a_locked_vault_still_erases(opened: Vault) -> None:
    key, kept = opened.new_content_key(), opened.new_content_key()
    opened.lock()
    opened.erase_content_keys(iter([key]), at=NOW)
    assert opened.has_content_keys([key, kept]) == {kept}


def test_erasing_twice_is_as_once_and_the_first_date_stays(opened: Vault) -> None:
    key = opened.new_content_key()
    opened.erase_content_keys([key, key], at=NOW)
    opened.erase_content_keys([key], at=NOW + timedelta(days=1))
    opened.erase_content_keys([], at=NOW)
    assert opened.ledger() == [Erasure(key, NOW)]


def test_the_ledger_lists_erasures_by_date(opened: Vault) -> None:
    late, early = opened.new_content_key(), opened.new_content_key()
    opened.erase_content_keys([late], at=NOW + timedelta(hours=1))
    opened.erase_content_keys([early], at=NOW)
    assert opened.ledger() == [Erasure(early, NOW), Erasure(late, NOW + timedelta(hours=1))]


def test_erasures_known_from_elsewhere_are_replayed(opened: Vault) -> None:
    key, kept = opened.new_content_key(), opened.new_content_key()
    assert opened.replay_ledger([Erasure(key, NOW)]) == 1
    assert opened.replay_ledger() == 0
    assert opened.has_content_keys([key, kept]) == {kept}
    assert opened.ledger() == [Erasure(key, NOW)]


def test_what_is_the_nodes_own_opens_without_a_content_key(opened: Vault, place: bytes) -> None:
    sealed = opened.seal_own(b"secret", place)
    assert opened.open_own(sealed, place) == b"secret"
    with pytest.raises(DamagedError):
        opened.open_own(sealed, context("case_field", "value", "c1", "contact"))


def test_blind_words_are_equal_in_one_column_and_store_only(
    opened: Vault, key_store_url: str, passphrase: str, tmp_path: Path
) -> None:
    again = Vault.at(key_store_url)
    again.unlock(passphrase)
    stranger = Vault.create(f"sqlite:///{tmp_path / 'other'}", passphrase, cost=CHEAP)
    word = opened.blind("name", "yulia")
    assert word == again.blind("name", "yulia")
    assert len(word) == 16
    assert (
        len(
            {
                word,
                opened.blind("alias", "yulia"),
                opened.blind("name", "yuliya"),
                stranger.blind("name", "yulia"),
            }
        )
        == 4
    )
    again.close()
    stranger.close()


def test_private_keys_come_back_by_role_in_the_order_they_were_stored(opened: Vault) -> None:
    opened.store_private_key("encryption", b"z" * 32, b"1" * 32, not_after=NOW)
    opened.store_private_key("encryption", b"a" * 32, b"2" * 32)
    opened.store_private_key("hop", b"h" * 32, b"3" * 32)
    stored = opened.private_keys("encryption")
    assert [(key.key_id, key.seed, key.not_after) for key in stored] == [
        (b"z" * 32, b"1" * 32, NOW),
        (b"a" * 32, b"2" * 32, None),
    ]
    assert "2222" not in repr(stored)
    assert opened.private_keys("log") == []


def test_storing_a_private_key_again_replaces_its_date(opened: Vault) -> None:
    opened.store_private_key("encryption", b"k" * 32, b"1" * 32)
    opened.store_private_key("encryption", b"k" * 32, b"1" * 32, not_after=NOW)
    assert [key.not_after for key in opened.private_keys("encryption")] == [NOW]


def test_a_destroyed_private_key_never_returns(opened: Vault) -> None:
    opened.store_private_key("encryption", b"k" * 32, b"1" * 32)
    opened.destroy_private_key(b"k" * 32)
    opened.destroy_private_key(b"k" * 32)
    assert opened.private_keys("encryption") == []
    with pytest.raises(ConflictError):
        opened.store_private_key("encryption", b"k" * 32, b"1" * 32)


def test_a_document_is_the_last_one_stored_under_its_name(opened: Vault) -> None:
    assert opened.document("history") is None
    opened.store_document("history", b"first")
    opened.store_document("history", b"second")
    opened.store_document("listing", b"other")
    assert opened.document("history") == b"second"


def test_threads_never_share_a_fresh_key(opened: Vault) -> None:
    taken: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: taken.extend(opened.new_content_key() for _ in range(200)))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(taken)) == 1200
    assert opened.has_content_keys(taken) == set(taken)


def test_a_second_key_store_at_one_place_is_refused(
    opened: Vault, key_store_url: str, passphrase: str
) -> None:
    key = opened.new_content_key()
    with pytest.raises(SetupError):
        Vault.create(key_store_url, "another", cost=CHEAP)
    opened.lock()
    opened.unlock(passphrase)
    assert opened.has_content_keys([key]) == {key}


def test_a_key_store_that_is_not_there_is_not_made_by_looking(key_store_url: str, tmp_path: Path) -> None:
    with pytest.raises(SetupError):
        Vault.at(key_store_url)
    assert list(tmp_path.iterdir()) == []


@given(st.lists(st.tuples(st.text(), st.text(), st.text(), st.text()), min_size=2, max_size=2, unique=True))
def test_no_two_places_share_a_context(places: list[tuple[str, str, str, str]]) -> None:
    first, second = (context(*place) for place in places)
    assert first != second
