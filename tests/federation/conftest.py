from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from tests.federation.neighbours import Neighbour, Wire, introduce, make_neighbour
from tests.measuring import unmeasured

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.federation.chain import Chain
    from tests.postgresql import PostgresqlServer

    from iars_node.clock import SetClock


@pytest.fixture
def wire() -> Wire:
    """What carries requests between the neighbours of a test."""
    return Wire()


@pytest.fixture(params=["sqlite", "postgresql"])
def node_database_url(request: pytest.FixtureRequest) -> Iterator[Callable[[Path], str]]:
    """Make the database of one node after another, on each kind; which lines run is noted on SQLite."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")

        def copied(folder: Path) -> str:
            shutil.copy(template, folder / "node.sqlite")
            return f"sqlite:///{folder / 'node.sqlite'}"

        yield copied
        return
    server: PostgresqlServer = request.getfixturevalue("postgresql")
    full: str = request.getfixturevalue("postgresql_template")
    names: list[str] = []

    def created(_folder: Path) -> str:
        names.append(server.create(full))
        return server.url(names[-1])

    with unmeasured():
        yield created
    for name in names:
        server.drop(name)


@pytest.fixture
def neighbours(
    tmp_path: Path, wire: Wire, clock: SetClock, node_database_url: Callable[[Path], str]
) -> Iterator[Callable[..., list[Neighbour]]]:
    """Make nodes by name and introduce them to each other."""
    made: list[Neighbour] = []

    def make(*names: str, **changes: object) -> list[Neighbour]:
        for name in names:
            folder = tmp_path / name
            folder.mkdir()
            made.append(make_neighbour(folder, name, wire, clock, node_database_url(folder), **changes))
        introduce(*made)
        return made

    yield make
    for neighbour in made:
        neighbour.node.close()


@pytest.fixture
def pair(neighbours: Callable[..., list[Neighbour]]) -> tuple[Neighbour, Neighbour]:
    """A shelter and a mission that know each other."""
    shelter, mission = neighbours("shelter", "mission")
    return shelter, mission


@pytest.fixture
def chain(neighbours: Callable[..., list[Neighbour]]) -> Chain:
    """A shelter that refers to a mission, and a clinic to which the mission may pass people on."""
    shelter, mission, clinic = neighbours("shelter", "mission", "clinic")
    return shelter, mission, clinic
