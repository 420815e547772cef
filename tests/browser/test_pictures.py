"""The pictures of README: made from invented people by `make pictures`, and told when the pages went on."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from tests.browser.site import serving
from tests.browser.test_case_worker import reading, sign_in
from tests.conftest import MORNING
from tests.federation.neighbours import settle
from tests.pages import copied, make_world

from iars_admin.demo.people import synthetic_year
from iars_node.accounts.service import find_account_by_name
from iars_node.cases import service as cases
from iars_node.cases.model import Assignment
from iars_node.clock import SetClock
from iars_node.referrals import service as referrals
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page
    from tests.federation.neighbours import Neighbour

    from iars_node.cases.model import Case
    from iars_protocol.record import Record

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"
WORDS = PICTURES / "words.json"
NAMES = ("home", "case", "refer", "proofs")
LARGEST = 150 * 1024
WIDTH, HEIGHT = 1280, 860
COLOURS = 128
# References are drawn anew each time.
_REFERENCE = re.compile(r"\b[KR]-[0-9A-Z]{4,9}\b")
_SAID = (("services", "Seen on Monday; nothing else is needed for now."),)


@dataclass(frozen=True)
class House:
    """A served shelter with a few weeks of work behind it."""

    address: str
    case_id: str
    refer: str
    referral_id: str


def needing_a_screening() -> list[Record]:
    """Return records of the synthetic year: women who can be asked themselves, and who need a screening."""
    return [
        one.record
        for one in synthetic_year(MORNING.year - 1)
        if not one.is_traveller
        and one.relation != "child"
        and one.record["demographics"].get("gender") == "Feminine"
        and "MED-SCREEN" in json.dumps(one.record["services"])
        and not {"FAM-TRACE", "EDU-CHILD"} & set(re.findall(r"[A-Z]+-[A-Z]+", json.dumps(one.record)))
    ]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[House]:
    """A shelter and a mission that have referred to each other, and the shelter's pages."""
    clock = SetClock(MORNING - timedelta(days=20))
    folder = tmp_path_factory.mktemp("pictures")
    world = make_world(folder, clock, copied(sqlite_template), languages=("en", "fr", "ar"), training=True)
    shelter, mission = world.shelter, world.mission
    people = needing_a_screening()[:11]
    opened = [_opened(shelter, record) for record in people[:8]]
    # The one whose case is shown comes last: hers is the newest.
    *others, shown = opened
    for number, case in enumerate(others[:4]):
        days = timedelta(days=23 + 3 * number)
        given = shelter.give_consent(case, mission, expires=clock.moment + days)
        sent = shelter.refer(case, given, mission, priority="urgent" if number % 2 else "normal")
        _settle(shelter, mission)
        _answer(mission, sent.id, number)
        _settle(shelter, mission)
        clock.moment += timedelta(days=2)
    clock.moment = MORNING - timedelta(hours=40)
    _follow_up(shelter, opened, clock)
    given = shelter.give_consent(shown, mission)
    referral_id = _referred_twice(shelter, mission, shown, clock)
    for record, hours, priority in zip(
        people[8:], (10, 6, 2), ("normal", "urgent", "emergency"), strict=True
    ):
        clock.moment = MORNING - timedelta(hours=hours)
        theirs = mission.open_case(record)
        agreed = mission.give_consent(theirs, shelter)
        mission.refer(theirs, agreed, shelter, priority=priority)
    _settle(mission, shelter)
    clock.moment = MORNING
    chosen = f"service=MED-SCREEN&priority=urgent&peer={mission.id.hex()}&consent={given.id}&stay=1"
    refer = f"/cases/{shown.id}/refer/check?{chosen}"
    with serving(shelter.node) as address:
        yield House(address, shown.id, refer, referral_id)
    world.close()


def _opened(shelter: Neighbour, record: Record) -> Case:
    with shelter.node.works.write(SYSTEM) as work:
        besa = find_account_by_name(work, "besa")
        case = cases.open_case(work, country="AL", record=record, stage="sheltered", training=True)
        return cases.assign_case(work, case.id, Assignment(assigned_to=besa.id))


def _settle(*sides: Neighbour) -> None:
    # In a thread of its own: the browser's loop holds this one.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(settle(*sides))).result()


