"""Every role at every page, with one record of each kind there: what is answered, and what is told."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from starlette.routing import Route
from tests.conftest import MORNING
from tests.pages import Reader, World, copied, make_world
from tests.records import NO_TEXT, WHERES, Records, mark, new_account, one_of_each

from iars_node.accounts.access import ACTIONS, ROLES
from iars_node.app import create_app
from iars_node.clock import SetClock
from iars_node.web import roles_page
from iars_node.web.pages import ANYONE, SIGNED_IN
from iars_node.web.routes import entries
from iars_protocol.vocabulary import SCOPES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from httpx2 import Response
    from starlette.routing import BaseRoute

    from iars_node.web.pages import Entry

LOGIN, REFUSED, IN = "sign in", "403", "in"
NOBODY, NO_ROLE = "nobody", "no-role"
# Leaving ends the reader's own session, as it should: each is tried with a session of its own.
ENDS_THE_SESSION = frozenset({"/leave", "/sign-out"})
# What is no page and no operation, and why it asks nobody who they are.
OPEN_TO_PROGRAMS = {
    "/health": "whether the node is unlocked",
    "/static/{name}": "the sheets and scripts, the same for everybody",
    "/api/v1/openapi.json": "the description of the interface",
    "/api/v1/{anything:path}": "answers 404 in the interface's own form",
}
# Envelopes and attachments carry their node's signature; the listing is public.
SIGNED_BY_A_NODE = "/iars/v1/"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[World]:
    made = make_world(tmp_path_factory.mktemp("roles"), SetClock(MORNING), copied(sqlite_template))
    yield made
    made.close()


@pytest.fixture(scope="module")
def records(world: World) -> Records:
    return asyncio.run(one_of_each(world))


@pytest.fixture(scope="module")
def readers(world: World) -> dict[str, Reader]:
    """Somebody with each one role, somebody with none, and nobody."""
    found = {}
    for role in (*ROLES, NO_ROLE):
        for name in (f"walks-{role}", f"leaves-{role}"):
            new_account(world.shelter, name, frozenset({role}) & ROLES.keys())
        found[role] = Reader(world.shelter).enter(f"walks-{role}")
    found[NOBODY] = Reader(world.shelter)
    found[NOBODY].get("/sign-in")
    return found


def expected(who: str, action: str) -> str:
    """Return what the table in the documentation says."""
    if action == ANYONE:
        return IN
    if who == NOBODY:
        return LOGIN
    if who == NO_ROLE:
        return IN if action == SIGNED_IN else REFUSED
    return IN if roles_page.lets_in(who, action) else REFUSED


def answered(answer: Response) -> str:
    """Return what an answer means to whoever asked."""
    if answer.status_code == 303 and answer.headers["location"].startswith("/sign-in"):
        return LOGIN
    return str(answer.status_code) if answer.status_code in (401, 403, 405, 500) else IN


def walk(reader: Reader, records: Records, entry: Entry) -> Response:
    """Ask for a page, or send its form with the token and nothing else in it."""
    path = records.path(entry)
    return reader.get(f"{path}?{records.chosen}") if entry.method == "GET" else reader.post(path, None)


NAMES_NOTHING_HERE = frozenset({"/kept", "/me/passkeys/remove", "/cases/{case_id}/household/leave"})
"""Nobody has kept a form here, has a passkey, or lives together with somebody."""


def also_calm(entry: Entry) -> set[int]:
    """Return what a page may also answer when nothing is wrong."""
    if entry.path.startswith("/referrals/{referral_id}/"):
        # A step that is the other side's to take is no page on this side.
        return {409}
    return {404} if entry.path in NAMES_NOTHING_HERE else set()


def fresh(world: World, who: str) -> Reader:
    """Return somebody whose session and cookies nothing has touched yet."""
    reader = Reader(world.shelter)
    if who != NOBODY:
        return reader.enter(f"leaves-{who}")
    reader.get("/sign-in")
    return reader


ALIKE = frozenset({"case-worker", NO_ROLE, NOBODY})
"""Who asks for what is for every account: no role is looked at there."""


def ordered() -> list[Entry]:
    """Return every page, those that are only looked at first: sending a form may end what others look at."""
    return sorted(entries(), key=lambda entry: (entry.method == "POST", entry.path))


@pytest.mark.parametrize("entry", ordered(), ids=lambda entry: entry.name)
def test_every_role_is_answered_what_the_table_says(
    world: World, readers: dict[str, Reader], records: Records, entry: Entry
) -> None:
    for who, reader in readers.items():
        is_for_all = entry.action in (ANYONE, SIGNED_IN)
        if is_for_all and who not in ALIKE:
            continue
        # What is for every account may lock its session, or end all of them: another account asks for such.
        asking = fresh(world, who) if is_for_all else reader
        answer = walk(asking, records, entry)
        wanted = expected(who, entry.action)
        # Leaving, and what only a locked session needs, lead to the sign-in by themselves.
        assert answered(answer) in ({IN, LOGIN} if is_for_all and wanted == IN else {wanted}), who
        assert answer.headers["cache-control"] == "no-store", who
        if answered(answer) == IN and entry.method == "GET" and records.knows(entry.path):
            assert answer.status_code in {200, 303} | also_calm(entry), who
        if answered(answer) != IN:
            assert not any(mark(scope, where) in answer.text for scope in SCOPES for where in WHERES)


def test_a_record_that_is_not_there_looks_the_same_to_those_who_may_not_see_it(
    readers: dict[str, Reader], records: Records
) -> None:
    """Whether there is a case is told to nobody who may not read it."""
    nowhere = "/cases/" + "f" * 32
    for who in ("auditor", "administrator", NO_ROLE):
        there = readers[who].get(records.fill("/cases/{case_id}"))
        gone = readers[who].get(nowhere)
        assert there.status_code == gone.status_code == 403
        assert there.text.replace(records.ids["case_id"], "") == gone.text.replace("f" * 32, "")


def read_everything(reader: Reader, records: Records) -> str:
    """Return all that an account can get to see: every page, every scope, referrals of both directions."""
    texts = []
    for entry in entries():
        if entry.method == "POST" or entry.path in ENDS_THE_SESSION:
            continue
        asked = [records.path(entry)]
        if "{scope}" in entry.path:
            asked = [records.fill(entry.path.replace("{scope}", scope)) for scope in SCOPES]
        if "{referral_id}" in entry.path:
            asked.append(entry.path.format(referral_id=records.received))
        texts += [reader.get(f"{path}?{records.chosen}&language=en").text for path in asked]
    case = records.fill("/cases/{case_id}")
    texts += [reader.get(f"{case}?open={scope}").text for scope in SCOPES]
    looked_for = mark("identity")
    found = reader.post("/cases/search", {"text": looked_for}).text
    texts.append(found.replace(f'value="{looked_for}"', ""))
    choice = dict(pair.split("=") for pair in records.chosen.split("&"))
    texts.append(reader.post(f"{case}/refer/check", choice).text)
    return "\n".join(texts)


@pytest.mark.parametrize("role", [*ROLES, NO_ROLE])
def test_a_role_sees_marks_of_its_own_scopes_and_of_no_other(
    readers: dict[str, Reader], records: Records, role: str
) -> None:
    seen = read_everything(readers[role], records)
    own = ROLES[role].scopes if role in ROLES else frozenset[str]()
    for scope in SCOPES:
        for where in WHERES:
            if scope not in own:
                assert mark(scope, where) not in seen, (scope, where)
        if scope in own and "case.read" in ROLES[role].actions:
            assert mark(scope, "Field" if scope not in NO_TEXT else "Note") in seen, scope
            assert mark(scope, "Note") in seen, scope


def test_every_route_of_the_application_asks_who_it_is_or_is_known_to_be_open(world: World) -> None:
    pages = {entry.path for entry in entries()}
    operations = {name.partition(" ")[2] for name, action in roles_page.interface_rows() if action in ACTIONS}
    known = pages | operations | OPEN_TO_PROGRAMS.keys()
    found = set(paths(create_app(world.shelter.node).routes))
    assert {path for path in found - known if not path.startswith(SIGNED_BY_A_NODE)} == set()
    assert found >= known


def paths(routes: Sequence[BaseRoute]) -> Iterator[str]:
    """Return the path of every route; one that can't be looked into fails."""
    for route in routes:
        assert isinstance(route, Route), route
        yield route.path
