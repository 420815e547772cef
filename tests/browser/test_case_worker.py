"""A case worker at a real browser: with and without scripts, on a wide screen and on a small phone."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.browser.site import serving
from tests.browser.walking import quickly
from tests.conftest import MORNING
from tests.federation.excepting import record
from tests.pages import PASSWORD, World, copied, make_world

from iars_node.clock import SetClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, ConsoleMessage, Page

SCREENSHOTS = Path(__file__).parents[2] / "screenshots"
LONG_NAME = "Blue bird of the northern mountains whose name goes on and on until ninety characters are full"
PERSON = {
    "services": {"needs": [{"service": "MED-SCREEN", "priority": "urgent"}], "constraints": ["female staff"]},
    "demographics": {"gender": "Feminine", "citizenships": ["MD"], "languages": ["ro", "ru"]},
    "identity": {"given_name": "Ana", "family_name": "Munteanu", "alias": LONG_NAME, "birth_date": "1999-05"},
    "contact": {"do_not_contact": True, "safe_channel": "in-person"},
    "medical": {"conditions": ["asthma"]},
    "safety": {"risk": "high", "shelter_location": "a house by the lake"},
}
SCREENS = [
    ("en", 1280, "light"),
    ("ar", 320, "light"),
    ("fr", 768, "dark"),
    ("en", 320, "dark"),
    ("ar", 1920, "light"),
]
# A name for each way: two people of one name would rightly be asked about.
WAYS = [
    ("en", 1280, True, "Mirela"),
    ("en", 1280, False, "Zamira"),
    ("ar", 320, True, "Bukurie"),
    ("ar", 320, False, "Donika"),
]


@dataclass
class Site:
    """Both organisations with their addresses."""

    world: World
    shelter: str
    mission: str


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Site]:
    """Both organisations, served and exchanging."""
    folder = tmp_path_factory.mktemp("site")
    world = make_world(folder, SetClock(MORNING), copied(sqlite_template), languages=("en", "fr", "ar"))
    with serving(world.shelter.node) as shelter, serving(world.mission.node) as mission:
        yield Site(world, shelter, mission)
    world.close()


@contextmanager
def reading(
    browser: Browser, language: str, width: int, *, scheme: str = "light", scripts: bool = True
) -> Iterator[Page]:
    """Open a page for a reader; fail if the browser complains about anything."""
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        # That a form was sent back with its faults is an answer, not a complaint.
        if message.type in ("error", "warning") and " 422 " not in message.text:
            complaints.append(message.text)

    with browser.new_context(
        viewport={"width": width, "height": 800},
        locale=language,
        color_scheme="dark" if scheme == "dark" else "light",
        java_script_enabled=scripts,
    ) as context:
        page = context.new_page()
        page.on("console", note)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
    assert complaints == []


def press(page: Page, what: str) -> None:
    """Click what leads to another page, and wait until it is there: a slow answer is no failure."""
    with page.expect_navigation():
        page.click(what)


def sign_in(page: Page, address: str, language: str, name: str = "besa") -> None:
    page.goto(f"{address}/sign-in")
    page.fill("#f-name", name)
    page.fill("#f-password", PASSWORD)
    press(page, "form[action='/sign-in'] button[type=submit]")
    page.goto(f"{address}/me")
    press(page, f"main button[value={language}]")
    assert page.get_attribute("html", "lang") == language


@pytest.mark.parametrize("way", quickly(WAYS), ids=str)
def test_a_person_is_met_asked_and_referred(
    browser: Browser, site: Site, way: tuple[str, int, bool, str]
) -> None:
    language, width, scripts, name = way
    with reading(browser, language, width, scripts=scripts) as page:
        sign_in(page, site.shelter, language)

        page.goto(f"{site.shelter}/cases/new")
        page.fill("[name='identity.alias']", f"Stone of {name}")
        page.fill("[name='identity.birth_date']", "2001")
        page.fill("[name='identity.given_name']", name)
        for _ in range(3):
            press(page, "main button[name=go]")
        page.select_option("[name='services.needs.0.service']", "MED-SCREEN")
        press(page, "main button[name=go]")
        press(page, "main form[action$='/check'] button.main")
        case = page.url.split("?")[0]
        assert re.search(r"/cases/[0-9a-f]{32}$", case)
        assert name not in page.title()

        page.goto(f"{site.shelter}/cases")
        page.fill("#words", name)
        with page.expect_navigation():
            page.press("#words", "Enter")
        press(page, f"table a[href='{case.removeprefix(site.shelter)}']")
        press(page, "a[href*='open=medical']")
        assert page.locator("details#medical[open]").count() == 1

        press(page, "a[href$='/consents/new']")
        press(page, "button[value=ar]")
        page.check(f"[value='node:{site.world.mission.id.hex()}']")
        page.check("[name=purposes][value=assistance]")
        page.check("[name=scopes][value=demographics]")
        page.check("[name=scopes][value=identity]")
        page.check("[name=how_obtained][value=verbal]")
        press(page, "main form[method=post] button.main")
        assert re.search(r"/consents/[0-9a-f]{32}", page.url)

        press(page, "a[href$='/refer']")
        press(page, "a[href*='/refer/organisation?service=MED-SCREEN']")
        page.check("[name=peer]")
        press(page, "main button.main")
        assert page.locator(".column").count() == 3
        assert name in page.locator(".column.later").inner_text()
        press(page, "main form[action$='/refer/send'] button.main")
        assert re.search(r"/referrals/[0-9a-f]{32}\?done=sent$", page.url)
        referral = page.url.split("?")[0].removeprefix(site.shelter)

        sign_in(page, site.mission, language)
        for _ in range(40):
            if page.goto(site.mission + referral).status == 200:  # type: ignore[union-attr]  # a page always answers
                break
            page.wait_for_timeout(250)
        press(page, f"a[href='{referral}/accept']")
        press(page, "main button.main")
        for _ in range(40):
            if name in page.content():
                break
            page.wait_for_timeout(250)
            page.goto(site.mission + referral)
        assert name in page.content()


def every_page(site: Site) -> list[tuple[str, str]]:
    """Return the name and address of each page that is worth a look."""
    shelter, mission = site.world.shelter, site.world.mission
    case = shelter.open_case(PERSON)  # type: ignore[arg-type]  # a plain record
    given = shelter.give_consent(case, mission, is_onward_allowed=True)
    sent = shelter.refer(case, given, mission)
    kept = record(shelter, case, mission, is_emergency=True)
    own, path = f"/cases/{case.id}", f"/cases/{case.id}/refer"
    chosen = f"service=MED-SCREEN&priority=urgent&peer={mission.id.hex()}"
    return [
        ("work", "/"),
        ("cases", "/cases"),
        ("cases-none", "/cases?show=closed"),
        ("case-new", "/cases/new"),
        ("case", own),
        ("case-opened", f"{own}?open=medical"),
        ("note", f"{own}/note"),
        ("scope-demographics", f"{own}/scopes/demographics"),
        ("scope-exploitation", f"{own}/scopes/exploitation"),
        ("consent-language", f"{own}/consents/new"),
        ("consent-new", f"{own}/consents/new?language=ar"),
        ("consent", f"/consents/{given.id}"),
        ("consent-narrow", f"/consents/{given.id}/narrow"),
        ("consent-renew", f"/consents/{given.id}/renew"),
        ("consent-invalidate", f"/consents/{given.id}/invalidate"),
        ("sharing", f"{own}/sharing"),
        ("onward-permit", f"/consents/{given.id}/onward"),
        ("exception-new", f"{own}/exceptions/new"),
        ("exception", f"/exceptions/{kept.id}"),
        ("refer-service", path),
        ("refer-organisation", f"{path}/organisation?{chosen}"),
        ("refer-consent", f"{path}/consent?{chosen}&stay=1"),
        ("refer-check", f"{path}/check?{chosen}&consent={given.id}"),
        ("referrals", "/referrals?show=sent"),
        ("referrals-none", "/referrals?show=ended"),
        ("referral", f"/referrals/{sent.id}"),
        ("referral-cancel", f"/referrals/{sent.id}/cancel"),
        ("partners", "/partners"),
        ("me", "/me"),
    ]


# What a keyboard, a finger or a screen reader would stumble over.
STUMBLES = (Path(__file__).parent / "stumbles.js").read_text(encoding="utf-8")


@pytest.mark.parametrize(("language", "width", "scheme"), quickly(SCREENS))
def test_nobody_stumbles_over_a_page(
    browser: Browser, site: Site, language: str, width: int, scheme: str
) -> None:
    SCREENSHOTS.mkdir(exist_ok=True)
    with reading(browser, language, width, scheme=scheme) as page:
        sign_in(page, site.shelter, language)
        for name, path in every_page(site):
            page.goto(site.shelter + path)
            page.screenshot(path=SCREENSHOTS / f"{name}-{language}-{width}-{scheme}.png", full_page=True)
            assert page.evaluate(STUMBLES) == [], name


def test_leaving_quickly_leaves_nothing_behind_the_back_button(browser: Browser, site: Site) -> None:
    with reading(browser, "en", 1280) as page:
        sign_in(page, site.shelter, "en")
        page.goto(f"{site.shelter}/cases")
        for _ in range(3):
            page.keyboard.press("Escape")
        page.wait_for_url(f"{site.shelter}/calendar")
        page.go_back()
        assert "/cases" not in page.url
        page.goto(f"{site.shelter}/cases")
        assert "/unlock" in page.url
        assert page.locator("main").inner_text().count("Besa") == 0


def test_a_key_reaches_the_search_and_the_first_tab_reaches_the_content(browser: Browser, site: Site) -> None:
    with reading(browser, "en", 1280) as page:
        sign_in(page, site.shelter, "en")
        page.goto(f"{site.shelter}/referrals")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement.id") == "find"


def test_a_wrong_click_does_not_lose_what_was_typed(browser: Browser, site: Site) -> None:
    asked: list[str] = []
    with reading(browser, "en", 1280) as page:
        sign_in(page, site.shelter, "en")
        page.goto(f"{site.shelter}/cases/new")
        page.fill("[name='identity.alias']", "Stone")

        def stay(dialog: object) -> None:
            asked.append(dialog.type)  # type: ignore[attr-defined]  # a dialog of the browser
            dialog.dismiss()  # type: ignore[attr-defined]  # as above

        page.on("dialog", stay)
        page.click("nav a[href='/partners']", no_wait_after=True)
        page.wait_for_timeout(300)
        assert asked == ["beforeunload"]
        assert page.input_value("[name='identity.alias']") == "Stone"
        page.remove_listener("dialog", stay)
        page.on("dialog", lambda dialog: dialog.accept())


def test_after_a_mistake_reading_goes_on_at_the_summary(browser: Browser, site: Site) -> None:
    with reading(browser, "en", 320) as page:
        sign_in(page, site.shelter, "en")
        page.goto(f"{site.shelter}/cases/new")
        page.fill("[name='identity.birth_date']", "last spring")
        with page.expect_response(lambda answer: answer.status == 422):
            page.click("main form[action='/cases/new'] button[type=submit]")
        page.wait_for_load_state()
        assert page.evaluate("document.activeElement.className").startswith("summary")
        page.click(".summary a")
        assert page.evaluate("document.activeElement.name") == "identity.birth_date"