def _answer(mission: Neighbour, referral_id: str, number: int) -> None:
    mission.act(referrals.accept, referral_id, training=True)
    if number == 0:
        mission.act(referrals.complete, referral_id, texts=_SAID)
    if number == 1:
        mission.act(referrals.begin, referral_id)


def _referred_twice(shelter: Neighbour, mission: Neighbour, case: Case, clock: SetClock) -> str:
    """Refer the person who is shown; the second referral is the one whose proofs are looked at."""
    agreed = shelter.give_consent(case, mission, scopes=("services", "demographics", "identity"))
    sent = shelter.refer(case, agreed, mission, service="MED-CARE", priority="normal")
    _settle(shelter, mission)
    clock.moment += timedelta(hours=3, minutes=25)
    mission.act(referrals.accept, sent.id, training=True)
    _settle(shelter, mission)
    clock.moment += timedelta(hours=21)
    mission.act(referrals.begin, sent.id)
    _settle(shelter, mission)
    return sent.id


def _follow_up(shelter: Neighbour, opened: list[Case], clock: SetClock) -> None:
    with shelter.node.works.write(SYSTEM) as work:
        besa = find_account_by_name(work, "besa").id
        for case, hours in zip(opened[4:], (21, 47, 95, 140), strict=False):
            due_at = clock.moment + timedelta(hours=hours)
            text = "Ask how the first days went."
            cases.add_task(work, case.id, "services", text, due_at=due_at, assigned_to=besa)
        household = cases.open_household(work)
        for case, relation in zip(opened[-2:], ("head", "other"), strict=True):
            cases.link_household(work, household, case.person_id, relation, reason="told")


def shown_words(page: Page) -> list[str]:
    """Return what a page calls its parts and buttons, without what is drawn anew each time."""
    found = page.locator("main :is(h1, h2, h3, dt, th, summary, button, a.button)").all_inner_texts()
    words = [_REFERENCE.sub("R", " ".join(text.split())) for text in found]
    return [word for word in dict.fromkeys(words) if word]


def small_picture(shot: bytes) -> bytes:
    """Return a picture in few colours: that of a page has hardly more."""
    drawn = io.BytesIO()
    with Image.open(io.BytesIO(shot)) as image:
        few = image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        few.save(drawn, "PNG", optimize=True)
    return drawn.getvalue()


def open_page(page: Page, house: House, name: str) -> None:
    paths = {
        "home": "/",
        "case": f"/cases/{house.case_id}",
        "refer": house.refer,
        "proofs": f"/referrals/{house.referral_id}",
    }
    page.goto(house.address + paths[name])
    if name == "proofs":
        page.locator("[aria-labelledby=proof] details summary").first.click()
        page.locator("#proof").scroll_into_view_if_needed()
        page.evaluate("document.getElementById('proof').scrollIntoView()")


def test_the_pictures_show_the_pages_as_they_are(house: House, browser: Browser) -> None:
    is_making = bool(os.environ.get("IARS_TESTS_PICTURES"))
    now: dict[str, list[str]] = {}
    with reading(browser, "en", WIDTH) as page:
        page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
        sign_in(page, house.address, "en")
        for name in NAMES:
            open_page(page, house, name)
            now[name] = shown_words(page)
            assert "TRAINING" in page.inner_text("body"), name
            picture = small_picture(page.screenshot())
            assert 10_000 < len(picture) < LARGEST, name
            if is_making:
                PICTURES.mkdir(exist_ok=True)
                (PICTURES / f"{name}.png").write_bytes(picture)
    if is_making:
        WORDS.write_text(json.dumps(now, indent=1, ensure_ascii=False) + "\n", "utf-8")
    # Whoever changes what these pages call things makes the pictures again: make pictures
    assert json.loads(WORDS.read_text("utf-8")) == now


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_small_and_stands_in_the_readme(name: str) -> None:
    path = PICTURES / f"{name}.png"
    assert path.stat().st_size < LARGEST
    with Image.open(path) as image:
        assert image.size == (WIDTH, HEIGHT)
    assert f"](docs/pictures/{name}.png)" in (ROOT / "README.md").read_text("utf-8")
