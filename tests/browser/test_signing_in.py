"""Signing in, leaving and coming back at a real browser: passkeys, the first sign-in, the lock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pyotp
import pytest
from tests.browser.site import free_port, serving
from tests.browser.test_case_worker import SCREENSHOTS, STUMBLES, press, reading
from tests.browser.walking import quickly
from tests.conftest import MORNING
from tests.pages import PASSWORD, World, copied, make_world

from iars_node.accounts import entry, store
from iars_node.clock import SetClock
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

SCREENS = [("en", 320, "light"), ("en", 1280, "dark"), ("ar", 320, "dark"), ("ar", 1280, "light")]
NEW = "four quiet grey horses"


@dataclass
class House:
    """One organisation, served at the address that its passkeys are bound to."""

    world: World
    address: str
    clock: SetClock

    def code(self, name: str) -> str:
        """Give somebody a one-time code, as after a reset."""
        with self.world.shelter.node.works.write(SYSTEM) as work:
            account = store.account_by_name(work.connection, name)
            assert account
            return entry.reset(work, account.id)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[House]:
    """An organisation whose people need a second factor."""
    port, clock = free_port(), SetClock(MORNING)
    world = make_world(
        tmp_path_factory.mktemp("house"),
        clock,
        copied(sqlite_template),
        languages=("en", "fr", "ar"),
        public_url=f"http://localhost:{port}",
        second_factor=("case-worker",),
    )
    with serving(world.shelter.node, port):
        yield House(world, f"http://localhost:{port}", clock)
    world.close()


def add_authenticator(page: Page) -> None:
    """Give the browser a device that holds passkeys and always knows its person."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    kind = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True}
    sure = {"hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True}
    session.send("WebAuthn.addVirtualAuthenticator", {"options": kind | sure})


def enter(page: Page, house: House, name: str) -> None:
    page.goto(f"{house.address}/sign-in")
    page.fill("#f-name", name)
    page.fill("#f-password", PASSWORD)
    press(page, "form[action='/sign-in'] button[type=submit]")


def begin(page: Page, house: House, name: str, language: str) -> None:
    """Go through the first sign-in to its end."""
    page.goto(f"{house.address}/sign-in/first")
    page.fill("#f-name", name)
    page.fill("#f-code", house.code(name))
    press(page, "main form[action='/sign-in/first'] button.main")
    press(page, f"main button[value={language}]")
    page.fill("#f-password", NEW)
    page.fill("#f-repeated", NEW)
    press(page, "main button.main")
    secret = page.locator(".digits").inner_text().replace(" ", "")
    page.fill("#f-code", pyotp.TOTP(secret).at(house.clock.moment))
    press(page, "main button.main")
    assert page.locator(".codes li").count() == 10


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "none"])
def test_the_first_sign_in_leads_to_the_work_list(browser: Browser, house: House, *, scripts: bool) -> None:
    with reading(browser, "en", 1280, scripts=scripts) as page:
        begin(page, house, "besa", "en")
        press(page, "main a.main")
        assert page.url == f"{house.address}/"
        assert page.locator("nav a[href='/cases']").count() == 1


def test_a_passkey_signs_in_and_unlocks_without_a_password(browser: Browser, house: House) -> None:
    with reading(browser, "en", 1280) as page:
        add_authenticator(page)
        enter(page, house, "ilir")
        page.goto(f"{house.address}/me/passkeys/add")
        page.fill("#f-name", "this laptop")
        page.fill("#f-password", PASSWORD)
        press(page, "form[data-passkey] button.main")
        assert "this laptop" in page.locator("main").inner_text()
        press(page, "form[action='/sign-out'] button")
        press(page, "form[action='/sign-in/passkey'] button")
        assert page.url == f"{house.address}/"
        with page.expect_navigation():
            page.click("a.leave")
        page.goto(f"{house.address}/me")
        assert "/unlock?next=%2Fme" in page.url
        press(page, "form[action='/unlock/passkey'] button")
        assert page.url == f"{house.address}/me"


