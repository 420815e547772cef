"""Every page against WCAG 2.2 AA, on every screen of the matrix, with a keyboard alone and for other eyes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.browser.walking import (
    IS_FULL,
    SCREENSHOTS,
    STUMBLES,
    WORDS,
    ZOOMED,
    Screen,
    Walk,
    enter,
    looking,
    screens,
    violations,
    walking,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

USUAL: dict[str, Any] = {
    "media": "screen",
    "color_scheme": "dark",
    "forced_colors": "none",
    "reduced_motion": "no-preference",
}
OTHERS: dict[str, dict[str, Any]] = {
    "forced-colours": {"forced_colors": "active", "color_scheme": "light"},
    "reduced-motion": {"reduced_motion": "reduce", "color_scheme": "light"},
}
FORMS = ("/cases/new", "/cases/{case_id}/consents/new?language=en", "/cases/{case_id}/exceptions/new")


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Walk]:
    with walking(tmp_path_factory.mktemp("walk"), sqlite_template) as made:
        yield made


@pytest.mark.parametrize("screen", screens(), ids=str)
def test_no_page_breaks_a_rule_of_accessibility(walk: Walk, browser: Browser, screen: Screen) -> None:
    found: dict[str, list[str]] = {}
    with looking(browser, screen) as page:
        for name in ("sign-in", "calendar"):
            page.goto(f"{walk.address}/{name}")
            found[name] = judged(page, screen, name)
        enter(page, walk.address, screen.language)
        for name, path in walk.pages():
            page.goto(walk.address + path)
            found[name] = judged(page, screen, name)
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_the_longest_words_stay_whole_on_the_smallest_phone(walk: Walk, browser: Browser) -> None:
    found: dict[str, list[str]] = {}
    with looking(browser, Screen("ru", 320)) as page:
        page.goto(f"{walk.address}/sign-in")
        found["sign-in"] = page.evaluate(WORDS)
        enter(page, walk.address, "ru")
        for name, path in walk.pages():
            page.goto(walk.address + path)
            found[name] = page.evaluate(WORDS)
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def judged(page: Page, screen: Screen, name: str) -> list[str]:
    """Return what is wrong with the page as it stands."""
    keep_picture(page, f"{name}-{screen}")
    return [*page.evaluate(STUMBLES), *violations(page, screen)]


def keep_picture(page: Page, name: str) -> None:
    """Keep a picture of the page where the run is a full one: a quick one has no minutes for them."""
    if IS_FULL:
        SCREENSHOTS.mkdir(exist_ok=True)
        page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


def test_a_form_with_faults_breaks_no_rule_either(walk: Walk, browser: Browser) -> None:
    screen = Screen("en", 320)
    with looking(browser, screen) as page:
        enter(page, walk.address, "en")
        for path in FORMS:
            page.goto(walk.address + walk.records.fill(path))
            page.evaluate("for (const form of document.forms) form.noValidate = true")
            if path == "/cases/new":
                page.fill("[name='identity.birth_date']", "last spring")
            with page.expect_response(lambda answer: answer.status == 422):
                page.click("main form[method=post] button[type=submit]")
            page.wait_for_load_state()
            name = f"faults-{path.rpartition('?')[0].strip('/').replace('/', '-') or 'case-new'}"
            assert judged(page, screen, name.replace("{case_id}", "case")) == [], path


def test_the_pages_are_whole_on_a_desk_that_is_read_at_double_size(walk: Walk, browser: Browser) -> None:
    with looking(browser, Screen("en", ZOOMED), device_scale_factor=2) as page:
        enter(page, walk.address, "en")
        for name, path in walk.pages():
            page.goto(walk.address + path)
            keep_picture(page, f"{name}-zoomed")
            assert page.evaluate(STUMBLES) == [], name


def test_other_eyes_and_paper_find_the_same_pages(walk: Walk, browser: Browser) -> None:
    with looking(browser, Screen("en", 1280, "dark")) as page:
        enter(page, walk.address, "en")
        for name, path in walk.pages():
            page.goto(walk.address + path)
            for other, media in OTHERS.items():
                page.emulate_media(**USUAL | media)
                keep_picture(page, f"{name}-{other}")
                assert page.evaluate(STUMBLES) == [], f"{name}, {other}"
            page.emulate_media(**USUAL | {"media": "print"})
            check_printed(page, name)
            page.emulate_media(**USUAL)


def check_printed(page: Page, name: str) -> None:
    """Check that paper gets the content, and not the ways around it."""
    around = "[...document.querySelectorAll('.nav, .find, .leave, .skip, .button, button')]"
    assert not page.evaluate(f"{around}.some((one) => one.checkVisibility())"), name
    assert page.locator("h1").is_visible(), name
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background != "rgb(25, 24, 22)", f"{name}: printed on a dark ground"
    keep_picture(page, f"{name}-printed")
