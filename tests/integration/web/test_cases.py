from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.pages import Reader, World, words

from iars_node.audit.model import AuditFilter
from iars_node.audit.store import page as audit_page
from iars_node.cases import service as cases
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable

    from httpx2 import Response

FIRST = {
    "identity.alias": "Blue bird",
    "identity.given_name": "Elira",
    "identity.family_name": "Hoxha",
    "identity.birth_date": "2004",
    "identity.birth_date.estimated": "yes",
    "demographics.citizenships": ["Albania", "Kosovo"],
    "demographics.languages": ["Albanian"],
    "contact.phone": "069 123 4567",
    "services.needs.0.service": "MED-SCREEN",
    "services.needs.0.priority": "urgent",
}


def opened(reader: Reader, **typed: object) -> str:
    reader.get("/cases/new")
    answer = reader.post("/cases/new", {**FIRST, **typed})
    assert answer.status_code == 303, words(answer.text)
    return answer.headers["location"].split("?")[0]


def scopes_read(world: World, case_path: str, action: str) -> list[tuple[str, ...]]:
    with world.shelter.node.works.read(SYSTEM) as work:
        found = audit_page(
            work.connection, AuditFilter(case_id=case_path.split("/")[2], action=action), None, 50
        )
    return [each.event.scopes for each in found.events]


def test_a_new_case_keeps_what_was_typed(world: World, besa: Reader) -> None:
    path = opened(besa)
    with world.shelter.node.works.write(SYSTEM) as work:
        record = cases.snapshot(work, path.split("/")[2])
    assert record["identity"]["birth_date"] == "2004~"
    assert record["contact"] == {"phone": "+355691234567"}
    assert record["demographics"]["citizenships"] == ["AL", "XK"]
    assert record["demographics"]["track"] == "national"
    assert record["services"]["needs"] == [{"service": "MED-SCREEN", "priority": "urgent"}]


def test_a_case_is_headed_by_the_code_name_and_titled_by_its_reference(besa: Reader) -> None:
    page = besa.get(opened(besa))
    heading = page.text.split("<h1>")[1].split("</h1>")[0]
    title = page.text.split("<title>")[1].split("</title>")[0]
    assert "Blue bird" in heading
    assert title.startswith("K-")
    for name in ("Elira", "Hoxha", "Blue bird"):
        assert name not in title


def test_faults_stand_in_the_summary_and_beside_their_fields_and_nothing_typed_is_lost(besa: Reader) -> None:
    besa.get("/cases/new")
    answer = besa.post("/cases/new", {**FIRST, "identity.birth_date": "last spring"})
    assert answer.status_code == 422
    assert 'href="#f-identity.birth_date"' in answer.text
    assert 'id="fault-identity.birth_date"' in answer.text
    for kept in ("last spring", "Blue bird", "Elira"):
        assert f'value="{kept}"' in answer.text
    path = draft_of(answer)
    about = besa.get(f"{path}/about").text
    for kept in ("Albania", "Kosovo"):
        assert f'value="{kept}"' in about


def draft_of(answer: Response) -> str:
    found = re.search(r'action="(/cases/new/[0-9a-f]{32})/\w+"', answer.text)
    assert found
    return found[1]


def test_a_case_is_opened_in_steps_that_are_kept_as_they_are_left(world: World, besa: Reader) -> None:
    besa.get("/cases/new")
    first = besa.post("/cases/new", {"identity.alias": "Blue bird", "go": "on"})
    path = first.headers["location"].removesuffix("/about")
    wrong = besa.post(f"{path}/about", {"demographics.citizenships": "Nowhere", "go": "on"})
    assert wrong.status_code == 422
    assert "What you typed is kept" in wrong.text
    assert 'value="Nowhere"' in Reader(world.shelter).enter().get(f"{path}/about").text
    mended = besa.post(f"{path}/about", {"demographics.citizenships": "Moldova", "go": "on"})
    assert mended.headers["location"] == f"{path}/contact"
    assert besa.post(f"{path}/contact", {"go": "on"}).headers["location"] == f"{path}/needs"
    needs = {"services.needs.0.service": "SHELTER", "services.needs.0.priority": "urgent", "go": "on"}
    assert besa.post(f"{path}/needs", needs).headers["location"] == f"{path}/check"
    page = words(besa.get(f"{path}/check").text)
    for said in ("Blue bird", "Moldova", "Safe shelter"):
        assert said in page
    opened_now = besa.post(f"{path}/check")
    assert opened_now.headers["location"].endswith("?done=opened")
    assert besa.post(f"{path}/check").headers["location"] == opened_now.headers["location"].split("?")[0]
    with world.shelter.node.works.write(SYSTEM) as work:
        record = cases.snapshot(work, opened_now.headers["location"].split("/")[2][:32])
    assert record["services"]["needs"] == [{"service": "SHELTER", "priority": "urgent"}]


def test_a_case_can_be_opened_at_any_step_and_waits_at_home_until_then(besa: Reader) -> None:
    besa.get("/cases/new")
    path = besa.post("/cases/new", {"identity.alias": "Stone", "go": "on"}).headers["location"]
    assert f"{path.removesuffix('/about')}/check" in besa.get("/").text
    answer = besa.post(path, {"demographics.languages": "Romanian"})
    assert answer.headers["location"].endswith("?done=opened")
    assert "/cases/new/" not in besa.get("/").text


def test_somebody_who_is_probably_known_is_not_opened_twice_by_mistake(besa: Reader) -> None:
    opened(besa)
    besa.get("/cases/new")
    again = besa.post("/cases/new", FIRST)
    assert again.status_code == 200
    assert "This person may be known already" in again.text
    kept = draft_of(again)
    assert 'value="Blue bird"' in besa.get(f"{kept}/person").text
    assert opened(besa, anyway="yes").startswith("/cases/")