def test_a_passkey_is_the_second_step_from_the_first_sign_in_on(browser: Browser, house: House) -> None:
    with reading(browser, "en", 320) as page:
        add_authenticator(page)
        page.goto(f"{house.address}/sign-in/first")
        page.fill("#f-name", "besa")
        page.fill("#f-code", house.code("besa"))
        press(page, "main form[action='/sign-in/first'] button.main")
        press(page, "main button[value=en]")
        page.fill("#f-password", NEW)
        page.fill("#f-repeated", NEW)
        press(page, "main button.main")
        press(page, "a[href='/welcome/passkey']")
        page.fill("#f-name", "this phone")
        press(page, "form[data-passkey] button.main")
        assert page.locator(".codes li").count() == 10
        house.clock.moment += timedelta(minutes=6)
        page.goto(f"{house.address}/me/recovery")
        assert "/me/prove?next=" in page.url
        press(page, "form[action='/me/prove/passkey'] button")
        assert page.url == f"{house.address}/me/recovery"
        page.goto(f"{house.address}/me")
        press(page, "form[action='/sign-out'] button")
        page.fill("#f-name", "besa")
        page.fill("#f-password", NEW)
        press(page, "form[action='/sign-in'] button[type=submit]")
        assert "/sign-in/code" in page.url
        press(page, "form[action='/sign-in/passkey'] button")
        assert page.url == f"{house.address}/"


def test_without_scripts_a_passkey_is_not_offered_as_if_it_could_be_made(
    browser: Browser, house: House
) -> None:
    with reading(browser, "en", 320, scripts=False) as page:
        page.goto(f"{house.address}/sign-in/first")
        page.fill("#f-name", "besa")
        page.fill("#f-code", house.code("besa"))
        press(page, "main form[action='/sign-in/first'] button.main")
        press(page, "main button[value=en]")
        page.fill("#f-password", NEW)
        page.fill("#f-repeated", NEW)
        press(page, "main button.main")
        press(page, "a[href='/welcome/passkey']")
        assert page.is_disabled("form[data-passkey] button.main")
        assert page.is_visible("[data-passkey-lacking]")
        press(page, "a[href='/welcome/codes']")
        assert page.is_visible(".digits")


def test_without_scripts_the_sign_in_page_offers_the_password_alone(browser: Browser, house: House) -> None:
    with reading(browser, "en", 320, scripts=False) as page:
        page.goto(f"{house.address}/sign-in")
        assert not page.is_visible("form[action='/sign-in/passkey']")
        enter(page, house, "ilir")
        page.click("a.leave")
        page.wait_for_url(f"{house.address}/calendar")
        page.go_back()
        assert "/unlock" in page.url
        page.fill("#f-password", PASSWORD)
        press(page, "form[action='/unlock'] button")
        assert page.locator("nav").count() == 1


def test_a_device_that_says_no_leaves_the_password(browser: Browser, house: House) -> None:
    with reading(browser, "en", 320) as page:
        add_authenticator(page)
        page.goto(f"{house.address}/sign-in")
        page.click("form[action='/sign-in/passkey'] button")
        page.wait_for_selector("[data-passkey-fault]:not([hidden])")
        assert page.url == f"{house.address}/sign-in"


def test_escape_three_times_leaves_on_every_page_of_the_session_and_keeps_what_was_typed(
    browser: Browser, house: House
) -> None:
    with reading(browser, "en", 1280) as page:
        begin(page, house, "besa", "en")
        other = page.context.new_page()
        other.goto(f"{house.address}/cases")
        page.goto(f"{house.address}/cases")
        page.goto(f"{house.address}/cases/new")
        page.fill("[name='identity.alias']", "Stone of the lake")
        for _ in range(3):
            page.keyboard.press("Escape")
        page.wait_for_url(f"{house.address}/calendar")
        other.wait_for_url(f"{house.address}/calendar")
        assert "Shelter" not in page.content() + page.title()
        page.go_back()
        page.wait_for_url("**/unlock*")
        assert "Stone" not in page.content()
        page.goto(f"{house.address}/unlock")
        page.fill("#f-password", NEW)
        press(page, "form[action='/unlock'] button")
        press(page, ".notice a[href*='kept=']")
        assert page.input_value("[name='identity.alias']") == "Stone of the lake"


def test_two_presses_or_slow_ones_do_not_leave(browser: Browser, house: House) -> None:
    with reading(browser, "en", 1280) as page:
        enter(page, house, "ilir")
        for _ in range(2):
            page.keyboard.press("Escape")
        page.wait_for_timeout(1100)
        page.keyboard.press("Escape")
        page.wait_for_timeout(300)
        assert page.url == f"{house.address}/"


