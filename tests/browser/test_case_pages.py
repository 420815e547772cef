"""Quick intake, the list, duplicates and imports at a real browser, with and without scripts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.browser.test_case_worker import (
    LONG_NAME,
    SCREENSHOTS,
    STUMBLES,
    WAYS,
    press,
    reading,
    sign_in,
    site,
)
from tests.browser.walking import quickly
from tests.integration.web.spreadsheets import ROWS, workbook

from iars_node.accounts import store as account_store
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page
    from tests.browser.test_case_worker import Site

    from iars_protocol.record import Record

__all__ = ["site"]

SCREENS = [
    ("en", 1280, "light"),
    ("ar", 320, "light"),
    ("en", 320, "dark"),
    ("ar", 1280, "dark"),
    ("fr", 320, "light"),
]
ALIKE: Record = {
    "identity": {"given_name": "Elena", "family_name": "Ceban", "birth_date": "1999-05", "alias": LONG_NAME},
    "demographics": {"citizenships": ["MD"], "languages": ["ro"]},
}


@pytest.mark.parametrize("way", quickly(WAYS), ids=str)
def test_a_person_is_taken_in_quickly_and_referred(
    browser: Browser, site: Site, way: tuple[str, int, bool, str]
) -> None:
    language, width, scripts, name = way
    with reading(browser, language, width, scripts=scripts) as page:
        sign_in(page, site.shelter, language)
        page.goto(f"{site.shelter}/intake")
        press(page, "main button.main")
        assert page.locator(".summary").count() == 1
        page.fill("[name='identity.alias']", f"Pebble of {name}")
        page.fill("[name='demographics.languages'] >> nth=0", languages_name(language))
        press(page, "main button.main")
        page.select_option("[name=service]", "MED-SCREEN")
        page.check("[name=priority][value=urgent]")
        press(page, "main button.main")
        page.goto(f"{site.shelter}/")
        press(page, "section[aria-labelledby=begun] li:first-child a")
        page.check(f"[name=peer][value='{site.world.mission.id.hex()}']")
        press(page, "main button.main")
        assert page.get_attribute(".read-out", "lang") == "ar"
        page.check("[name=agreed]")
        press(page, "main button.main")
        assert page.locator(".column").count() == 3
        assert name in page.locator(".column.later").inner_text()
        press(page, "main form[action$='/send'] button.main")
        assert re.search(r"/referrals/[0-9a-f]{32}\?done=sent$", page.url)
        assert name not in page.title()


def languages_name(language: str) -> str:
    """Return what Arabic is called in a language of the pages."""
    return {"en": "Arabic", "ar": "\u0627\u0644\u0639\u0631\u0628\u064a\u0629"}[language]


def test_a_spreadsheet_is_taken_in_without_scripts(browser: Browser, site: Site, tmp_path: Path) -> None:
    path = tmp_path / "list.xlsx"
    path.write_bytes(workbook(*ROWS))
    with reading(browser, "en", 1280, scripts=False) as page:
        sign_in(page, site.shelter, "en")
        checked(page, site, path)
        press(page, "form[action$='/write'] button.main")
        wait_for(page, ".notice.done")
        assert "2 cases were opened." in page.inner_text(".notice.done")


def checked(page: Page, site: Site, path: Path) -> None:
    """Upload a spreadsheet and wait for what the check found."""
    page.goto(f"{site.shelter}/imports")
    page.set_input_files("[name=file]", path)
    press(page, "main form button.main")
    page.fill("[name='column.0']", "File number")
    press(page, "main form[action$='/columns'] button.main")
    wait_for(page, "dl.facts")


def wait_for(page: Page, what: str) -> None:
    """Let jobs run and look again until something is there."""
    for _ in range(40):
        if page.locator(what).count():
            return
        page.wait_for_timeout(250)
        page.reload()
    raise AssertionError(what)


def intake(page: Page, site: Site) -> list[tuple[str, str]]:
    """Fill an intake up to its check, and return the address of each step."""
    page.goto(f"{site.shelter}/intake")
    page.fill("[name='identity.alias']", LONG_NAME)
    page.fill("[name='identity.birth_date']", "2001")
    press(page, "main button.main")
    path = page.url.removeprefix(site.shelter).removesuffix("/need")
    page.select_option("[name=service]", "MED-SCREEN")
    press(page, "main button.main")
    page.check(f"[name=peer][value='{site.world.mission.id.hex()}']")
    press(page, "main button.main")
    page.check("[name=agreed]")
    press(page, "main button.main")
    return [(f"intake-{step}", f"{path}/{step}") for step in ("person", "need", "help", "agreed", "check")]


def every_page(page: Page, site: Site, folder: Path, run: int) -> list[tuple[str, str]]:
    """Return the name and address of each page that is worth a look."""
    shelter = site.world.shelter
    # What more than a few share is no sign of one person: each run has a telephone of its own.
    alike: Record = {**ALIKE, "contact": {"phone": f"+3736000007{run}"}}
    one, other = sorted(shelter.open_case(alike).id for _ in range(2))
    path = folder / "list.xlsx"
    path.write_bytes(workbook(*ROWS, ["2026/3", "Nobody", "", "last spring", "Atlantis", ""]))
    checked(page, site, path)
    report = page.url.removeprefix(site.shelter)
    page.goto(f"{site.shelter}/cases/new")
    page.fill("[name='identity.alias']", "Stone")
    press(page, "main button[name=go]")
    case_new = page.url.removeprefix(site.shelter).removesuffix("/about")
    page.goto(f"{site.shelter}/cases?service=MED-SCREEN&show=all")
    page.click("details:has(form[action='/cases/filters']) > summary")
    page.fill("#f-name", "Screening, this week")
    press(page, "form[action='/cases/filters'] button")
    return [
        *intake(page, site),
        ("intake-first", "/intake"),
        ("work-begun", "/"),
        ("cases-narrowed", "/cases?service=MED-SCREEN&show=all"),
        ("cases-nothing-fits", "/cases?service=RESEARCH"),
        ("case-new-about", f"{case_new}/about"),
        ("case-new-needs", f"{case_new}/needs"),
        ("case-new-check", f"{case_new}/check"),
        ("imports", "/imports"),
        ("imports-done", "/imports?created=2&updated=1&unchanged=0"),
        ("import-columns", f"{report}/columns"),
        ("import-report", report),
        ("duplicates", "/duplicates"),
        ("duplicate", f"/duplicates/{one}/{other}"),
    ]


@pytest.fixture(scope="module")
def supervised(site: Site) -> None:
    """Let besa merge too: one reader sees every page."""
    with site.world.shelter.node.works.write(SYSTEM) as work:
        account = account_store.account_by_name(work.connection, "besa")
        assert account
        account_store.update_account(work.connection, account.id, roles=["case-worker", "supervisor"])


@pytest.mark.usefixtures("supervised")
@pytest.mark.parametrize("screen", quickly(SCREENS), ids=str)
def test_nobody_stumbles_over_a_page_about_cases(
    browser: Browser, site: Site, tmp_path: Path, screen: tuple[str, int, str]
) -> None:
    language, width, scheme = screen
    SCREENSHOTS.mkdir(exist_ok=True)
    with reading(browser, language, width, scheme=scheme) as page:
        sign_in(page, site.shelter, "en")
        pages = every_page(page, site, tmp_path, SCREENS.index(screen))
        sign_in_language(page, site, language)
        for name, path in pages:
            page.goto(site.shelter + path)
            page.screenshot(path=SCREENSHOTS / f"{name}-{language}-{width}-{scheme}.png", full_page=True)
            assert page.evaluate(STUMBLES) == [], name


def sign_in_language(page: Page, site: Site, language: str) -> None:
    """Go on in another language."""
    page.goto(f"{site.shelter}/me")
    press(page, f"main button[value={language}]")
