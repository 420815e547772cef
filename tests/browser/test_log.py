"""The pages of the log and of the alarms at a real browser, as an administrator reads them."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest
from tests.browser.site import serving
from tests.browser.test_case_worker import SCREENSHOTS, STUMBLES, press, reading, sign_in
from tests.browser.walking import quickly
from tests.conftest import MORNING
from tests.pages import World, copied, make_world

from iars_node.accounts.service import find_account_by_name
from iars_node.audit.alarms import raise_alarm
from iars_node.clock import SetClock
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

REFERRALS = 15
"""More events than a page of the log holds."""
SCREENS = list(product(("en", "ar"), (320, 1280), ("light", "dark")))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[World]:
    """Two organisations between which something has happened."""
    folder = tmp_path_factory.mktemp("log")
    made = make_world(folder, SetClock(MORNING), copied(sqlite_template), languages=("en", "fr", "ar"))
    for _ in range(REFERRALS):
        made.referral()
    with made.shelter.node.works.write(SYSTEM) as work:
        about = find_account_by_name(work, "besa").id
        for _ in range(2):
            raise_alarm(work, "account.opens-many", about, {"actor": "account", "cases": 60, "hours": 1})
        raise_alarm(work, "exchange.peer-unreachable", made.mission.id.hex(), {"code": "connection"})
    yield made
    made.close()


@pytest.fixture(scope="module")
def address(world: World) -> Iterator[str]:
    """Where the shelter's pages are."""
    with serving(world.shelter.node) as served:
        yield served


def every_state(world: World) -> list[tuple[str, str]]:
    """Return the states that are worth a look: the log whole, narrowed and empty; and the alarms."""
    return [
        ("log", "/log"),
        ("log-narrowed", f"/log?kind=referral&peer={world.mission.id.hex()}"),
        ("log-none", "/log?kind=hold&since=2026-01-01"),
        ("alarms", "/alarms"),
        ("work-alarms", "/"),
    ]


@pytest.mark.parametrize("screen", quickly(SCREENS), ids=str)
def test_nobody_stumbles_over_the_log(
    browser: Browser, world: World, address: str, screen: tuple[str, int, str]
) -> None:
    language, width, scheme = screen
    SCREENSHOTS.mkdir(exist_ok=True)
    with reading(browser, language, width, scheme=scheme) as page:
        sign_in(page, address, language, "arta")
        for name, path in every_state(world):
            page.goto(address + path)
            page.screenshot(path=SCREENSHOTS / f"{name}-{language}-{width}-{scheme}.png", full_page=True)
            assert page.evaluate(STUMBLES) == [], name
            assert page.evaluate("document.documentElement.scrollWidth") <= width, name


@pytest.mark.parametrize("way", [(1280, True), (320, False)], ids=str)
def test_the_log_is_narrowed_and_widened_again(browser: Browser, address: str, way: tuple[int, bool]) -> None:
    width, scripts = way
    with reading(browser, "en", width, scripts=scripts) as page:
        sign_in(page, address, "en", "arta")
        page.goto(f"{address}/log")
        assert rows(page) == 50
        page.click("main details summary")
        page.select_option("[name=kind]", "consent")
        press(page, "main form[action='/log'] button[type=submit]")
        assert page.url.endswith("/log?kind=consent")
        assert rows(page) == REFERRALS
        press(page, "main .actions a[href='/log']")
        assert page.url.endswith("/log")
        press(page, "main a[href*='from=']")
        assert 0 < rows(page) <= 50


def rows(page: Page) -> int:
    return page.locator("main tbody tr").count()
