"""What stands around a case's record: the strip of consents, the timeline, the household, the follow-ups."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tests.federation.endings import withdraw
from tests.federation.excepting import record
from tests.federation.neighbours import settle
from tests.pages import Reader, World, words

from iars_node.cases import service as cases
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable

    from iars_node.clock import SetClock

TEXT = "Ask the clinic about the x-ray"


def day(clock: SetClock, days: int) -> str:
    return (clock.moment + timedelta(days=days)).date().isoformat()


def test_the_strip_says_who_may_know_how_much_until_when(either_world: World) -> None:
    world = either_world
    case = world.shelter.open_case()
    besa = Reader(world.shelter).enter()
    assert "Nobody outside may know anything of this person." in words(besa.get(f"/cases/{case.id}").text)
    given = world.shelter.give_consent(case, world.mission)
    kept = record(world.shelter, world.shelter.open_case(), world.mission)
    page = besa.get(f"/cases/{case.id}").text
    assert f'class="chip done" href="/consents/{given.id}"' in page
    assert "Mission · 4 parts of the record · until" in words(page).replace("Mission  ·", "Mission ·")
    assert "without consent" in words(besa.get(f"/cases/{kept.case_id}").text)


async def test_of_a_received_case_it_is_said_who_referred_the_person_and_that_nobody_else_knows(
    world: World,
) -> None:
    _case, given, sent = await world.accepted()
    path = f"/cases/{world.mission.referral(sent.id).case_id}"
    worker = Reader(world.mission).enter()
    page = words(worker.get(path).text)
    assert "Shelter · referred this person here" in page
    assert "Nobody else outside may know anything of this person." in page
    assert "Nobody outside may know" not in page
    assert "but what the person allowed us to tell Shelter." in page
    withdraw(world.shelter, given)
    await settle(world.shelter, world.mission)
    page = words(worker.get(path).text)
    assert "Shelter · referred this person here; the agreement for it has ended" in page
    assert "allowed us to tell" not in page


async def test_what_arrives_at_once_is_one_line_of_the_timeline(world: World) -> None:
    _case, _given, sent = await world.accepted()
    path = f"/cases/{world.mission.referral(sent.id).case_id}"
    page = Reader(world.mission).enter().get(path).text
    timeline = words(page[page.index('id="timeline"') :])
    # What came with the offer, and the rest after it was accepted.
    assert timeline.count("Content arrived") == 2
    assert "Services" in timeline
    assert "Medical" in timeline


def test_the_timeline_says_what_happened_by_whom_and_never_what_it_held(either_world: World) -> None:
    world = either_world
    case, _given, sent = world.referral()
    besa = Reader(world.shelter).enter()
    besa.post(f"/cases/{case.id}/note", {"scope": "medical", "text": TEXT})
    page = besa.get(f"/cases/{case.id}").text
    timeline = words(page[page.index('id="timeline"') :])
    for said in (
        "Added a note",
        "Besa Dema",
        "Medical",
        "Sent a referral",
        "Recorded a consent",
        "Opened the case",
    ):
        assert said in timeline
    assert f"/referrals/{sent.id}" in page[page.index('id="timeline"') :]
    assert TEXT not in timeline
    seen = Reader(world.shelter).enter("ilir").get(f"/cases/{case.id}").text
    ilir = words(seen[seen.index('id="timeline"') :])
    assert "Added a note" in ilir
    assert "Medical" not in ilir, "a part that a role does not read is not named"


def test_a_follow_up_stands_on_the_work_list_until_it_is_done(either_world: World, clock: SetClock) -> None:
    world = either_world
    case = world.shelter.open_case()
    besa = Reader(world.shelter).enter()
    path = f"/cases/{case.id}/tasks"
    faulty = besa.post(f"{path}/new", {"scope": "medical", "text": TEXT, "due": "2001-01-01"})
    assert faulty.status_code == 422
    assert 'href="#f-due"' in faulty.text
    assert TEXT in faulty.text
    typed = {"scope": "medical", "text": TEXT, "due": day(clock, 2), "assigned_to": ""}
    assert besa.post(f"{path}/new", typed).headers["location"] == f"/cases/{case.id}?done=task-added#tasks"
    home = words(besa.get("/").text)
    assert f"Follow up: {case.reference}" in home
    assert TEXT not in home, "what it says stands in the case alone"
    page = besa.get(f"/cases/{case.id}").text
    assert TEXT in page
    with world.shelter.node.works.read(SYSTEM) as work:
        (task,) = cases.tasks_of_case(work, case.id)
    assert TEXT not in Reader(world.shelter).enter("ilir").get(f"/cases/{case.id}").text
    clock.moment += timedelta(days=4)
    late = Reader(world.shelter).enter()
    assert "overdue since" in words(late.get("/").text)
    assert late.post(f"{path}/{task.id}").headers["location"] == f"/cases/{case.id}?done=task-done#tasks"
    assert "Follow up" not in words(late.get("/").text)
    again = late.post(f"{path}/{task.id}")
    assert again.status_code == 409
    assert "A colleague has done this already" in again.text


def test_a_follow_up_for_somebody_else_is_on_their_list_alone(
    world: World, besa: Reader, clock: SetClock
) -> None:
    case = world.shelter.open_case()
    with world.shelter.node.works.read(SYSTEM) as work:
        people = {name: key for key, name in cases.assignable(work).items()}
    assert "Arta Meta" not in people, "an administrator reads no case"
    typed = {"scope": "services", "text": TEXT, "due": day(clock, 1), "assigned_to": people["Mira Hoxha"]}
    assert besa.post(f"/cases/{case.id}/tasks/new", typed).status_code == 303
    assert "Follow up" not in words(besa.get("/").text)
    assert f"Follow up: {case.reference}" in words(Reader(world.shelter).enter("mira").get("/").text)


def test_a_follow_up_is_erased_with_its_part_and_told_to_the_person(
    world: World, besa: Reader, clock: SetClock
) -> None:
    case = world.shelter.open_case()
    typed = {"scope": "medical", "text": TEXT, "due": day(clock, 1), "assigned_to": ""}
    besa.post(f"/cases/{case.id}/tasks/new", typed)
    assert TEXT in words(besa.get(f"/cases/{case.id}/access-report").text)
    with world.shelter.node.works.write(SYSTEM) as work:
        cases.erase_content(work, case.id, "own", ["medical"])
        assert cases.tasks_of_case(work, case.id) == []


def test_whoever_may_not_change_a_case_is_refused(world: World, visitor: Callable[..., Reader]) -> None:
    case = world.shelter.open_case()
    ilir = visitor("ilir")
    for path in ("household/leave", "tasks/new"):
        assert ilir.get(f"/cases/{case.id}/{path}").status_code == 403
    for path in ("household", "household/leave", "tasks/new"):
        assert ilir.post(f"/cases/{case.id}/{path}").status_code == 403
