"""Two organisations, and readers of the shelter's and of the mission's pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.pages import Reader, World, copied, make_world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.postgresql import PostgresqlServer

    from iars_node.clock import SetClock


@pytest.fixture
def world(tmp_path: Path, clock: SetClock, sqlite_template: Path) -> Iterator[World]:
    """A shelter and a mission that know each other."""
    made = make_world(tmp_path, clock, copied(sqlite_template), languages=("en", "fr", "ar"))
    yield made
    made.close()


@pytest.fixture
def postgresql_world(
    tmp_path: Path, clock: SetClock, postgresql: PostgresqlServer, postgresql_template: str
) -> Iterator[World]:
    """The same on PostgreSQL."""
    names: list[str] = []

    def created(_folder: Path) -> str:
        names.append(postgresql.create(postgresql_template))
        return postgresql.url(names[-1])

    made = make_world(tmp_path, clock, created, languages=("en", "fr", "ar"))
    yield made
    made.close()
    for name in names:
        postgresql.drop(name)


@pytest.fixture(params=["world", "postgresql_world"])
def either_world(request: pytest.FixtureRequest) -> World:
    """The world on each kind of database."""
    found: World = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def besa(world: World) -> Reader:
    """A case worker of the shelter, signed in."""
    return Reader(world.shelter).enter()


@pytest.fixture
def visitor(world: World) -> Callable[..., Reader]:
    """Make readers with other roles, or at the mission."""

    def make(name: str, *, at_mission: bool = False) -> Reader:
        return Reader(world.mission if at_mission else world.shelter).enter(name)

    return make
