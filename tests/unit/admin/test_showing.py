from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import Enum
from zoneinfo import ZoneInfo

import pytest

from iars_admin.showing import TRAINING, Screen

NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


class Colour(Enum):
    RED = "red"


def test_json_holds_everything_and_a_table_some_columns(capsys: pytest.CaptureFixture[str]) -> None:
    entries = [{"id": "1", "at": NOON, "key": b"\x01", "tags": {"b", "a"}, "colour": Colour.RED}]
    Screen(as_json=True).show_list(entries, {"id": "Id"}, none="None.")
    assert json.loads(capsys.readouterr().out) == [
        {"id": "1", "at": "2026-07-01T12:00:00Z", "key": "01", "tags": ["a", "b"], "colour": "red"}
    ]
    Screen(as_json=False).show_list(entries, {"id": "Id", "key": "Key"}, none="None.")
    assert capsys.readouterr().out.split() == ["Id", "Key", "1", "01"]


def test_a_value_that_json_lacks_is_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError):
        Screen(as_json=True).done("", {"value": object()})


def test_times_are_shown_in_the_organisations_zone(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(as_json=False)
    screen.zone = ZoneInfo("Europe/Tirane")
    screen.show_one({"at": NOON, "flag": True, "none": None}, {"at": "When", "flag": "Flag", "none": "None"})
    shown = capsys.readouterr().out
    assert "2026-07-01 14:00" in shown
    assert "yes" in shown
    assert "None" not in shown


def test_a_name_can_not_move_the_cursor_or_be_taken_for_markup(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(as_json=False)
    screen.show_list([{"name": "\x1b[2J[red]Evil\u202e[/red]"}], {"name": "Name"}, none="")
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "[red]Evil" in shown


@pytest.mark.parametrize("as_json", [True, False])
def test_training_is_visible_once_and_never_inside_json(
    capsys: pytest.CaptureFixture[str], *, as_json: bool
) -> None:
    screen = Screen(as_json=as_json)
    screen.is_training = True
    screen.done("Done.", {"done": True})
    screen.done("Done.", {"done": True})
    shown = capsys.readouterr()
    assert (shown.out + shown.err).count(TRAINING) == 1
    assert (TRAINING in shown.err) is as_json


def test_a_program_reads_neither_sentences_nor_headings(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(as_json=True)
    screen.say("Hello.")
    screen.heading("People")
    assert capsys.readouterr() == ("", "")


def test_progress_stays_away_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    with Screen(as_json=False).progress("Copying", 3) as move:
        move(3)
    assert capsys.readouterr() == ("", "")


def test_an_empty_list_is_said_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    Screen(as_json=False).show_list([], {"id": "Id"}, none="There is none.")
    assert capsys.readouterr().out.strip() == "There is none."
