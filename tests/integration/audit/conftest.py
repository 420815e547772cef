from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.conftest import MORNING
from tests.integration.audit.growing import PROFILE

from iars_node.vault.identity import create_identity

if TYPE_CHECKING:
    from iars_node.vault.vault import Vault
    from iars_node.work import Works


@pytest.fixture
def log(works: Works, vault: Vault) -> Works:
    """Units of work of a node with an identity."""
    create_identity(vault, PROFILE, endpoints=["https://shelter"], now=MORNING)
    return works
