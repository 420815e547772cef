from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.federation.excepting import record
from tests.federation.neighbours import settle
from tests.integration.web.spreadsheets import uploaded, workbook
from tests.pages import Reader

from iars_node.accounts.access import ACTIONS, ROLES
from iars_node.rights.service import correct
from iars_node.web.desk import Desk
from iars_node.web.routes import entries, web_routes
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from tests.pages import World

LARGEST_PAGE = 100_000
# They lock the session, lead elsewhere while one is signed in, or show what nobody has kept.
ELSEWHERE = {
    "/leave",
    "/sign-in",
    "/sign-in/code",
    "/unlock",
    "/welcome",
    "/welcome/password",
    "/welcome/codes",
    "/welcome/passkey",
}
ELSEWHERE |= {"/kept", "/me/recovery", "/me/passkeys/remove", "/me/codes/remove"}
ELSEWHERE |= {"/cases/{case_id}/household/leave"}
NOT_THERE = {"attachment_id", "onward_id", "report_id"}


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
        # Nothing of these is there: a calm page says so.
        "attachment_id": "0" * 32,
        "onward_id": "0" * 32,
        "report_id": "0" * 64,
    }
    uploads = workbook(["2026/1", "Ana", "Munteanu", "", "", ""])
    chosen = f"service=MED-SCREEN&priority=urgent&peer={world.mission.id.hex()}&consent={given.id}&stay=1"
    for neighbour in (world.shelter, world.mission):
        reader = Reader(neighbour).enter()
        begun = {
            "intake": reader.post("/intake", {"identity.alias": "Blue bird"}),
            "cases": reader.post("/cases/new", {"identity.alias": "Blue bird", "go": "on"}),
            "imports": uploaded(reader, uploads),
        }
        for entry in entries():
            if entry.method != "GET" or entry.path in ELSEWHERE:
                continue
            if entry.action in ACTIONS - ROLES["case-worker"].actions:
                continue
            first = entry.path.split("/")[1]
            draft_id = (
                re.findall(r"[0-9a-f]{32}", begun[first].headers["location"])[0] if first in begun else ""
            )
            path = entry.path.format(**ids, draft_id=draft_id, step="person")
            page = reader.get(f"{path}?{chosen}&language=fr")
            # The mission knows the referral, and neither the case nor the consent; some steps fit one side.
            is_there = neighbour is world.shelter and not NOT_THERE.intersection(
                re.findall(r"{(\w+)}", entry.path)
            )
            known = {200} if is_there else {200, 404}
            known |= {303} if entry.path == "/imports/{draft_id}" else set()
            assert page.status_code in known | ({409} if "/referrals/{" in entry.path else set()), entry.name
            assert len(page.content) < LARGEST_PAGE, entry.name


def test_every_route_of_the_router_is_a_declared_page(world: World) -> None:
    routes = {route.name for route in web_routes(Desk(world.shelter.node))}
    assert routes == {entry.name for entry in entries()} | {"files"}
    for entry in entries():
        assert entry.action in ACTIONS | {"anyone", "signed-in"}, entry.name


def test_no_address_has_room_for_a_name() -> None:
    places = {place for entry in entries() for place in re.findall(r"{(\w+)}", entry.path)}
    assert places == {
        "alarm_id",
        "attachment_id",
        "case_id",
        "consent_id",
        "correction_id",
        "draft_id",
        "exception_id",
        "hold_id",
        "onward_id",
        "opening_id",
        "other_id",
        "referral_id",
        "report_id",
        "scope",
        "step",
        "task_id",
    }