def test_a_page_left_alone_hides_itself_and_comes_back_with_what_was_typed(
    browser: Browser, house: House
) -> None:
    with reading(browser, "en", 1280) as page:
        page.clock.install()
        begin(page, house, "besa", "en")
        page.goto(f"{house.address}/cases/new")
        page.fill("[name='identity.alias']", "Bird")
        page.clock.fast_forward(16 * 60 * 1000)
        page.wait_for_url("**/unlock?next=*")
        page.fill("#f-password", NEW)
        press(page, "form[action='/unlock'] button")
        assert page.input_value("[name='identity.alias']") == "Bird"


@dataclass
class Looking:
    """A browser that takes a picture of each page and stumbles over what a person would."""

    page: Page
    house: House
    screen: str

    def look(self, name: str) -> None:
        self.page.screenshot(path=SCREENSHOTS / f"{name}-{self.screen}.png", full_page=True)
        assert self.page.evaluate(STUMBLES) == [], name

    def open(self, path: str, name: str) -> None:
        self.page.goto(self.house.address + path)
        self.look(name)

    def send(self, button: str, shown: str, /, **typed: str) -> None:
        for field, value in typed.items():
            self.page.fill(f"#f-{field}", value)
        press(self.page, button)
        self.look(shown)


def look_at_the_way_in(at: Looking, language: str) -> None:
    at.open("/sign-in", "sign-in")
    at.send("form[action='/sign-in'] button", "sign-in-refused", name="x", password="x")
    at.open("/sign-in/first", "sign-in-first")
    code = at.house.code("besa")
    at.send("main form[action='/sign-in/first'] button.main", "welcome", name="besa", code=code)
    at.send(f"main button[value={language}]", "welcome-password")
    weak = {"password": "Password2026!", "repeated": "Password2026!"}
    at.send("main button.main", "welcome-password-refused", **weak)
    at.send("main button.main", "codes", password=NEW, repeated=NEW)
    press(at.page, "a[href='/welcome/passkey']")
    at.look("welcome-passkey")
    press(at.page, "a[href='/welcome/codes']")
    secret = at.page.locator(".digits").inner_text().replace(" ", "")
    at.send("main button.main", "recovery-codes", code=pyotp.TOTP(secret).at(at.house.clock.moment))


def look_at_the_lock(at: Looking) -> None:
    at.page.goto(f"{at.house.address}/cases/new")
    at.page.fill("[name='identity.alias']", "Stone of the lake")
    at.send("a.leave", "calendar")
    at.open("/unlock?next=/cases/new%3Fkept%3Dx", "unlock")
    at.page.goto(f"{at.house.address}/unlock")
    at.send("form[action='/unlock/passkey'] button", "work-kept")
    kept = at.page.get_attribute(".notice a", "href") or ""
    at.open(kept, "case-new-kept")
    at.open(f"/kept?{kept.partition('?')[2]}", "kept")


@pytest.mark.parametrize(("language", "width", "scheme"), quickly(SCREENS))
def test_nobody_stumbles_over_the_pages_of_signing_in(
    browser: Browser, house: House, language: str, width: int, scheme: str
) -> None:
    SCREENSHOTS.mkdir(exist_ok=True)
    with reading(browser, language, width, scheme=scheme) as page:
        add_authenticator(page)
        at = Looking(page, house, f"{language}-{width}-{scheme}")
        look_at_the_way_in(at, language)
        at.open("/me/passkeys/add", "passkey-new")
        at.send("form[data-passkey] button.main", "me", name="blue phone", password=NEW)
        at.open("/me/recovery", "recovery-new")
        at.open("/me", "me-with-passkey")
        press(page, "a[href*='/me/passkeys/remove']")
        at.look("passkey-remove")
        at.open("/me/codes/remove", "codes-remove")
        at.open("/me/prove?next=/me/recovery", "prove")
        at.send("form[action='/me/prove'] button", "prove-refused", password="x")
        at.open("/me/notifications", "notifications-none")
        look_at_the_lock(at)
        press(page, "a.leave")
        page.goto(f"{house.address}/unlock")
        press(page, "form[action='/sign-out'] button")
        at.send("form[action='/sign-in'] button", "sign-in-code", name="besa", password=NEW)
        assert page.url.startswith(f"{house.address}/sign-in/code")
