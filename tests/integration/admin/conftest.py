"""Nodes made by the real command, and a case in one of them."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from tests.integration.admin.organisations import PERSON, Organisation, consent_words, federate, found

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two nodes that know each other, made once and copied for each test."""
    folder = tmp_path_factory.mktemp("organisations")
    shelter, mission = found(folder / "shelter", "Shelter"), found(folder / "mission", "Mission")
    federate(shelter, mission)
    return folder


@pytest.fixture
def shelter(templates: Path, tmp_path: Path) -> Organisation:
    """A shelter's node, with a mission as its verified peer."""
    shutil.copytree(templates / "shelter", tmp_path / "shelter")
    return Organisation(tmp_path / "shelter", "agim")


@pytest.fixture
def mission(templates: Path, tmp_path: Path) -> Organisation:
    """The mission's node."""
    shutil.copytree(templates / "mission", tmp_path / "mission")
    return Organisation(tmp_path / "mission", "agim")


@pytest.fixture
def person(tmp_path: Path) -> Path:
    """A made-up person's record in a file."""
    path = tmp_path / "person.json"
    path.write_text(json.dumps(PERSON), "utf-8")
    return path


@pytest.fixture
def case(shelter: Organisation, person: Path) -> str:
    """The reference of a case at the shelter."""
    opened = shelter.as_("mira").ask("case", "open", person, "--number", "SH-1")
    return str(opened["reference"])


@pytest.fixture(autouse=True)
def _own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IARS_FOLDER", "IARS_ACCOUNT", "IARS_PASSPHRASE", "IARS_PASSWORD"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def backup(shelter: Organisation, case: str, tmp_path: Path) -> Path:
    """A backup of a node with a case, a consent and an attachment."""
    mira = shelter.as_("mira")
    mira.ask(*consent_words(case))
    (tmp_path / "x-ray.png").write_bytes(b"an image that was made up")
    mira.ask("attachment", "add", case, tmp_path / "x-ray.png", "--scope", "medical")
    made = shelter.ask("backup", tmp_path / "backup")
    assert made["files"] == 4
    return tmp_path / "backup"
