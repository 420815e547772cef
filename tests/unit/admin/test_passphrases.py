from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

import pytest

from iars_admin import passphrases
from iars_node.errors import SetupError
from iars_node.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

LONG = "six words are easy to remember"


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IARS_PASSPHRASE", "IARS_PASSWORD"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a person will type, one answer after the other."""
    answers: list[str] = []
    monkeypatch.setattr(passphrases, "is_attended", lambda: True)
    monkeypatch.setattr(getpass, "getpass", lambda _question: answers.pop(0))
    return answers


def test_a_file_is_read_without_the_end_of_its_line(tmp_path: Path) -> None:
    (tmp_path / "passphrase").write_text(f"{LONG}\r\n", "utf-8")
    settings = Settings(folder=tmp_path, passphrase_file=tmp_path / "passphrase")
    assert passphrases.passphrase_of(settings) == LONG


def test_a_file_that_can_not_be_read_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(SetupError):
        passphrases.own_password(tmp_path / "missing")


def test_a_person_is_asked_without_echo(tmp_path: Path, typed: list[str]) -> None:
    typed.append(LONG)
    assert passphrases.passphrase_of(Settings(folder=tmp_path)) == LONG


def test_a_new_passphrase_is_typed_twice(tmp_path: Path, typed: list[str]) -> None:
    typed += [LONG, LONG]
    assert passphrases.new_passphrase(Settings(folder=tmp_path)) == LONG
    typed += [LONG, "something else"]
    with pytest.raises(SetupError):
        passphrases.chosen_passphrase(None)


def test_nobody_is_asked_where_nobody_sits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passphrases, "is_attended", lambda: False)
    with pytest.raises(SetupError):
        passphrases.passphrase_of(Settings(folder=tmp_path))
    with pytest.raises(SetupError):
        passphrases.own_password(None)
    with pytest.raises(SetupError):
        passphrases.others_password(None)


def test_the_variable_holds_ones_own_password_and_nobody_elses(
    typed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IARS_PASSWORD", LONG)
    assert passphrases.own_password(None) == LONG
    typed += ["words of another person", "words of another person"]
    assert passphrases.others_password(None) == "words of another person"


def test_a_short_passphrase_protects_nobody() -> None:
    with pytest.raises(SetupError):
        passphrases.check_passphrase("too short")
    passphrases.check_passphrase(LONG)
