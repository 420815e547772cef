from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.pages import Reader, World, add_account, everybodys_hash, words

from iars_node.cases import service as cases
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from iars_node.cases.model import Case
    from iars_protocol.record import Record

ANA: Record = {
    "identity": {"alias": "Blue bird", "given_name": "Ana", "family_name": "Munteanu", "birth_date": "1999"},
    "contact": {"phone": "+37360000001"},
    "medical": {"conditions": ["asthma"]},
}
ANNA: Record = {
    "identity": {"alias": "Stone", "given_name": "Anna", "family_name": "Munteanu", "birth_date": "1999"},
    "contact": {"phone": "+37360000001"},
}


def supervisor(world: World) -> Reader:
    add_account(world.shelter, "vera", "Vera Lala", "supervisor", everybodys_hash())
    return Reader(world.shelter).enter("vera")


def pair(world: World) -> tuple[Case, Case, str]:
    one, other = world.shelter.open_case(ANA), world.shelter.open_case(ANNA)
    first, second = sorted((one.id, other.id))
    return one, other, f"/duplicates/{first}/{second}"


def test_pairs_are_listed_with_why_they_look_alike_until_somebody_decides(either_world: World) -> None:
    world = either_world
    vera = supervisor(world)
    assert "No two cases look alike now" in vera.get("/duplicates").text
    _one, _other, path = pair(world)
    world.shelter.open_case({"identity": {"given_name": "Elira", "family_name": "Hoxha"}})
    page = vera.get("/duplicates").text
    assert page.count('href="/duplicates/') == 1
    assert path in page
    said = words(page)
    for why in ("the same phone number", "names that sound alike", "the same date of birth"):
        assert why in said
    assert vera.post(f"{path}/apart").headers["location"] == "/duplicates?done=apart"
    assert path not in vera.get("/duplicates").text
    assert vera.post(f"{path}/apart").status_code == 303


def test_two_cases_are_laid_side_by_side_without_what_is_most_sensitive(world: World) -> None:
    vera = supervisor(world)
    _one, _other, path = pair(world)
    page = words(vera.get(path).text)
    for said in ("Ana", "Anna", "Munteanu", "same", "differs"):
        assert said in page
    assert "asthma" not in page
    assert "Not laid side by side" in page
    assert "Munteanu" not in vera.get(path).text.split("<title>")[1].split("</title>")[0]


def test_merging_asks_twice_points_one_at_the_other_and_can_be_undone(world: World) -> None:
    vera = supervisor(world)
    one, other, path = pair(world)
    vera.get(path)
    for typed in ({}, {"keep": one.id}, {"keep": "0" * 32, "sure": "yes"}):
        answer = vera.post(f"{path}/merge", typed)
        assert answer.status_code == 422
    merged = vera.post(f"{path}/merge", {"keep": one.id, "sure": "yes"})
    assert merged.headers["location"] == f"{path}?done=merged"
    with world.shelter.node.works.read(SYSTEM) as work:
        assert cases.person_behind(work, other.person_id) == one.person_id
    assert path not in vera.get("/duplicates").text
    page = vera.get(path)
    assert "are one person" in page.text
    again = vera.post(f"{path}/merge", {"keep": one.id, "sure": "yes"})
    assert again.status_code == 422
    assert "These two are one person already." in again.text
    assert vera.post(f"{path}/undo").headers["location"] == f"{path}?done=parted"
    assert vera.post(f"{path}/undo").status_code == 409
    assert path in vera.get("/duplicates").text


def test_what_many_share_is_no_sign_of_one_person(world: World) -> None:
    vera = supervisor(world)
    for number in range(7):
        world.shelter.open_case(
            {"identity": {"alias": f"Stone {number}"}, "contact": {"phone": "+35542000000"}}
        )
    assert "No two cases look alike now" in vera.get("/duplicates").text


def test_a_long_list_goes_on_behind_a_cursor(world: World) -> None:
    vera = supervisor(world)
    for number in range(24):
        for _ in range(2):
            world.shelter.open_case({"contact": {"phone": f"+3554200{number:04}"}})
    seen: set[str] = set()
    path = "/duplicates"
    while path:
        page = vera.get(path).text
        seen |= set(re.findall(r'href="(/duplicates/[^"?]+)"', page))
        more = re.search(r'href="(/duplicates\?from=[^"]+)"', page)
        path = more[1] if more else ""
    assert len(seen) == 24
    assert vera.get("/duplicates?from=nonsense").status_code == 422


def test_a_case_worker_does_not_merge(world: World, besa: Reader) -> None:
    _one, _other, path = pair(world)
    assert besa.get("/duplicates").status_code == 403
    assert besa.post(f"{path}/merge", {"sure": "yes"}).status_code == 403
    assert "/duplicates" not in besa.get("/cases").text
