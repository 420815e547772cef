"""The work with a keyboard alone: nothing here is clicked."""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING

import pytest
from tests.browser.walking import IS_FULL, Screen, Walk, looking, walking
from tests.pages import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

MOST_TABS = 400
# Each width and each way once, or with IARS_TESTS_BROWSER=full all of them.
KEYBOARDS = list(product((320, 1280), (True, False))) if IS_FULL else [(320, False), (1280, True)]
# What has the focus must be seen: drawn around, and not under the bars that stay where they are.
SEEN = """(selector) => {
  const one = document.activeElement, style = getComputedStyle(one), box = one.getBoundingClientRect();
  if (one === document.body) return "nothing";
  const drawn = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  if (!drawn) return "not drawn around: " + one.outerHTML.slice(0, 120);
  if (box.bottom <= 0 || box.top >= innerHeight) return "out of sight: " + one.outerHTML.slice(0, 120);
  const middle = document.elementFromPoint(box.left + box.width / 2, box.top + Math.min(box.height, 40) / 2);
  const bar = middle?.closest(".top, .nav");
  if (bar && !bar.contains(one)) return "hidden under a bar: " + one.outerHTML.slice(0, 120);
  return one.matches(selector) ? "there" : "on the way";
}"""


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Walk]:
    with walking(tmp_path_factory.mktemp("keyboard"), sqlite_template) as made:
        yield made


def reach(page: Page, selector: str) -> None:
    """Press Tab until the focus is on something; everything on the way must show the focus."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        state = page.evaluate(SEEN, selector)
        if state == "there":
            return
        # After the last field the focus leaves the page for the browser's own bar, and comes back.
        assert state in ("on the way", "nothing"), f"{page.url}: {state}"
    pytest.fail(f"{selector} is not reached on {page.url}")


def follow(page: Page, selector: str) -> None:
    """Reach what leads on, and press Enter."""
    reach(page, selector)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def fill(page: Page, name: str, text: str) -> None:
    """Reach a field and type."""
    reach(page, f"[name='{name}']")
    page.keyboard.type(text)


def tick(page: Page, name: str, value: str) -> None:
    """Reach a box and tick it, or choose among its like with the arrows."""
    wanted = f"[name='{name}'][value='{value}']"
    if page.get_attribute(wanted, "type") == "checkbox":
        reach(page, wanted)
        page.keyboard.press("Space")
    else:
        reach(page, f"[name='{name}']")
        page.keyboard.press("Space")
        for _ in range(page.locator(f"[name='{name}']").count()):
            if page.is_checked(wanted):
                break
            page.keyboard.press("ArrowDown")
    assert page.is_checked(wanted)


@pytest.mark.parametrize(
    ("width", "scripts"), KEYBOARDS, ids=[f"{width}-{'' if on else 'no-'}scripts" for width, on in KEYBOARDS]
)
def test_a_person_is_met_asked_and_referred_without_a_mouse(
    walk: Walk,
    browser: Browser,
    width: int,
    scripts: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    name = f"Arjana{width}{scripts}"
    with looking(browser, Screen("en", width, scripts=scripts)) as page:
        page.goto(f"{walk.address}/sign-in")
        fill(page, "name", "besa")
        fill(page, "password", PASSWORD)
        follow(page, "form[action='/sign-in'] button[type=submit]")

        follow(page, "nav a[href='/cases']")
        follow(page, "main a[href='/cases/new']")
        fill(page, "identity.alias", f"Stone of {name}")
        for _ in range(3):
            follow(page, "main button[name=go]")
        reach(page, "[name='services.needs.0.service']")
        page.keyboard.type("Medical screening")
        follow(page, "main button[name=go]")
        follow(page, "main form[action$='/check'] button.main")
        assert re.search(r"/cases/[0-9a-f]{32}(\?|$)", page.url)

        follow(page, "main a[href$='/consents/new']")
        follow(page, "main button[value=ar]")
        tick(page, "recipients", f"node:{walk.world.mission.id.hex()}")
        tick(page, "purposes", "assistance")
        tick(page, "how_obtained", "verbal")
        follow(page, "main button[value=given]")
        assert re.search(r"/consents/[0-9a-f]{32}\?done=recorded$", page.url)

        follow(page, "main a[href$='/refer']")
        follow(page, "main a[href*='/refer/organisation?service=MED-SCREEN']")
        tick(page, "peer", walk.world.mission.id.hex())
        follow(page, "main button.main")
        assert page.locator(".column").count() == 3
        follow(page, "main form[action$='/refer/send'] button.main")
        assert re.search(r"/referrals/[0-9a-f]{32}\?done=sent$", page.url)
