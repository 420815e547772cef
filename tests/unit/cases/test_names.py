"""Which languages are known by their codes."""

from __future__ import annotations

import pytest

from iars_node.cases.names import countries, is_country, is_language, most_likely_country


@pytest.mark.parametrize("code", ["sq", "en", "ro", "rom", "prs", "kmr", "zh-Hant", "sr-Latn-RS"])
def test_a_language_that_people_speak_is_known(code: str) -> None:
    assert is_language(code)


@pytest.mark.parametrize("code", ["", "xx", "Albanian", "SQ", "sq en", "und", "mul", "zxx", "xx-Latn", "q"])
def test_what_is_no_code_of_a_language_is_not(code: str) -> None:
    assert not is_language(code)


@pytest.mark.parametrize("code", ["AL", "MD", "XK", "GB"])
def test_a_country_is_known_by_its_two_letters(code: str) -> None:
    assert is_country(code)


@pytest.mark.parametrize("code", ["", "XQ", "ZZ", "EU", "al", "ALB", "UK"])
def test_what_is_no_code_of_a_country_is_not(code: str) -> None:
    assert not is_country(code)


def test_three_letters_name_every_country_that_two_name() -> None:
    found = countries()
    by_long_code = {code for name, code in found.items() if len(name) == len("alb")}
    # Islands that lie within other countries' codes have two letters alone.
    assert set(found.values()) - by_long_code == {"CQ", "EA", "IC"}


def test_a_code_that_several_countries_followed_names_none() -> None:
    assert not {"yug", "sun", "scg"} & countries().keys()


def test_where_a_language_is_most_spoken() -> None:
    assert (most_likely_country("sq"), most_likely_country("nothing")) == ("AL", "")
