"""A case's page and what goes out from it, at a real browser: a handover, files, follow-ups, several."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, cast

import pytest
from playwright.sync_api import FilePayload
from tests.browser.test_case_worker import PERSON, SCREENSHOTS, STUMBLES, Site, press, reading, sign_in, site
from tests.browser.walking import quickly
from tests.pages import add_account, everybodys_hash

from iars_node.attachments import service as attachments
from iars_node.cases import service as cases
from iars_node.consent import onward
from iars_node.consent.model import Recipient
from iars_node.peers import service as peers
from iars_node.withdrawals import service as withdrawals
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from iars_node.cases.model import Case
    from iars_protocol.record import Record

__all__ = ["site"]

SOMEBODY = cast("Record", PERSON)

LOOKS = [("en", 1280, "light"), ("ar", 320, "light"), ("en", 320, "dark"), ("ar", 1280, "dark")]


@pytest.fixture(scope="module")
def drita(site: Site) -> str:
    """Somebody who decides on erasures."""
    add_account(site.world.shelter, "drita", "Drita Lleshi", "supervisor", everybodys_hash())
    return "drita"


@pytest.mark.parametrize("way", ["with scripts", "without scripts"])
def test_a_case_is_handed_over_and_taken_over(browser: Browser, site: Site, drita: str, way: str) -> None:
    scripts = way == "with scripts"
    shelter, mission = site.world.shelter, site.world.mission
    case = shelter.open_case(SOMEBODY)
    shelter.give_consent(case, mission)
    with (
        reading(browser, "en", 1280, scripts=scripts) as page,
        reading(browser, "en", 320, scripts=scripts) as theirs,
    ):
        sign_in(theirs, site.mission, "en")
        theirs.goto(f"{site.mission}/referrals?show=to-answer")
        sign_in(page, site.shelter, "en")
        page.goto(f"{site.shelter}/cases/{case.id}")
        press(page, f"a[href='/cases/{case.id}/handover']")
        assert page.get_by_role("heading", name="What you keep, and what you may not").is_visible()
        page.select_option("#f-service", "SHELTER")
        press(page, "main form button[type=submit]")
        page.check(f"[name=peer][value='{mission.id.hex()}']")
        press(page, "main form button[type=submit]")
        assert "/handover/check" in page.url
        press(page, "button.main[type=submit]")
        assert page.locator("#fault-understood").is_visible()
        page.check("#f-understood")
        press(page, "button.main[type=submit]")
        assert page.get_by_text("The handover is offered.").is_visible()
        referral = page.url.split("?")[0].rsplit("/", 1)[1]

        if scripts:
            theirs.wait_for_selector("[data-live]:not([hidden])", timeout=60_000)
            press(theirs, "[data-live] a")
        arrived = f"tr a[href='/referrals/{referral}']"
        for _ in range(60):
            if theirs.locator(arrived).count():
                break
            theirs.wait_for_timeout(500)
            theirs.goto(f"{site.mission}/referrals?show=to-answer")
        press(theirs, arrived)
        press(theirs, "a[href$='/accept']")
        assert theirs.get_by_role("heading", name="This hands the whole case over to you").is_visible()
        press(theirs, "button.main[type=submit]")

        for _ in range(60):
            page.goto(f"{site.shelter}/cases/{case.id}")
            if page.locator("a[href$='/handed-over']").count():
                break
            page.wait_for_timeout(500)
        assert page.locator("a[href$='/refer']").count() == 0
        press(page, "a[href$='/handed-over']")
        assert page.get_by_role("heading", name="Kept because a law requires it").is_visible()
        sign_in(theirs, site.shelter, "ar", drita)
        theirs.goto(page.url)
        theirs.screenshot(path=SCREENSHOTS / "casepage-handed-over-ar-320-light.png", full_page=True)
        assert theirs.evaluate(STUMBLES) == []


def test_a_file_and_a_follow_up_are_added_without_scripts(browser: Browser, site: Site) -> None:
    case = site.world.shelter.open_case(SOMEBODY)
    with reading(browser, "en", 320, scripts=False) as page:
        sign_in(page, site.shelter, "en")
        page.goto(f"{site.shelter}/cases/{case.id}/attachments")
        page.select_option("#f-scope", "identity")
        content = FilePayload(name="passport.pdf", mimeType="application/pdf", buffer=b"%PDF-1.7 made up")
        page.set_input_files("#f-file", files=content)
        press(page, "form[enctype] button[type=submit]")
        with page.expect_download() as saved:
            page.click("main .tasks a[download]")
        assert saved.value.suggested_filename == "passport.pdf"
        page.goto(f"{site.shelter}/cases/{case.id}/tasks/new")
        page.fill("#f-text", "Ask about the x-ray")
        page.fill("#f-due", "2099-01-01")
        press(page, "main form button[type=submit]")
        press(page, "#tasks ~ .tasks form button, section[aria-labelledby=tasks] .tasks form button")
        assert page.get_by_text("Done. It is off the work list.").is_visible()


def busy_case(site: Site) -> tuple[Case, str, str, str]:
    """Make a case with something of everything, and a permission to pass on."""
    shelter, mission = site.world.shelter, site.world.mission
    case, child = shelter.open_case(SOMEBODY), shelter.open_case({"identity": {"alias": "Little bird"}})
    recipients = (Recipient(node=mission.id.hex()), Recipient("", "NGO"))
    given = shelter.give_consent(case, mission, recipients=recipients, is_onward_allowed=True)
    sent = shelter.refer(case, given, mission)
    stored = shelter.node.folder.write([b"%PDF-1.7"], most=1000)
    with shelter.node.works.write(SYSTEM) as work:
        household = cases.open_household(work)
        cases.link_household(work, household, case.person_id, "head", reason="told")
        cases.link_household(work, household, child.person_id, "child", reason="told")
        day = work.now + timedelta(days=1)
        cases.add_task(work, case.id, "medical", "Ask the clinic about the x-ray", due_at=day)
        attachments.add_attachment(
            work, case.id, "identity", stored, name="passport and visa.pdf", media_type="application/pdf"
        )
        permission = onward.permit_onward(work, given.id, peers.get(work, mission.id))
    return case, given.id, permission.id, sent.id


@pytest.fixture(scope="module")
def pages(site: Site, drita: str) -> list[tuple[str, str]]:
    """Every new page with something in it, for her."""
    assert drita
    shelter, mission = site.world.shelter, site.world.mission
    case, given, permission, sent = busy_case(site)
    ended = shelter.open_case(SOMEBODY)
    withdrawn = shelter.give_consent(ended, mission)
    shelter.refer(ended, withdrawn, mission)
    with shelter.node.works.write(SYSTEM) as work:
        withdrawals.withdraw(work, [withdrawn.id])
    chosen = f"service=SHELTER&priority=normal&peer={mission.id.hex()}&consent={given}"
    own = f"/cases/{case.id}"
    return [
        ("home", "/"),
        ("case", own),
        ("handover-start", f"{own}/handover"),
        ("handover-check", f"{own}/handover/check?{chosen}"),
        ("refer-several", f"{own}/refer/several"),
        ("refer-check", f"{own}/refer/check?{chosen}"),
        ("referral", f"/referrals/{sent}"),
        ("attachments", f"{own}/attachments"),
        ("household", f"{own}/household"),
        ("household-leave", f"{own}/household/leave?person={case.person_id}"),
        ("task-new", f"{own}/tasks/new"),
        ("onward-end", f"{own}/onward/{permission}/end"),
        ("sharing", f"{own}/sharing"),
        ("erasures", f"/cases/{ended.id}/erasures"),
    ]


@pytest.mark.parametrize("look", quickly(LOOKS), ids=str)
def test_nobody_stumbles_over_the_pages_around_a_case(
    browser: Browser, site: Site, pages: list[tuple[str, str]], look: tuple[str, int, str]
) -> None:
    language, width, scheme = look
    SCREENSHOTS.mkdir(exist_ok=True)
    with reading(browser, language, width, scheme=scheme) as page:
        sign_in(page, site.shelter, language, "drita")
        for name, path in pages:
            page.goto(site.shelter + path)
            page.screenshot(
                path=SCREENSHOTS / f"casepage-{name}-{language}-{width}-{scheme}.png", full_page=True
            )
            assert page.evaluate(STUMBLES) == [], name
        page.goto(f"{site.shelter}{pages[4][1]}")
        for box in ("person", "peer", "service"):
            page.locator(f"[name={box}]").first.check()
        press(page, "main form button[type=submit]")
        page.screenshot(
            path=SCREENSHOTS / f"casepage-refer-several-check-{language}-{width}-{scheme}.png", full_page=True
        )
        assert page.evaluate(STUMBLES) == [], "refer-several-check"
