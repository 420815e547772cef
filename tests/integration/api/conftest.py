"""Two real nodes, and tokens that call the first one's interface through its own application."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from tests.federation.neighbours import Neighbour, Wire, introduce, make_neighbour, settle
from tests.measuring import unmeasured

from iars_node.accounts.access import ACTIONS, TABLE
from iars_node.accounts.tokens import WantedToken, create_token
from iars_node.app import create_app
from iars_node.work import SYSTEM
from iars_protocol.record import SCOPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fastapi import FastAPI
    from tests.postgresql import PostgresqlServer

    from iars_node.clock import SetClock

FOR_SYSTEMS = ACTIONS - TABLE.people_only


@pytest.fixture(params=["sqlite", "postgresql"])
def node_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The database of the node that is called, on each kind; which lines run is noted on SQLite."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "called.sqlite")
        yield f"sqlite:///{tmp_path / 'called.sqlite'}"
        return
    server: PostgresqlServer = request.getfixturevalue("postgresql")
    name = server.create(request.getfixturevalue("postgresql_template"))
    with unmeasured():
        yield server.url(name)
    server.drop(name)


@pytest.fixture
def nodes(
    tmp_path: Path, clock: SetClock, node_url: str, sqlite_template: Path
) -> Iterator[tuple[Neighbour, Neighbour]]:
    """The node that is called, and another one that it can refer to."""
    wire = Wire()
    shutil.copy(sqlite_template, tmp_path / "other.sqlite")
    pair = (
        make_neighbour(tmp_path / "shelter", "shelter", wire, clock, node_url),
        make_neighbour(
            tmp_path / "mission", "mission", wire, clock, f"sqlite:///{tmp_path / 'other.sqlite'}"
        ),
    )
    introduce(*pair)
    yield pair
    for one in pair:
        one.node.close()


@dataclass
class System:
    """One of the organisation's own systems, with its token."""

    app: FastAPI
    secret: str

    def call(self, method: str, path: str, **named: Any) -> httpx2.Response:
        """Send one request."""
        headers = dict(named.pop("headers", {}))
        if self.secret:
            headers["Authorization"] = f"Bearer {self.secret}"
        return asyncio.run(self._call(method, path, headers=headers, **named))

    async def _call(self, method: str, path: str, **named: Any) -> httpx2.Response:
        transport = httpx2.ASGITransport(app=self.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, f"/api/v1{path}", **named)

    def get(self, path: str, **named: Any) -> httpx2.Response:
        """Read something."""
        return self.call("GET", path, **named)

    def post(self, path: str, body: Any = None, key: str = "", **named: Any) -> httpx2.Response:
        """Make something."""
        headers = {**named.pop("headers", {}), **({"Idempotency-Key": key} if key else {})}
        return self.call("POST", path, json=body, headers=headers, **named)


@pytest.fixture
def new_system(nodes: tuple[Neighbour, Neighbour]) -> Callable[..., System]:
    """Make systems with tokens that may do and read what a test says; everything when it says nothing."""
    shelter, _ = nodes
    app = create_app(shelter.node)

    def make(
        actions: frozenset[str] = FOR_SYSTEMS,
        scopes: frozenset[str] = frozenset(SCOPES),
        life: timedelta = timedelta(days=1),
    ) -> System:
        with shelter.node.works.write(SYSTEM) as work:
            made = create_token(work, WantedToken("a test", actions, scopes, life))
        return System(app, made.secret)

    return make


@pytest.fixture
def system(new_system: Callable[..., System]) -> System:
    """A system that may do everything that a system may."""
    return new_system()


@pytest.fixture
def stranger(system: System) -> System:
    """Somebody without a token."""
    return System(system.app, "")


def exchange(nodes: tuple[Neighbour, Neighbour]) -> None:
    """Let both nodes send until nothing waits."""
    asyncio.run(settle(*nodes))
