from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from iars_admin.demo import organisation as organisations
from iars_admin.demo.cast import ACQUAINTED, PARTS, SHELTER
from iars_admin.demo.errors import DemoError
from iars_admin.demo.federation import demo_folder, own_environment
from iars_admin.demo.organisation import Organisation
from iars_protocol.record import SERVICES, VOCABULARIES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Scripted(Organisation):
    """An organisation whose server is a script of the test."""

    script = ""

    def _server_command(self) -> list[str]:
        return [sys.executable, "-c", self.script]


@pytest.fixture
def scripted(tmp_path: Path) -> Callable[[str], Scripted]:
    def make(script: str) -> Scripted:
        made = Scripted(SHELTER, tmp_path, 9)
        made.folder.mkdir(exist_ok=True)
        made.script = script
        return made

    return make


def test_the_four_organisations_present_themselves_with_known_codes() -> None:
    assert len({part.key for part in PARTS}) == len(PARTS) == 4
    for part in PARTS:
        assert part.organisation_type in VOCABULARIES["organisation_type"]
        assert set(part.services) <= set(SERVICES)
    assert all(first in PARTS and second in PARTS for first, second in ACQUAINTED)


def test_a_folder_that_nobody_named_is_removed_and_a_named_one_stays(tmp_path: Path) -> None:
    with demo_folder(None) as made:
        assert (made / "secrets").stat().st_mode & 0o777 == 0o700
    assert not made.exists()
    with demo_folder(tmp_path / "mine") as mine:
        assert mine == tmp_path / "mine"
    assert mine.exists()


def test_a_folder_that_holds_something_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "iars.toml").write_text("a node in earnest")
    with pytest.raises(DemoError), demo_folder(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["iars.toml"]


def test_settings_of_a_node_in_earnest_do_not_reach_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IARS_DATABASE_URL", "postgresql://in.earnest/node")
    monkeypatch.setenv("IARS_TESTS_REFERRALS", "10")
    with own_environment():
        assert "IARS_DATABASE_URL" not in os.environ
        assert os.environ["IARS_TESTS_REFERRALS"] == "10"
    assert os.environ["IARS_DATABASE_URL"] == "postgresql://in.earnest/node"


def test_a_failed_command_is_told_in_its_own_sentence(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    founded_by_nobody = Organisation(SHELTER, tmp_path, 9)
    with pytest.raises(DemoError, match="“iars user list” failed at the shelter: There is no node in"):
        founded_by_nobody.iars("user", "list")
    with pytest.raises(DemoError, match="accepted: a country's two letters"):
        Organisation(replace(SHELTER, country="Albania"), tmp_path, 9).found()


def test_a_server_that_ends_by_itself_is_told_with_its_last_words(
    scripted: Callable[[str], Scripted],
) -> None:
    ended = scripted("raise SystemExit('the port is taken')")
    ended.start()
    with pytest.raises(DemoError, match="ended by itself: the port is taken"):
        ended.wait_until_serving()
    ended.ask_to_stop()
    ended.wait_until_stopped()


def test_a_server_that_never_answers_is_given_up_and_killed(
    scripted: Callable[[str], Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(organisations, "START_SECONDS", 0.5)
    monkeypatch.setattr(organisations, "STOP_SECONDS", 0.2)
    script = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    deaf = scripted(script)
    deaf.start()
    with pytest.raises(DemoError, match="did not answer in time: it said nothing"):
        deaf.wait_until_serving()
    deaf.ask_to_stop()
    deaf.wait_until_stopped()


def test_a_node_that_was_never_started_stops_at_once(tmp_path: Path) -> None:
    never = Organisation(SHELTER, tmp_path, 9)
    never.ask_to_stop()
    never.wait_until_stopped()
    assert never.url == "http://127.0.0.1:9"
