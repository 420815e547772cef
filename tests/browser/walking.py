"""Going through every page with a browser: one of each record, and one reader who may see them all."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib import resources
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tests.browser.site import serving
from tests.conftest import MORNING
from tests.federation.endings import withdraw
from tests.federation.neighbours import settle
from tests.pages import PASSWORD, World, copied, make_world
from tests.records import Records, new_account, one_of_each

from iars_node.accounts.access import ROLES
from iars_node.clock import SetClock
from iars_node.referrals import service as referrals
from iars_node.web.languages import translated
from iars_node.web.routes import entries
from iars_node.web.tasks import FEW
from iars_protocol.vocabulary import SCOPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from playwright.sync_api import Browser, Page, Route

    from iars_node.consent.model import Consent
    from iars_node.referrals.model import Referral

Look = TypeVar("Look", bound=tuple[Any, ...])

SCREENSHOTS = Path(__file__).parents[2] / "screenshots"
STUMBLES = (Path(__file__).parent / "stumbles.js").read_text(encoding="utf-8")
WORDS = (Path(__file__).parent / "words.js").read_text(encoding="utf-8")
EVERYTHING = "sees-all"
LANGUAGES: tuple[str, ...] = ("en", *translated())
IS_FULL = os.environ.get("IARS_TESTS_BROWSER") == "full"
# They lock the session, lead elsewhere while one is signed in, or answer scripts.
NO_PAGES = frozenset({"/leave", "/sign-in", "/here", "/changes", "/imports/changes"})
# Nothing is sent there; but the page on which people choose to be told has its form.
MAIL = {"smtp_host": "127.0.0.1", "smtp_port": 9, "smtp_tls": "none", "smtp_from": "iars@example.org"}
# Wide as a desk at 200 % is a tablet's width with twice the dots.
ZOOMED = 640
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
    "resultTypes": ["violations"],
    "rules": {"target-size": {"enabled": True}},
}
# The engine alone, as its package carries it: its file is read, no code of the package runs.
ENGINE = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Screen:
    """How somebody looks at the pages."""

    language: str
    width: int
    scheme: str = "light"
    scripts: bool = True

    def __str__(self) -> str:
        return f"{self.language}-{self.width}-{self.scheme}{'' if self.scripts else '-no-scripts'}"


def screens() -> list[Screen]:
    """Return the screens of a quick run, or with IARS_TESTS_BROWSER=full of every one."""
    if not IS_FULL:
        # Each language and each width once: a page that breaks a rule seldom does so on one screen alone.
        return [Screen("en", 1280), Screen("ar", 320)]
    every = product(LANGUAGES, (320, 768, 1280, 1920), ("light", "dark"), (True, False))
    return [Screen(*each) for each in every]


def quickly(every: Iterable[Look]) -> list[Look]:
    """Return of several (language, width, …) those of a quick run, or with IARS_TESTS_BROWSER=full every one.

    A quick run has each language and each width once, and ways that come with and without scripts both ways.
    """
    looks = list(every)
    if IS_FULL:
        return looks
    return [
        next(look for look in looks if look[:2] == ("en", 1280)),
        next(look for look in reversed(looks) if look[:2] == ("ar", 320)),
    ]


@dataclass(frozen=True)
class Busy:
    """What is under way beside the records: referrals accepted here, one locked since, and a withdrawal."""

    accepted: str
    accepted_case: str
    locked: str
    locked_case: str
    asked_case: str


@dataclass(frozen=True)
class Walk:
    """Both organisations served, and the records that their pages show."""

    world: World
    address: str
    mission: str
    records: Records
    busy: Busy

    def pages(self) -> list[tuple[str, str]]:
        """Return the name and the address of every page for somebody who is signed in."""
        found = []
        for entry in entries():
            is_page = entry.method == "GET" and "." not in entry.path.rpartition("/")[2]
            if is_page and entry.path not in NO_PAGES and self.records.knows(entry.path):
                name = entry.path.strip("/").replace("/", "-").replace("{", "").replace("}", "") or "work"
                found.append((name, f"{self.records.path(entry)}?{self.records.chosen}&language=ar"))
        case = self.records.fill("/cases/{case_id}")
        found += [(f"scope-{scope}", f"{case}/scopes/{scope}") for scope in SCOPES]
        found += [
            ("case-opened", f"{case}?open=medical"),
            ("consent-language", f"{case}/consents/new"),
            ("cases-none", "/cases?show=closed"),
            ("referrals-none", "/referrals?show=ended"),
            ("referral-received", f"/referrals/{self.records.received}"),
            ("referral-accept", f"/referrals/{self.records.received}/accept"),
            ("referral-reject", f"/referrals/{self.records.received}/reject"),
            ("referral-locked", f"/referrals/{self.busy.locked}"),
            ("case-locked", f"/cases/{self.busy.locked_case}"),
            ("case-received", f"/cases/{self.busy.accepted_case}"),
            ("erasures-asked", f"/cases/{self.busy.asked_case}/erasures"),
            ("nowhere", "/there-is-no-such-page"),
        ]
        found += [
            (f"referral-{step}", f"/referrals/{self.busy.accepted}/{step}")
            for step in ("begin", "appointment", "hold", "complete", "fail")
        ]
        return found


@contextmanager
def walking(folder: Path, template: Path) -> Iterator[Walk]:
    """Make and serve both organisations."""
    made = make_world(folder, SetClock(MORNING), copied(template), languages=LANGUAGES, **MAIL)
    # The browser's own loop holds this thread, and no other may run in it.
    with ThreadPoolExecutor(1) as other:
        records, busy = other.submit(_prepared, made).result()
    with serving(made.shelter.node) as shelter, serving(made.mission.node) as mission:
        yield Walk(made, shelter, mission, records, busy)
    made.close()


def _prepared(world: World) -> tuple[Records, Busy]:
    new_account(world.shelter, EVERYTHING, frozenset(ROLES))
    return asyncio.run(_begun(world))


async def _begun(world: World) -> tuple[Records, Busy]:
    records = await one_of_each(world)
    return records, await _busy(world)


async def _busy(world: World) -> Busy:
    """Keep the shelter busy: many consents that end, people cared for, an agreement that has ended."""
    shelter, mission = world.shelter, world.mission
    for _ in range(FEW + 1):
        soon = MORNING + timedelta(days=3)
        shelter.give_consent(shelter.open_case(), mission, expires=soon)
    accepted, locked = [await _received(world) for _ in range(2)]
    withdraw(mission, locked[1])
    case, given, _sent = world.referral()
    await settle(mission, shelter)
    withdraw(shelter, given)
    return Busy(
        accepted[0].id,
        shelter.referral(accepted[0].id).case_id,
        locked[0].id,
        shelter.referral(locked[0].id).case_id,
        case.id,
    )


async def _received(world: World) -> tuple[Referral, Consent]:
    shelter, mission = world.shelter, world.mission
    case = mission.open_case()
    agreed = mission.give_consent(case, shelter)
    sent = mission.refer(case, agreed, shelter)
    await settle(mission, shelter)
    shelter.act(referrals.accept, sent.id)
    await settle(mission, shelter)
    return sent, agreed


@contextmanager
def looking(browser: Browser, screen: Screen, **more: Any) -> Iterator[Page]:
    """Open a page on a screen; fail if the browser complains about anything but an answer with faults."""
    complaints: list[str] = []
    with browser.new_context(
        viewport={"width": screen.width, "height": 800},
        locale=screen.language,
        color_scheme="dark" if screen.scheme == "dark" else "light",
        java_script_enabled=screen.scripts,
        **more,
    ) as context:
        page = context.new_page()

        def note(message: Any) -> None:
            answered = (" 404 ", " 409 ", " 422 ")
            if message.type in ("error", "warning") and not any(code in message.text for code in answered):
                complaints.append(message.text)

        page.on("console", note)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
    assert complaints == []


def enter(page: Page, address: str, language: str, name: str = EVERYTHING) -> None:
    """Sign in with the form and choose a language."""
    page.goto(f"{address}/sign-in")
    page.fill("[name=name]", name)
    page.fill("[name=password]", PASSWORD)
    with page.expect_navigation():
        page.click("form[action='/sign-in'] button[type=submit]")
    page.goto(f"{address}/me")
    with page.expect_navigation():
        page.click(f"main button[value={language}]")


@contextmanager
def still(page: Page, screen: Screen) -> Iterator[Page]:
    """Show a page that runs no scripts to a browser that does: the engine that judges it is one."""
    assert page.context.browser is not None
    shown = page.content()

    def answer(route: Route) -> None:
        if route.request.resource_type == "document":
            route.fulfill(body=shown, content_type="text/html; charset=utf-8")
        elif route.request.resource_type == "script":
            route.abort()
        else:
            route.continue_()

    with page.context.browser.new_context(
        viewport={"width": screen.width, "height": 800},
        color_scheme="dark" if screen.scheme == "dark" else "light",
    ) as context:
        judged = context.new_page()
        judged.route("**/*", answer)
        judged.goto(page.url)
        yield judged


def violations(page: Page, screen: Screen) -> list[str]:
    """Return what breaks the accessibility rules, with where."""
    if screen.scripts:
        return _violations(page)
    with still(page, screen) as judged:
        return _violations(judged)


def _violations(page: Page) -> list[str]:
    page.evaluate(ENGINE)
    found = page.evaluate("async (rules) => (await axe.run(rules)).violations", RULES)
    return [
        f"{rule['id']}: {node['html'][:120]} ({node['failureSummary'][-160:]})"
        for rule in found
        for node in rule["nodes"][:3]
    ]
