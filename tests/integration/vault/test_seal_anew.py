"""Many contents sealed at once, each under a key of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iars_node.vault.vault import Vault


def test_each_content_gets_a_key_that_is_safe_in_the_store(vault: Vault) -> None:
    rows = [(f"content {number}".encode(), b"place") for number in range(40)]
    sealed = vault.seal_anew(rows)
    assert len({key_id for key_id, _octets in sealed}) == 40
    assert vault.has_content_keys(key_id for key_id, _octets in sealed) == {
        key_id for key_id, _octets in sealed
    }
    opened = vault.open_many([(key_id, octets, b"place") for key_id, octets in sealed])
    assert opened == [plaintext for plaintext, _place in rows]
    assert vault.seal_anew([]) == []
