from __future__ import annotations

import pytest

from iars_node.web.languages import alphabetical, negotiate, offered

THREE = offered(("en", "fr", "ar"))


def test_only_languages_with_pages_are_offered() -> None:
    assert [each.code for each in offered(("uk", "fr"))] == ["fr"]
    assert [each.code for each in offered(("uk",))] == ["en"]


@pytest.mark.parametrize(
    ("choices", "accepted", "expected"),
    [
        (("fr", "ar"), "en", "fr"),
        (("uk", "ar"), "en", "ar"),
        ((), "ar-SY,ar;q=0.9,en;q=0.8", "ar"),
        ((), "uk, fr;q=0.4, ar;q=0.6", "ar"),
        ((), "fr;q=0", "en"),
        ((), "fr;q=nonsense, ar", "ar"),
        ((), "", "en"),
        ((), "*", "en"),
    ],
)
def test_the_readers_choice_comes_first_then_the_browsers_then_the_nodes(
    choices: tuple[str, ...], accepted: str, expected: str
) -> None:
    assert negotiate(THREE, *choices, accepted=accepted).code == expected


def test_arabic_is_written_from_the_right() -> None:
    assert [each.direction for each in THREE] == ["ltr", "ltr", "rtl"]


def test_russian_is_offered_and_chosen_as_any_other() -> None:
    russian = offered(("ru", "fr"))
    assert [each.own_name for each in russian] == ["Русский", "Français"]
    assert negotiate(russian, accepted="ru-KZ, fr;q=0.4").code == "ru"
    assert russian[0].direction == "ltr"


def test_languages_are_called_as_their_readers_call_them() -> None:
    assert [each.own_name for each in THREE] == ["English", "Français", "العربية"]


def test_albanian_is_offered_and_chosen_as_any_other() -> None:
    albanian = offered(("sq", "en"))
    assert [(each.code, each.own_name, each.direction) for each in albanian[:1]] == [("sq", "Shqip", "ltr")]
    assert negotiate(albanian, accepted="sq-AL,sq;q=0.9,en;q=0.8").code == "sq"


@pytest.mark.parametrize(
    "names",
    [
        ["Danemark", "Égypte", "Émirats arabes unis", "Estonie", "Finlande", "Zambie"],
        ["каталанский", "кёльнский", "кечуа", "китайский"],
        ["аист", "айва", "акация", "яблоня"],
    ],
)
def test_a_letter_with_a_mark_stands_beside_the_letter_without(names: list[str]) -> None:
    assert sorted(names, key=alphabetical) == names
