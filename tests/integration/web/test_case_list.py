from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.pages import Reader, World, words

from iars_node.accounts import store as account_store
from iars_node.accounts.model import Site, Team
from iars_node.cases import service as cases
from iars_node.cases.model import Assignment
from iars_node.cases.service.indexing import INDEX_JOB
from iars_node.jobs.service import schedule
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from iars_protocol.record import Record

MOLDOVAN: Record = {
    "identity": {"alias": "Blue bird"},
    "demographics": {"citizenships": ["MD"]},
    "services": {"needs": [{"service": "SHELTER", "priority": "urgent"}]},
}
ALBANIAN: Record = {
    "identity": {"alias": "Stone", "given_name": "\u0391\u03bd\u03bd\u03b1"},
    "demographics": {"citizenships": ["AL", "XK"]},
    "services": {"needs": [{"service": "LEG-SUPPORT", "priority": "normal"}]},
}


def listed(reader: Reader, query: str) -> list[str]:
    page = reader.get(f"/cases{query}")
    assert page.status_code == 200, words(page.text)
    return re.findall(r"<bdi>([^<]+)</bdi></td>", page.text)


def test_the_list_is_narrowed_by_choices_that_stand_in_the_address(either_world: World) -> None:
    world = either_world
    besa = Reader(world.shelter).enter()
    world.shelter.open_case(MOLDOVAN)
    world.shelter.open_case(ALBANIAN)
    assert sorted(listed(besa, "")) == ["Blue bird", "Stone"]
    assert listed(besa, "?service=SHELTER") == ["Blue bird"]
    assert listed(besa, "?country=XK") == ["Stone"]
    assert listed(besa, "?country=XK&service=SHELTER") == []
    assert listed(besa, "?training=yes") == []
    assert sorted(listed(besa, "?training=no")) == ["Blue bird", "Stone"]
    page = words(besa.get("/cases?service=SHELTER&country=AL").text)
    assert "No case fits these choices" in page
    assert sorted(listed(besa, "?service=<b>&country=ZZ&show=nonsense")) == ["Blue bird", "Stone"]


def test_a_need_that_is_taken_away_is_not_listed_any_more(world: World, besa: Reader) -> None:
    case = world.shelter.open_case(MOLDOVAN)
    with world.shelter.node.works.write(SYSTEM) as work:
        cases.write_scope(work, case.id, "services", {"needs": None}, country="AL")
    assert listed(besa, "?service=SHELTER") == []


def test_cases_from_before_are_indexed_once_by_a_job(world: World, besa: Reader) -> None:
    world.shelter.open_case(MOLDOVAN)
    with world.shelter.node.works.write(SYSTEM) as work:
        work.connection.exec_driver_sql("DELETE FROM search_word WHERE \"column\" IN ('need', 'citizen')")
        schedule(work, INDEX_JOB, work.now)
    assert listed(besa, "?service=SHELTER") == []
    world.shelter.run_jobs()
    assert listed(besa, "?service=SHELTER&country=MD") == ["Blue bird"]


def test_mine_and_my_teams_cases_are_one_choice_away(world: World) -> None:
    node = world.shelter.node
    with node.works.write(SYSTEM) as work:
        account = account_store.account_by_name(work.connection, "besa")
        assert account
        account_store.insert_site(work.connection, Site("5" * 32, "House"))
        account_store.insert_team(work.connection, Team("7" * 32, "5" * 32, "Night"))
    besa = Reader(world.shelter).enter()
    assert "My team" not in words(besa.get("/cases").text)
    with node.works.write(SYSTEM) as work:
        account_store.set_members(work.connection, account.id, ["7" * 32])
        cases.open_case(work, country="AL", record=MOLDOVAN, assignment=Assignment(team_id="7" * 32))
        cases.open_case(work, country="AL", record=ALBANIAN, assignment=Assignment(assigned_to=account.id))
    besa = Reader(world.shelter).enter()
    assert "My team" in words(besa.get("/cases").text)
    assert listed(besa, "?show=team") == ["Blue bird"]
    assert listed(besa, "?show=mine") == ["Stone"]


def test_a_search_in_another_script_can_be_narrowed_too(world: World, besa: Reader) -> None:
    world.shelter.open_case(MOLDOVAN)
    world.shelter.open_case(ALBANIAN)
    besa.get("/cases")
    assert "Stone" in besa.post("/cases/search", {"text": "Anna", "service": "LEG-SUPPORT"}).text
    assert "No case was found" in besa.post("/cases/search", {"text": "Anna", "service": "SHELTER"}).text


def test_a_role_without_the_part_is_not_offered_the_choice_and_can_t_take_it(world: World) -> None:
    world.shelter.open_case(MOLDOVAN)
    ilir = Reader(world.shelter).enter("ilir")
    assert 'name="country"' not in ilir.get("/cases").text.split("Narrow the list")[1]
    assert ilir.get("/cases?country=MD").status_code == 403


def test_a_filter_is_saved_under_a_name_and_is_its_owners_alone(world: World, besa: Reader) -> None:
    world.shelter.open_case(MOLDOVAN)
    besa.get("/cases?service=SHELTER")
    saved = besa.post("/cases/filters", {"name": "Shelter now", "service": "SHELTER", "show": "mine"})
    assert saved.headers["location"] == "/cases?show=mine&service=SHELTER"
    page = besa.get("/cases").text
    assert 'href="/cases?show=mine&amp;service=SHELTER"' in page
    assert "Shelter now" in page
    assert "Shelter now" not in Reader(world.shelter).enter("ilir").get("/cases").text
    found = re.search(r'action="(/cases/filters/[0-9a-f]{32})/delete"', page)
    assert found
    assert Reader(world.shelter).enter("ilir").post(f"{found[1]}/delete").status_code == 404
    besa.post(f"{found[1]}/delete")
    assert "Shelter now" not in besa.get("/cases").text


def test_a_saved_search_keeps_its_words_out_of_every_address_and_of_the_database(
    world: World, besa: Reader
) -> None:
    world.shelter.open_case(ALBANIAN)
    besa.get("/cases")
    saved = besa.post("/cases/filters", {"name": "About Anna", "text": "Anna"})
    assert saved.status_code == 200
    assert "Stone" in saved.text
    page = besa.get("/cases").text
    assert "Anna" not in "".join(re.findall(r'(?:href|action)="([^"]+)"', page))
    found = re.search(r'action="(/cases/filters/[0-9a-f]{32})"', page)
    assert found
    assert "Stone" in besa.post(found[1]).text
    with world.shelter.node.works.read(SYSTEM) as work:
        rows = work.connection.exec_driver_sql("SELECT * FROM draft").all()
    assert "Anna" not in str(rows)


@pytest.mark.parametrize("name", ["", "n" * 61])
def test_a_filter_without_a_usable_name_is_shown_again(besa: Reader, name: str) -> None:
    besa.get("/cases")
    answer = besa.post("/cases/filters", {"name": name, "show": "closed"})
    assert answer.status_code == 422
    assert "Write a name of at most 60 characters." in answer.text
