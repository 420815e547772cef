"""Actors and a case for the suites of cases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from iars_node.cases.service import open_case
from iars_node.work import Actor

if TYPE_CHECKING:
    from iars_node.cases.model import Case
    from iars_node.work import Works
    from iars_protocol.record import Record

ELIRA: Record = {
    "identity": {
        "given_name": "Elira",
        "family_name": "Hoxha",
        "alias": "Blue bird",
        "birth_date": "2004-05-17",
        "document_number": "BA 123 4567",
    },
    "contact": {"phone": "+355691234567"},
    "demographics": {"citizenships": ["AL"], "gender": "Feminine"},
    "medical": {"conditions": ["asthma"]},
}


@pytest.fixture
def worker() -> Actor:
    """A case worker, who reads every scope."""
    return Actor("account", "a" * 32, frozenset({"case-worker"}))


@pytest.fixture
def supervisor() -> Actor:
    """A supervisor, who may also assign and merge."""
    return Actor("account", "b" * 32, frozenset({"supervisor"}))


@pytest.fixture
def doctor() -> Actor:
    """A medical specialist, who reads no identity."""
    return Actor("account", "c" * 32, frozenset({"medical"}))


@pytest.fixture
def elira(works: Works, worker: Actor) -> Case:
    """A case with content in four scopes."""
    with works.write(worker) as work:
        return open_case(work, country="AL", record=ELIRA, external_number="2026/17")
