"""People who act in these tests."""

from __future__ import annotations

from dataclasses import replace

import pytest

from iars_node.accounts import store
from iars_node.accounts.model import Account
from iars_node.db import new_id
from iars_node.vault import passwords
from iars_node.work import SYSTEM, Works

PASSWORD = "correct horse battery"


@pytest.fixture(scope="session")
def password_hash() -> str:
    """The hash of everybody's password, made once: it costs a tenth of a second."""
    return passwords.hash_password(PASSWORD)


def _added(works: Works, account: Account, password_hash: str) -> Account:
    with works.write(SYSTEM) as work:
        placed = replace(account, id=new_id(), created_at=work.now)
        store.insert_account(work.connection, placed, password_hash)
    return placed


@pytest.fixture
def administrator(works: Works, password_hash: str) -> Account:
    """The only administrator."""
    roles = frozenset({"administrator"})
    account = Account("", "admin", "Arta Meta", "", roles, "en", works.clock.now())
    return _added(works, account, password_hash)


@pytest.fixture
def case_worker(works: Works, administrator: Account, password_hash: str) -> Account:
    """A case worker."""
    account = replace(
        administrator,
        name="besa",
        display_name="Besa Dema",
        roles=frozenset({"case-worker"}),
        language="sq",
    )
    return _added(works, account, password_hash)