def test_cases_are_found_by_a_name_that_stands_in_no_address(besa: Reader) -> None:
    path = opened(besa)
    besa.get("/cases")
    found = besa.post("/cases/search", {"text": "elira"})
    assert found.status_code == 200
    assert path in found.text
    assert "elira" not in str(found.url)
    assert "Sounds alike" in besa.post("/cases/search", {"text": "Hodja"}).text
    assert "No case was found" in besa.post("/cases/search", {"text": "Nobody"}).text
    assert besa.post("/cases/search", {"text": "  "}).headers["location"] == "/cases"


def test_the_list_goes_on_behind_a_cursor(world: World, besa: Reader) -> None:
    for _ in range(26):
        world.shelter.open_case({"identity": {"alias": "Stone"}})
    first = besa.get("/cases")
    assert first.text.count('class="link"') == 25
    more = first.text.split('href="/cases?from=')[1].split('"')[0]
    assert besa.get(f"/cases?from={more}").text.count('class="link"') == 1
    assert besa.get("/cases?from=nonsense").status_code == 422
    assert besa.get("/cases?show=mine").text.count('class="link"') == 0
    found = besa.post("/cases/search", {"text": "Stone"})
    assert found.text.count('class="link"') == 25
    assert 'name="from"' in found.text


def test_an_empty_list_says_what_it_is_and_offers_what_to_do(besa: Reader) -> None:
    page = besa.get("/cases").text
    assert "There is no case here yet" in page
    assert 'href="/cases/new"' in page


def test_most_sensitive_parts_are_closed_until_asked_for_and_the_opening_is_recorded(
    world: World, besa: Reader
) -> None:
    path = f"/cases/{world.shelter.open_case().id}"
    closed = words(besa.get(path).text)
    assert "asthma" not in closed
    assert "promised work" not in closed
    assert scopes_read(world, path, "case.scope-read") == []
    opened_page = words(besa.get(f"{path}?open=medical").text)
    assert "asthma" in opened_page
    assert "promised work" not in opened_page
    assert scopes_read(world, path, "case.scope-read") == [("medical",)]


def test_a_role_sees_its_own_parts_only(world: World, visitor: Callable[..., Reader]) -> None:
    path = f"/cases/{world.shelter.open_case().id}"
    doctor = visitor("mira")
    page = words(doctor.get(f"{path}?open=exploitation").text)
    assert "Ana" not in page
    assert "promised work" not in page
    assert "Not shown to your roles: Identity, Contact" in page
    assert doctor.get(f"{path}/scopes/identity").status_code == 403
    assert doctor.get(f"{path}/scopes/medical").status_code == 200


def test_a_part_is_written_and_emptied_again(world: World, besa: Reader) -> None:
    path = opened(besa)
    assert besa.get(f"{path}/scopes/travel").status_code == 200
    typed = {"version": "0", "travel.origin_country": "Moldova", "travel.escort_needed": "yes"}
    saved = besa.post(f"{path}/scopes/travel", typed)
    assert saved.headers["location"] == f"{path}?done=saved&open=travel#travel"
    assert 'value="Moldova"' in besa.get(f"{path}/scopes/travel").text
    besa.post(f"{path}/scopes/travel", {"version": "1", "travel.escort_needed": "yes"})
    with world.shelter.node.works.write(SYSTEM) as work:
        assert cases.snapshot(work, path.split("/")[2])["travel"] == {"escort_needed": True}


def test_two_people_who_write_at_once_see_each_other(besa: Reader) -> None:
    path = opened(besa)
    besa.get(f"{path}/scopes/travel")
    besa.post(f"{path}/scopes/travel", {"version": "0", "travel.origin_place": "Comrat"})
    late = besa.post(f"{path}/scopes/travel", {"version": "0", "travel.origin_place": "Bender"})
    assert late.status_code == 422
    assert "Someone else changed this part of the case first" in late.text
    assert "Comrat" in words(late.text)
    assert 'value="Bender"' in late.text
    assert 'name="version" value="1"' in late.text
    assert (
        besa.post(f"{path}/scopes/travel", {"version": "1", "travel.origin_place": "Bender"}).status_code
        == 303
    )


def test_a_note_stands_with_the_part_that_it_touches(besa: Reader) -> None:
    path = opened(besa)
    assert besa.get(f"{path}/note?scope=medical").status_code == 200
    empty = besa.post(f"{path}/note", {"scope": "medical", "text": "  "})
    assert empty.status_code == 422
    besa.post(f"{path}/note", {"scope": "medical", "text": "Sleeps badly."})
    assert "Sleeps badly." not in besa.get(path).text
    assert "Sleeps badly." in besa.get(f"{path}?open=medical").text


def test_a_file_number_that_another_case_has_is_said_calmly(besa: Reader) -> None:
    opened(besa, external_number="2026/1")
    besa.get("/cases/new")
    other = {"identity.alias": "Stone", "external_number": "2026/1"}
    answer = besa.post("/cases/new", other)
    assert answer.status_code == 422
    assert "Another case has this file number." in answer.text
    assert 'value="2026/1"' in answer.text
    path = draft_of(answer)
    assert 'value="Stone"' in besa.get(f"{path}/person").text
    assert besa.post(f"{path}/needs", {"external_number": "2026/2"}).status_code == 303


def test_unknown_cases_and_parts_are_calm_pages(besa: Reader) -> None:
    for path in (f"/cases/{'0' * 32}", "/cases/nonsense", f"/cases/{'0' * 32}/scopes/dreams", "/nowhere"):
        answer = besa.get(path)
        assert answer.status_code == 404
        assert "This did not work" in answer.text
        assert "Besa" not in words(answer.text)
