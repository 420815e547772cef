"""The work list: lines that are told apart, and many alike under one."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.federation.neighbours import settle
from tests.pages import Reader, World, words

from iars_node.cases import service as cases
from iars_node.consent.model import Recipient
from iars_node.referrals import service as referrals
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from iars_node.clock import SetClock

MANY = 5


def ending_in(world: World, clock: SetClock, days: int, many: int = 1) -> list[str]:
    """Let consents of so many persons end in some days; return the references of their cases."""
    found = [world.shelter.open_case() for _ in range(many)]
    for case in found:
        world.shelter.give_consent(case, world.mission, expires=clock.moment + timedelta(days=days))
    return [case.reference for case in found]


def test_many_people_to_ask_again_are_one_line_that_is_opened(
    world: World, besa: Reader, clock: SetClock
) -> None:
    references = ending_in(world, clock, days=3, many=MANY)
    page = besa.get("/").text
    heap = page[page.index('<li class="heap">') : page.index("</details>")]
    assert "Ask 5 people again: their consents end" in words(heap)
    for reference in references:
        assert f"Ask {reference} again: consent for Mission ends" in words(heap)
    assert "This week 5" in words(page)


def test_a_few_stand_as_they_are_and_so_does_whatever_is_urgent(
    world: World, besa: Reader, clock: SetClock
) -> None:
    ending_in(world, clock, days=3, many=3)
    assert '<li class="heap">' not in besa.get("/").text
    clock.moment += timedelta(days=3, hours=-1)
    ending_in(world, clock, days=3, many=3)
    later = Reader(world.shelter).enter().get("/").text
    assert "Now 3" in words(later)
    assert '<li class="heap">' not in later, "nothing that is due now is folded away"


def test_somebody_whose_consents_end_is_asked_once_and_the_line_says_for_whom_and_what(
    world: World, besa: Reader, clock: SetClock
) -> None:
    case = world.shelter.open_case()
    given = world.shelter.give_consent(case, world.mission, expires=clock.moment + timedelta(days=3))
    world.shelter.refer(case, given, world.mission)
    home = words(besa.get("/").text)
    assert f"Ask {case.reference} again: consent for Mission ends" in home
    assert "Medical screening · agreed on 2 March 2026" in home
    kinds = (Recipient("", "NGO"),)
    world.shelter.give_consent(
        case, world.mission, recipients=kinds, expires=clock.moment + timedelta(days=4)
    )
    page = besa.get("/").text
    assert words(page).count(f"Ask {case.reference} again") == 1
    assert f'href="/cases/{case.id}#consents"' in page
    assert re.search(r"Ask \S+ again: consent for Mission and [^:]+ ends", words(page))


def test_who_reads_no_referrals_is_told_of_no_service(world: World, clock: SetClock) -> None:
    case = world.shelter.open_case()
    given = world.shelter.give_consent(case, world.mission, expires=clock.moment + timedelta(days=3))
    world.shelter.refer(case, given, world.mission)
    home = words(Reader(world.shelter).enter("ilir").get("/").text)
    assert "Medical screening" not in home


def test_a_reference_is_never_broken_or_turned_around(world: World, besa: Reader, clock: SetClock) -> None:
    (reference,) = ending_in(world, clock, days=3)
    assert f'<bdi class="whole">{reference}</bdi>' in besa.get("/").text


async def test_older_answers_are_folded(world: World, besa: Reader) -> None:
    for _ in range(MANY + 2):
        world.referral()
    await settle(world.shelter, world.mission)
    for each in received(world):
        world.mission.act(referrals.reject, each, "no-capacity")
    await settle(world.mission, world.shelter)
    page = besa.get("/").text
    assert "2 more answers" in words(page)
    assert page.index("2 more answers") > page.index("What others answered")


def received(world: World) -> list[str]:
    """Return the referrals that the mission has to answer."""
    with world.mission.node.works.read(SYSTEM) as work:
        return [each.id for each in referrals.waiting.unanswered(work, 50)]


def test_many_follow_ups_are_one_line_and_each_says_its_part(
    world: World, besa: Reader, clock: SetClock
) -> None:
    case = world.shelter.open_case()
    with world.shelter.node.works.write(SYSTEM) as work:
        for days in range(2, 2 + MANY):
            cases.add_task(work, case.id, "services", "Ask her", due_at=clock.moment + timedelta(days=days))
    page = words(besa.get("/").text)
    assert "5 follow-ups" in page
    assert f"Follow up: {case.reference}" in page
    assert "· Services" in page
