"""The outside parts that some tests need: found, or asked for in words."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

REQUIRED = frozenset(os.environ.get("IARS_TESTS_REQUIRE", "").replace(",", " ").split())
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def lacking(part: str, how_to_get_it: str) -> NoReturn:
    """Skip the test for want of a part, or fail it where the part is required."""
    sentence = f"{part} was not found: {how_to_get_it}"
    if part in REQUIRED:
        pytest.fail(f"{sentence} (IARS_TESTS_REQUIRE names it)", pytrace=False)
    pytest.skip(sentence)


def find_postgresql() -> Path:
    """Return the folder of PostgreSQL's server programs, the newest where there are several."""
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    folders.sort(key=lambda folder: int(folder.parent.name), reverse=True)
    on_path = shutil.which("initdb")
    if on_path:
        folders.insert(0, Path(on_path).resolve().parent)
    for folder in folders:
        if (folder / "postgres").exists():
            return folder
    lacking("postgresql", "install the package postgresql")


def find_chromium() -> Path:
    """Return the path of a Chromium that can be driven."""
    for name in BROWSERS:
        found = shutil.which(name)
        if found:
            return Path(found)
    lacking("chromium", "install the package chromium")


def find_node() -> Path:
    """Return the path of Node.js."""
    found = shutil.which("node")
    if found:
        return Path(found)
    lacking("node", "install the package nodejs")
