"""Two organisations whose people can be told outside of the pages, and the mail server that tells them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.mail import HOST, Mailbox, mail_server
from tests.pages import World, copied, make_world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.postgresql import PostgresqlServer

    from iars_node.clock import SetClock

PUBLIC_URL = "https://node.example.org"


@pytest.fixture(scope="module")
def mail() -> Iterator[Mailbox]:
    """A mail server on this machine: to start one takes as long as many tests."""
    with mail_server() as running:
        yield running


@pytest.fixture
def box(mail: Mailbox) -> Mailbox:
    """The mail server with nothing in it."""
    mail.empty()
    return mail


def _made(folder: Path, clock: SetClock, box: Mailbox, url: Callable[[Path], str]) -> World:
    settings = {"smtp_host": HOST, "smtp_port": box.port, "smtp_tls": "none", "smtp_from": "iars@example.org"}
    languages = ("en", "fr", "ar")
    return make_world(folder, clock, url, languages=languages, public_url=PUBLIC_URL, **settings)


@pytest.fixture
def world(tmp_path: Path, clock: SetClock, box: Mailbox, sqlite_template: Path) -> Iterator[World]:
    """A shelter and a mission, with a mail server set."""
    made = _made(tmp_path, clock, box, copied(sqlite_template))
    yield made
    made.close()


@pytest.fixture
def postgresql_world(
    tmp_path: Path, clock: SetClock, box: Mailbox, postgresql: PostgresqlServer, postgresql_template: str
) -> Iterator[World]:
    """The same on PostgreSQL."""
    names: list[str] = []

    def created(_folder: Path) -> str:
        names.append(postgresql.create(postgresql_template))
        return postgresql.url(names[-1])

    made = _made(tmp_path, clock, box, created)
    yield made
    made.close()
    for name in names:
        postgresql.drop(name)


@pytest.fixture(params=["world", "postgresql_world"])
def either_world(request: pytest.FixtureRequest) -> World:
    """The world on each kind of database."""
    found: World = request.getfixturevalue(request.param)
    return found
