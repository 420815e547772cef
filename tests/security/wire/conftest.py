from __future__ import annotations

import shutil
import threading
from typing import TYPE_CHECKING

import pytest
import uvicorn
from tests.federation.neighbours import Neighbour, Wire, introduce, make_neighbour
from tests.federation.processes import free_port, wait_until
from tests.security.wire.dishonest import MARKER, Dishonest

from iars_node.app import create_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from iars_node.clock import SetClock

START_SECONDS = 30


@pytest.fixture
def new_node(tmp_path: Path, clock: SetClock, sqlite_template: Path) -> Iterator[Callable[[str], Neighbour]]:
    made: list[Neighbour] = []

    def make(name: str) -> Neighbour:
        folder = tmp_path / name
        folder.mkdir()
        shutil.copy(sqlite_template, folder / "node.sqlite")
        made.append(make_neighbour(folder, name, Wire(), clock, f"sqlite:///{folder / 'node.sqlite'}"))
        return made[-1]

    yield make
    for neighbour in made:
        neighbour.node.close()


@pytest.fixture
def mission(new_node: Callable[[str], Neighbour]) -> Neighbour:
    """The node that is written to."""
    return new_node("mission")


@pytest.fixture
def served(mission: Neighbour) -> Iterator[str]:
    """The address of the node, served over real HTTP; it answers, and asks nobody."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(create_app(mission.node), port=port, lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started, START_SECONDS)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(START_SECONDS)


@pytest.fixture
def new_enemy(
    new_node: Callable[[str], Neighbour], mission: Neighbour, served: str
) -> Iterator[Callable[..., Dishonest]]:
    """Make organisations that write whatever they like; pinned at the mission unless said otherwise."""
    made: list[Dishonest] = []

    def make(name: str, *, is_pinned: bool = True) -> Dishonest:
        own = new_node(name)
        if is_pinned:
            introduce(own, mission)
        made.append(Dishonest(own, mission, served))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def enemy(new_enemy: Callable[..., Dishonest]) -> Dishonest:
    """A pinned organisation that follows no rule."""
    return new_enemy("shelter")


@pytest.fixture(autouse=True)
def _nothing_of_the_content_stays(
    mission: Neighbour, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> Iterator[None]:
    yield
    said = capfd.readouterr()
    assert MARKER not in said.out + said.err + caplog.text
    for path in mission.node.settings.folder.rglob("*"):
        assert not path.is_file() or MARKER.encode() not in path.read_bytes(), path.name
