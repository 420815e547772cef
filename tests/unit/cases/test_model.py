"""References, likeness, headers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iars_node.cases import reference
from iars_node.cases.likeness import is_compatible, name_likeness
from iars_node.cases.spreadsheet.headers import guess, known_headers, suggest
from iars_node.cases.spreadsheet.reading import column_letters
from iars_node.cases.spreadsheet.targets import check_target, importable_fields
from iars_node.errors import InvalidError


@given(st.integers(0, 20))
def test_a_reference_is_read_back_however_it_is_said(attempt: int) -> None:
    drawn = reference.draw(attempt)
    assert drawn.startswith("K-")
    assert reference.read(drawn) == drawn
    assert reference.read(drawn.lower().replace("0", "o").replace("1", "i").replace("-", " ")) == drawn


def test_references_grow_when_the_short_ones_are_taken() -> None:
    assert [len(reference.draw(attempt)) for attempt in (0, 3, 4, 8)] == [6, 6, 7, 8]


@pytest.mark.parametrize("text", ["", "K-", "abc", "Elira Hoxha", "K-4F7U", "+355"])
def test_what_is_no_reference_is_not_read_as_one(text: str) -> None:
    assert reference.read(text) is None


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("2004-05-17", "2004-05-17", True),
        ("2004-05-17", "2004", True),
        ("2004-05-17", "2004-05", True),
        ("2004-05-17", "2004-17-05", True),
        ("2004-05-06", "2004-06-05", True),
        ("2004-05-17", "2004-05-18", False),
        ("2004", "2005", False),
        ("2004~", "2006-01-01", True),
        ("2004~", "2007", False),
        (None, "2004", True),
    ],
)
def test_dates_of_birth_that_can_be_one(one: str | None, other: str, expected: bool) -> None:  # noqa: FBT001 - a table
    assert is_compatible(one, other) is expected
    assert is_compatible(other, one) is expected


def test_the_order_of_names_does_not_matter() -> None:
    assert name_likeness("elira hoxha", "hoxha elira") == 100
    assert name_likeness("", "hoxha") == 0


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ("Given name", "identity.given_name"),
        ("ИМЯ", "identity.given_name"),
        ("  prenom ", "identity.given_name"),
        ("Фамилия", "identity.family_name"),
        ("Date de naissance", "identity.birth_date"),
        ("DATE OF BIRTH", "identity.birth_date"),
        ("Дата рождения", "identity.birth_date"),
        ("Datelindja", "identity.birth_date"),
        ("Nationalité", "demographics.citizenships"),
        ("№ дела", "external_number"),
        ("ФИО", "full_name"),
        ("identity.alias", "identity.alias"),
        ("Type of exploitations", "exploitation.types"),
        ("Favourite colour", None),
        ("", None),
    ],
)
def test_headers_are_understood_in_any_case_accent_and_script(header: str, target: str | None) -> None:
    assert guess(header) == target


def test_two_columns_never_fill_one_field() -> None:
    columns = suggest(["Name", "First name", "Prénom", "Surname", None, "Nonsense"], also_similar=True)
    targets = [column.target for column in columns]
    assert targets == ["full_name", "identity.given_name", "identity.family_name"]


def test_every_known_header_leads_to_a_field_that_exists() -> None:
    for target in known_headers().values():
        check_target(target)
    with pytest.raises(InvalidError):
        check_target("identity.shoe_size")
    assert "demographics.age_band" not in importable_fields()


def test_columns_have_letters() -> None:
    assert [column_letters(index) for index in (0, 25, 26, 51, 52, 701, 702)] == [
        "A",
        "Z",
        "AA",
        "AZ",
        "BA",
        "ZZ",
        "AAA",
    ]
