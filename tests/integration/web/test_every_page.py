from __future__ import annotations

import re

import pytest
from tests.federation.excepting import record
from tests.federation.neighbours import settle
from tests.pages import Reader, World

from iars_node.accounts.access import ACTIONS, ROLES
from iars_node.rights.service import correct
from iars_node.web.routes import entries, web_routes
from iars_node.work import SYSTEM

LARGEST_PAGE = 100_000


@pytest.fixture(params=["world", "postgresql_world"])
def either_world(request: pytest.FixtureRequest) -> World:
    """The world on each kind of database."""
    found: World = request.getfixturevalue(request.param)
    return found


async def test_every_page_shows_itself_to_a_case_worker_on_each_database(either_world: World) -> None:
    world = either_world
    case, given, sent = world.referral()
    await settle(world.shelter, world.mission)
    kept = record(world.shelter, case, world.mission)
    with world.shelter.node.works.write(SYSTEM) as work:
        told = correct(work, case.id, {"services": {"constraints": None}}).told
    ids = {
        "case_id": case.id,
        "consent_id": given.id,
        "correction_id": told[0].id,
        "exception_id": kept.id,
        "referral_id": sent.id,
        "scope": "medical",
    }
    chosen = f"service=MED-SCREEN&priority=urgent&peer={world.mission.id.hex()}&consent={given.id}&stay=1"
    for neighbour in (world.shelter, world.mission):
        reader = Reader(neighbour).enter()
        for entry in entries():
            if entry.method != "GET" or entry.path in ("/leave", "/sign-in"):
                continue
            if entry.action in ACTIONS - ROLES["case-worker"].actions:
                continue
            page = reader.get(f"{entry.path.format(**ids)}?{chosen}&language=fr")
            # The mission knows the referral, and neither the case nor the consent; some steps fit one side.
            known = {200} if neighbour is world.shelter else {200, 404}
            assert page.status_code in known | ({409} if "/referrals/{" in entry.path else set()), entry.name
            assert len(page.content) < LARGEST_PAGE, entry.name


def test_every_route_of_the_router_is_a_declared_page(world: World) -> None:
    routes = {route.name for route in web_routes(world.shelter.node).routes}  # type: ignore[attr-defined]  # all are named
    assert routes == {entry.name for entry in entries()} | {"files"}
    for entry in entries():
        assert entry.action in ACTIONS | {"anyone", "signed-in"}, entry.name


def test_no_address_has_room_for_a_name() -> None:
    places = {place for entry in entries() for place in re.findall(r"{(\w+)}", entry.path)}
    assert places == {
        "case_id",
        "consent_id",
        "correction_id",
        "exception_id",
        "hold_id",
        "opening_id",
        "referral_id",
        "scope",
    }
