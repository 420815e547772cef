"""The database names the key of each scope and source, and two that ask at once get one key."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import select

from iars_node.vault.content_keys import find_keys, forget_keys, key_for
from iars_node.vault.model import OWN, ContentKey
from iars_node.vault.tables import content_key
from iars_node.vault.vault import Cost, Vault

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from iars_node.db import Database

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_scope_and_source_have_one_key(database: Database, vault: Vault) -> None:
    with database.write() as connection:
        first = key_for(connection, vault, "case", "c1", "identity", OWN)
        assert key_for(connection, vault, "case", "c1", "identity", OWN) == first
        others = {
            key_for(connection, vault, "case", "c1", "contact", OWN),
            key_for(connection, vault, "case", "c1", "identity", "grant-1"),
            key_for(connection, vault, "referral", "c1", "identity", OWN),
            key_for(connection, vault, "case", "c2", "identity", OWN),
        }
        assert len(others | {first}) == 5


def test_an_owners_keys_are_listed_by_scope_and_source(database: Database, vault: Vault) -> None:
    with database.write() as connection:
        received = key_for(connection, vault, "case", "c1", "medical", "grant-1")
        own = key_for(connection, vault, "case", "c1", "medical", OWN)
        contact = key_for(connection, vault, "case", "c1", "contact", OWN)
        key_for(connection, vault, "case", "c2", "contact", OWN)
    with database.read() as connection:
        assert find_keys(connection, "case", "c1") == [
            ContentKey(contact, "case", "c1", "contact", OWN),
            ContentKey(received, "case", "c1", "medical", "grant-1"),
            ContentKey(own, "case", "c1", "medical", OWN),
        ]


def test_what_is_collected_again_after_an_erasure_gets_a_new_key(database: Database, vault: Vault) -> None:
    with database.write() as connection:
        erased = key_for(connection, vault, "case", "c1", "identity", OWN)
    vault.erase_content_keys([erased], at=NOW)
    with database.write() as connection:
        forget_keys(connection, [erased])
        fresh = key_for(connection, vault, "case", "c1", "identity", OWN)
    assert fresh != erased
    assert vault.has_content_keys([erased, fresh]) == {fresh}


def test_the_database_never_names_a_key_that_the_store_lacks(database: Database, vault: Vault) -> None:
    with database.write() as connection:
        for number in range(30):
            key_for(connection, vault, "case", f"c{number}", "identity", OWN)
    with database.read() as connection:
        named = {bytes(key_id) for key_id in connection.execute(select(content_key.c.key_id)).scalars()}
    assert vault.has_content_keys(named) == named


class HurriedVault(Vault):
    """A vault in which another process always allots a key for the same scope a moment earlier."""

    connection: Connection

    def new_content_key(self) -> bytes:
        """Allot a key, just after another one was allotted."""
        other = ContentKey(super().new_content_key(), "case", "c1", "identity", OWN)
        self.connection.execute(content_key.insert(), asdict(other))
        return super().new_content_key()


def test_the_first_of_two_allotted_at_once_counts(database: Database, tmp_path: Path) -> None:
    hurried = HurriedVault.create(f"sqlite:///{tmp_path / 'hurried'}", "passphrase", cost=Cost(1, 8))
    with database.write() as connection:
        hurried.connection = connection
        allotted = key_for(connection, hurried, "case", "c1", "identity", OWN)
        assert [key.key_id for key in find_keys(connection, "case", "c1")] == [allotted]
    hurried.close()
