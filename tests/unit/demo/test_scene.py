from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.conftest import CHEAP, PASSPHRASE

from iars_admin.demo import scene as scenes
from iars_admin.demo.cast import MISSION, SHELTER
from iars_admin.demo.errors import DemoError
from iars_admin.demo.organisation import Organisation
from iars_admin.demo.scene import Scene, Thread
from iars_admin.demo.telling import Teller
from iars_node.db import Database
from iars_node.node import build_node
from iars_node.settings import Settings
from iars_node.tables import metadata
from iars_node.vault.vault import Vault
from iars_node.work import SYSTEM, Actor

if TYPE_CHECKING:
    from pathlib import Path


class Quiet(Organisation):
    """An organisation whose node holds nothing yet; it acts as the node itself."""

    # Stands in for the account that nobody made.
    worker: Actor = SYSTEM

    def prepare(self) -> Quiet:
        settings = Settings(folder=self.folder)
        self.folder.mkdir()
        database = Database(settings.database_url)
        with database.write() as connection:
            metadata.create_all(connection)
        database.close()
        Vault.create(settings.key_store_url, PASSPHRASE, cost=CHEAP).close()
        self._opened = build_node(settings)
        self._opened.vault.unlock(PASSPHRASE)
        return self


def test_what_does_not_hold_is_said_at_once_and_kept(capsys: pytest.CaptureFixture[str]) -> None:
    scene = Scene(Teller(is_silent=False), {})
    scene.check("counts", holds=True, otherwise="never said")
    scene.check("counts", holds=False, otherwise="The node counts 139 people.")
    assert capsys.readouterr().out.endswith("NOT AS EXPECTED: The node counts 139 people.\n")
    assert [check.is_held for check in scene.checks] == [True, False]


def test_a_referral_that_never_arrives_is_waited_for_in_vain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scenes, "WAIT_SECONDS", 0.2)
    mission = Quiet(MISSION, tmp_path, 9).prepare()
    thread = Thread(
        "0" * 32, "R-000000", "MED-SCREEN", "service", Organisation(SHELTER, tmp_path, 9), mission
    )
    with pytest.raises(DemoError, match="The mission did not see referral R-000000 requested in time"):
        Scene(Teller(is_silent=True), {}).wait(mission, thread, "requested")
    mission.ask_to_stop()


def test_a_silent_teller_writes_nothing_and_knows_the_time(capsys: pytest.CaptureFixture[str]) -> None:
    teller = Teller(is_silent=True)
    teller.chapter("A chapter")
    teller.say("A sentence.")
    teller.detail("A detail.")
    teller.table("A table", ("One",), [("1",)])
    assert capsys.readouterr().out == ""
    assert teller.seconds >= 0


def test_long_sentences_are_wrapped_without_spaces_at_their_ends(capsys: pytest.CaptureFixture[str]) -> None:
    teller = Teller(is_silent=False)
    teller.say("word " * 60)
    teller.detail("detail " * 60)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 4
    assert all(len(line) <= 110 and line == line.rstrip() for line in lines)
