from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from iars_node.notifications.model import Choice, Wish, is_address, next_hour, next_look

TIRANE = ZoneInfo("Europe/Tirane")
MORNING = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "besa",
        "besa@",
        "@example.org",
        "besa@example",
        "besa@example.org\r\nBcc: all@example.org",
        "besa@example.org ",
        "Besa <besa@example.org>",
        "besa@example.org,arta@example.org",
        "bes a@example.org",
        "بيسا@example.org",
        f"{'b' * 64}@{'e' * 190}.org",
    ],
)
def test_what_is_no_plain_address_is_refused(text: str) -> None:
    assert not is_address(text)


def test_a_plain_address_is_taken() -> None:
    assert is_address("besa.dema+work@post.example.org")


def test_an_hour_is_the_next_on_the_wall_of_the_organisation() -> None:
    assert next_hour(MORNING, 12, TIRANE) == datetime(2026, 3, 2, 11, 0, tzinfo=UTC)
    assert next_hour(MORNING, 10, TIRANE) == datetime(2026, 3, 3, 9, 0, tzinfo=UTC)


def test_the_clock_change_moves_the_moment_and_not_the_hour() -> None:
    before = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)
    assert next_hour(before, 8, TIRANE) == datetime(2026, 3, 29, 6, 0, tzinfo=UTC)


def test_an_hour_that_the_clock_change_leaves_out_comes_once_and_not_twice() -> None:
    before = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)
    first = next_hour(before, 2, TIRANE)
    assert first > before
    assert next_hour(first, 2, TIRANE) - first > timedelta(hours=22)


@pytest.mark.parametrize(("rhythm", "wait"), [("at-once", 0), ("hourly", 60), ("daily", 120)])
def test_the_next_look_follows_the_rhythm(rhythm: str, wait: int) -> None:
    wish = Wish("besa@example.org", frozenset({"alert"}), rhythm, 12)
    assert next_look(wish, MORNING, TIRANE) == MORNING + timedelta(minutes=wait)


def test_a_wish_does_not_show_its_address() -> None:
    assert "besa" not in repr(Wish("besa@example.org", frozenset(), "hourly"))


def test_who_came_after_being_told_can_be_told_again() -> None:
    told = Choice("a", frozenset(), "hourly", 8, here_at=MORNING, look_at=MORNING, told_at=MORNING)
    assert told.is_told
    came = Choice(
        "a", frozenset(), "hourly", 8, MORNING + timedelta(seconds=1), look_at=MORNING, told_at=MORNING
    )
    assert not came.is_told
