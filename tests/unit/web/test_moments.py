from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from iars_node.web.languages import language
from iars_node.web.moments import Moments

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ENGLISH = Moments(language("en"), ZoneInfo("Europe/Tirane"))
FRENCH = Moments(language("fr"), ZoneInfo("Europe/Tirane"))
ARABIC = Moments(language("ar"), ZoneInfo("Europe/Tirane"))
RUSSIAN = Moments(language("ru"), ZoneInfo("Europe/Tirane"))


def test_moments_are_said_in_the_organisations_zone() -> None:
    assert ENGLISH.exact(NOW) == "2 Mar 2026, 10:00"
    assert FRENCH.exact(NOW) == "2 mars 2026, 10:00"
    assert ARABIC.exact(NOW) == "02\u200f/03\u200f/2026، 10:00"
    assert ENGLISH.machine(NOW) == "2026-03-02T10:00:00+01:00"


def test_a_month_stands_in_the_case_that_its_day_asks_for() -> None:
    assert RUSSIAN.exact(NOW) == "2 мар. 2026\u202fг., 10:00"  # noqa: RUF001 - Cyrillic is meant
    assert RUSSIAN.day(NOW) == "2 марта 2026\u202fг."  # noqa: RUF001 - Cyrillic is meant
    assert [RUSSIAN.partial(held) for held in ("2004-05", "2004-05-17", "2004-05~")] == [
        "май 2004\u202fг.",  # noqa: RUF001 - Cyrillic is meant
        "17 мая 2004\u202fг.",  # noqa: RUF001 - Cyrillic is meant
        "примерно май 2004\u202fг.",  # noqa: RUF001 - Cyrillic is meant
    ]
    assert RUSSIAN.near(NOW + timedelta(days=1, hours=4), NOW) == "вторник 14:00"
    assert RUSSIAN.away(NOW + timedelta(hours=3), NOW) == "через 3 часа"
    assert RUSSIAN.away(NOW - timedelta(days=5), NOW) == "5 дней назад"


def test_this_week_has_weekdays_and_other_weeks_have_dates() -> None:
    assert ENGLISH.near(NOW + timedelta(days=1, hours=4), NOW) == "Tuesday 14:00"
    assert ENGLISH.near(NOW + timedelta(days=8), NOW) == "10 Mar 2026, 10:00"


def test_beside_a_moment_stands_how_far_away_it_is() -> None:
    assert ENGLISH.away(NOW + timedelta(hours=3), NOW) == "in 3 hours"
    assert ENGLISH.away(NOW - timedelta(days=2), NOW) == "2 days ago"
    assert FRENCH.away(NOW + timedelta(hours=3), NOW) == "dans 3 heures"
    for seconds in (-59, 0, 59):
        assert ENGLISH.away(NOW + timedelta(seconds=seconds), NOW) == "now"
    assert FRENCH.away(NOW, NOW) == "maintenant"
    assert ENGLISH.away(NOW + timedelta(minutes=1), NOW) == "in 1 minute"


@pytest.mark.parametrize(
    ("held", "english", "french"),
    [
        ("2004", "2004", "2004"),
        ("2004-05", "May 2004", "mai 2004"),
        ("2004-05-17", "17 May 2004", "17 mai 2004"),
        ("2004~", "about 2004", "environ 2004"),
    ],
)
def test_a_partial_date_is_said_as_far_as_it_is_known(held: str, english: str, french: str) -> None:
    assert ENGLISH.partial(held) == english
    assert FRENCH.partial(held) == french


def test_a_consent_until_a_day_lasts_to_its_end() -> None:
    assert ENGLISH.end_of_day(date(2026, 3, 2)).isoformat() == "2026-03-02T23:59:59+01:00"
    assert ENGLISH.day(NOW) == "2 March 2026"
    assert ENGLISH.today(datetime(2026, 3, 2, 23, 30, tzinfo=UTC)) == date(2026, 3, 3)


def test_albanian_moments_read_as_in_a_letter() -> None:
    said = Moments(language("sq"), ZoneInfo("Europe/Tirane"))
    assert said.exact(NOW) == "2 mar 2026, 10:00"
    assert said.day(NOW) == "2 mars 2026"
    assert said.near(NOW + timedelta(days=1, hours=4), NOW) == "e martë 14:00"
    assert said.away(NOW + timedelta(hours=3), NOW) == "pas 3 orësh"
    assert said.away(NOW - timedelta(days=2), NOW) == "2 ditë më parë"
    assert [said.partial(held) for held in ("2004-05", "2004-05-17", "2004~")] == [
        "maj 2004",
        "17 maj 2004",
        "rreth 2004",
    ]
