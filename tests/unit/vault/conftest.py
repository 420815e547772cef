"""Fixtures of the vault's tests: a key store on each kind of database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from iars_node.vault.vault import Cost, Vault, context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CHEAP = Cost(passes=1, memory_kib=8)
PASSPHRASE = "a passphrase for the tests"


@pytest.fixture
def passphrase() -> str:
    return PASSPHRASE


@pytest.fixture(params=["sqlite", "postgresql"])
def key_store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a key store may be made, on each kind of database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'keystore.sqlite'}"
    make: Callable[[], str] = request.getfixturevalue("new_postgresql_url")
    return make()


@pytest.fixture
def opened(key_store_url: str) -> Iterator[Vault]:
    """An unlocked vault on each kind of key store."""
    vault = Vault.create(key_store_url, PASSPHRASE, cost=CHEAP)
    yield vault
    vault.close()


@pytest.fixture
def place() -> bytes:
    return context("case_field", "value", "c1", "identity")
