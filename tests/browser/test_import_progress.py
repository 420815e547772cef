"""An import's progress at a real browser: by itself, with scripts and without them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.browser.test_case_worker import SCREENSHOTS, STUMBLES, reading, sign_in, site
from tests.browser.walking import quickly

from iars_node.accounts import store as account_store
from iars_node.cases.spreadsheet import uploading
from iars_node.drafts import service as drafts
from iars_node.drafts.progress import Step
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser
    from tests.browser.test_case_worker import Site

    from iars_node.drafts.model import Draft
    from iars_node.work import Actor

__all__ = ["site"]

SCREENS = [("en", 1280, "light"), ("ar", 320, "dark"), ("en", 320, "light"), ("ar", 1280, "light")]
# Beyond what a page waits for the stream, or without scripts for its next turn.
PATIENCE = 15_000


@pytest.fixture
def besa(site: Site) -> Actor:
    """Who has uploaded the spreadsheet."""
    with site.world.shelter.node.works.read(SYSTEM) as work:
        account = account_store.account_by_name(work.connection, "besa")
    assert account
    return account.actor


@pytest.fixture
def waiting(site: Site, besa: Actor) -> Iterator[Draft]:
    """An import that is being checked, by a job that goes no further than a test lets it."""
    node = site.world.shelter.node
    with node.works.write(besa) as work:
        kept = drafts.begin(work, "import", {"state": [uploading.CHECKING]})
    node.board.note(kept.id, Step("compare", 500, 1200))
    yield kept
    node.board.clear(kept.id)


def finish(site: Site, besa: Actor, kept: Draft) -> None:
    with site.world.shelter.node.works.write(besa) as work:
        now = drafts.get(work, kept.id, for_update=True)
        drafts.change(work, now, {"state": [uploading.FAILED], "problem": ["The sheet is too long."]})


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "none"])
def test_the_page_goes_on_by_itself_to_what_was_found(
    browser: Browser, site: Site, besa: Actor, waiting: Draft, *, scripts: bool
) -> None:
    with reading(browser, "en", 1280, scripts=scripts) as page:
        sign_in(page, site.shelter, "en")
        page.goto(f"{site.shelter}/imports/{waiting.id}")
        assert "500 of 1200 rows are checked." in page.inner_text("[data-progress]")
        loads: list[str] = []
        page.on("framenavigated", lambda frame: loads.append(frame.url))
        # One look of the watch, so that what follows is news to the page's stream.
        page.wait_for_timeout(2500 if scripts else 0)
        site.world.shelter.node.board.note(waiting.id, Step("compare", 1000, 1200))
        page.wait_for_selector("text=1000 of 1200 rows are checked.", timeout=PATIENCE)
        assert bool(loads) is not scripts
        finish(site, besa, waiting)
        page.wait_for_selector("text=The sheet is too long.", timeout=PATIENCE)


@pytest.mark.parametrize("look", quickly(SCREENS), ids=str)
def test_nobody_stumbles_over_an_import_that_is_worked_on(
    browser: Browser, site: Site, waiting: Draft, look: tuple[str, int, str]
) -> None:
    language, width, scheme = look
    SCREENSHOTS.mkdir(exist_ok=True)
    with reading(browser, language, width, scheme=scheme) as page:
        sign_in(page, site.shelter, language)
        page.goto(f"{site.shelter}/imports/{waiting.id}")
        page.screenshot(path=SCREENSHOTS / f"import-waiting-{language}-{width}-{scheme}.png", full_page=True)
        assert page.evaluate(STUMBLES) == []
        assert "1200" in page.inner_text("[data-progress]")
