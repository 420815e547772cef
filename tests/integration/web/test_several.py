"""Several referrals in one go: each with what it tells, all of them sent or none."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from tests.federation.neighbours import settle
from tests.pages import Reader, World, words

from iars_node.cases import service as cases
from iars_node.referrals import service as referrals
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from iars_node.cases.model import Case


def family(world: World) -> tuple[Case, Case]:
    mother, child = (
        world.shelter.open_case(),
        world.shelter.open_case({"services": {"constraints": ["a cot"]}}),
    )
    with world.shelter.node.works.write(SYSTEM) as work:
        household = cases.open_household(work)
        cases.link_household(work, household, mother.person_id, "head", reason="told")
        cases.link_household(work, household, child.person_id, "child", reason="told")
    return mother, child


def chosen(world: World, *persons: Case) -> dict[str, object]:
    return {
        "person": [each.id for each in persons],
        "service": ["SHELTER", "MED-SCREEN"],
        "peer": [world.mission.id.hex()],
        "priority": "urgent",
    }


def marks(page: str) -> dict[str, object]:
    found = dict(re.findall(r'name="(shown\.[^"]+)" value="([0-9a-f]{64})"', html.unescape(page)))
    return {**found, "row": [name.removeprefix("shown.") for name in found]}


def sent(world: World, case: Case) -> list[str]:
    with world.shelter.node.works.read(SYSTEM) as work:
        return [each.id for each in referrals.of_case(work, case.id)]


async def test_a_household_is_referred_for_two_services_in_one_go(either_world: World) -> None:
    world = either_world
    mother, child = family(world)
    for case in (mother, child):
        world.shelter.give_consent(case, world.mission)
    besa = Reader(world.shelter).enter()
    path = f"/cases/{mother.id}/refer/several"
    assert child.id in besa.get(path).text
    check = besa.post(path, chosen(world, mother, child))
    assert words(check.text).count("Mission will learn") == 4
    answer = besa.post(f"{path}/send", {**chosen(world, mother, child), **marks(check.text)})
    assert answer.headers["location"] == "/referrals?show=sent&done=several-sent"
    assert [len(sent(world, case)) for case in (mother, child)] == [2, 2]
    await settle(world.shelter, world.mission)
    together = [set(world.mission.referral(each).together) for each in sent(world, child)]
    assert {name for names in together for name in names} == set(sent(world, mother))


def test_nothing_is_sent_where_something_changed_or_nothing_is_chosen(either_world: World) -> None:
    world = either_world
    mother, child = family(world)
    for case in (mother, child):
        world.shelter.give_consent(case, world.mission)
    besa = Reader(world.shelter).enter()
    path = f"/cases/{mother.id}/refer/several"
    shown = marks(besa.post(path, chosen(world, mother, child)).text)
    none = besa.post(f"{path}/send", {**chosen(world, mother, child), **shown, "row": ["-"]})
    assert none.status_code == 422
    assert "Choose at least one." in none.text
    with world.shelter.node.works.write(SYSTEM) as work:
        cases.write_scope(work, child.id, "services", {"constraints": ["two cots"]}, country="AL")
    changed = besa.post(f"{path}/send", {**chosen(world, mother, child), **shown})
    assert changed.status_code == 422
    assert "Nothing was sent; look again." in words(changed.text)
    assert [sent(world, case) for case in (mother, child)] == [[], []]


def test_who_agreed_to_nothing_is_shown_with_the_reason_and_left_out(world: World, besa: Reader) -> None:
    mother, child = family(world)
    world.shelter.give_consent(mother, world.mission)
    path = f"/cases/{mother.id}/refer/several"
    check = besa.post(path, chosen(world, mother, child))
    page = words(check.text)
    assert page.count("Mission will learn") == 2
    assert page.count("Not sent") == 2
    assert "No consent is recorded that covers this." in page
    assert besa.post(f"{path}/send", {**chosen(world, mother, child), **marks(check.text)}).status_code == 303
    assert (len(sent(world, mother)), sent(world, child)) == (2, [])


def test_what_is_missing_is_said_in_its_field(world: World, besa: Reader) -> None:
    mother, _child = family(world)
    answer = besa.post(f"/cases/{mother.id}/refer/several", {"person": [mother.id], "priority": "urgent"})
    assert answer.status_code == 422
    assert 'href="#f-service"' in answer.text
    assert 'href="#f-peer"' in answer.text
    stranger = world.shelter.open_case()
    other = besa.post(f"/cases/{mother.id}/refer/several", chosen(world, stranger))
    assert 'href="#f-person"' in other.text, "only who belongs to the household"
