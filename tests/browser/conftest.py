"""A real Chromium for the tests that look at pages as a person does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Chromium's own errands (updates, accounts, safe browsing) have no business in a test.
QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic")


# Not for the whole session: while Playwright runs, its event loop holds the thread, and no asynchronous test
# of another module could run.
@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Browser]:
    """A running browser, shared by a module; each test opens a page of its own."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--no-first-run", *QUIET]
        )
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh page on a wide screen, with nothing remembered from other tests."""
    with browser.new_context(viewport={"width": 1280, "height": 900}, ignore_https_errors=True) as context:
        yield context.new_page()
