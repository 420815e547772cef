"""People's own words are listed with what they most likely mean; nothing where two are as likely."""

from __future__ import annotations

import pytest

from iars_node.cases.spreadsheet.meanings import MOST_WORDS, likely_code, with_own_words
from iars_node.cases.spreadsheet.model import ColumnMapping, SheetMapping
from iars_node.cases.spreadsheet.targets import importable_fields

FIELDS = importable_fields()
CITIZENSHIPS = "demographics.citizenships"


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("Albanian", "AL"),
        ("Moldovan", "MD"),
        ("Romanian", "RO"),
        ("Shqipëria", "AL"),
        ("Albanaise", "AL"),
        ("Молдавия", "MD"),
        ("Украинка", "UA"),
        ("Nigerian", "NG"),
        ("Polish", "PL"),
    ],
)
def test_a_nationality_suggests_its_country(word: str, code: str) -> None:
    assert likely_code(FIELDS[CITIZENSHIPS], word) == code


@pytest.mark.parametrize("word", ["Dominican", "English", "Congolese", "Atlantis", "?"])
def test_a_word_of_several_countries_or_of_none_suggests_nothing(word: str) -> None:
    assert likely_code(FIELDS[CITIZENSHIPS], word) == ""


def test_codes_and_languages_are_suggested_by_their_spelling_and_yes_or_no_never() -> None:
    assert likely_code(FIELDS["demographics.gender"], "femal") == "Feminine"
    assert likely_code(FIELDS["demographics.languages"], "Albanain") == "sq"
    assert likely_code(FIELDS["demographics.stateless"], "perhaps") == ""


def mapping(*targets: str) -> SheetMapping:
    return SheetMapping(tuple(ColumnMapping(target, target) for target in targets))


def test_each_word_is_listed_once_and_only_where_codes_are_chosen_from() -> None:
    targets = ("identity.given_name", CITIZENSHIPS, "external_number")
    rows = [
        ("Besa", "Albanian; AL", "1"),
        ("Ana", " albanian, Kosovar", "2"),
        ("Ion", None, "3"),
        ("Ina",),
    ]
    found = with_own_words(mapping(*targets), targets, rows)
    assert [dict(column.values) for column in found.columns] == [{}, {"Albanian": "AL", "Kosovar": ""}, {}]


def test_a_column_of_free_text_does_not_flood_the_mapping() -> None:
    rows = [("x" * 61,), *((f"word {number}",) for number in range(MOST_WORDS + 5))]
    found = with_own_words(mapping("demographics.gender"), ("demographics.gender",), rows)
    assert len(found.columns[0].values) == MOST_WORDS
