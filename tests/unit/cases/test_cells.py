"""Cells become values, or a sentence that says what is accepted."""

from __future__ import annotations

from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iars_node.cases.spreadsheet.cells import CellReader, folded_word, neutral, own_words, plain
from iars_node.cases.spreadsheet.model import ColumnMapping
from iars_node.cases.spreadsheet.targets import importable_fields
from iars_protocol.errors import FieldError
from iars_protocol.record import VOCABULARIES, check_value

FIELDS = importable_fields()


def reader(target: str, **column: object) -> CellReader:
    return CellReader(FIELDS[target], ColumnMapping("Header", target, **column), "dmy", "AL")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("target", "cell", "expected"),
    [
        ("identity.given_name", "  Elira  ", "Elira"),
        ("identity.given_name", "", None),
        ("identity.given_name", None, None),
        ("identity.given_name", "-", None),
        ("identity.document_number", 1234567.0, "1234567"),
        ("identity.document_number", 7, "7"),
        ("identity.document_number", "'=12", "=12"),
        ("identity.document_number", "=12", "=12"),
        ("identity.document_number", 1.5, "1.5"),
        ("contact.safe_times", time(9, 30), "09:30"),
        ("contact.phone", "+355 (69) 123-4567", "+355691234567"),
        ("contact.phone", "069 123 4567", "+355691234567"),
        ("contact.phone", 355691234567.0, "+355691234567"),
        ("contact.do_not_contact", "Oui", True),
        ("contact.do_not_contact", True, True),
        ("contact.do_not_contact", "нет", False),
        ("contact.do_not_contact", 0, False),
        ("family.children", 2.0, 2),
        ("family.children", "2", 2),
        ("demographics.gender", "feminine", "Feminine"),
        ("demographics.gender", "Transgender feminine", "TransgenderFeminine"),
        ("demographics.citizenships", "Albania; Itali, Молдова", ["AL", "IT", "MD"]),
        ("demographics.citizenships", "al, AL", ["AL"]),
        ("demographics.citizenships", "ALB; mda; UK", ["AL", "MD", "GB"]),
        ("demographics.citizenships", "Albanie; Shqipëri; Албания; ألبانيا", ["AL"]),
        ("demographics.languages", "Albanian; fr; русский", ["sq", "fr", "ru"]),
        ("exploitation.types", "Forced labour, Servitude", ["ForcedLabour", "Servitude"]),
        ("medical.conditions", "asthma, mild; flu", ["asthma, mild", "flu"]),
        ("travel.origin_country", "Россия", "RU"),
        (
            "services.needs",
            "SHELTER:urgent:2026-05-01; Medical care; PSY-SUPPORT : Emergency",
            [
                {"service": "SHELTER", "priority": "urgent", "needed_by": "2026-05-01"},
                {"service": "MED-CARE", "priority": "normal"},
                {"service": "PSY-SUPPORT", "priority": "emergency"},
            ],
        ),
        ("identity.birth_date", "ca. 1998", "1998~"),
    ],
)
def test_what_people_type_is_understood(target: str, cell: object, expected: object) -> None:
    read = reader(target).read
    assert read(cell) == expected
    assert read(cell) == expected


@pytest.mark.parametrize(
    ("target", "cell"),
    [
        ("contact.phone", "call me"),
        ("contact.email", "nobody"),
        ("contact.do_not_contact", "maybe"),
        ("family.children", "two"),
        ("family.children", 1.5),
        ("demographics.gender", "wmn"),
        ("demographics.citizenships", "Albanian"),
        ("demographics.citizenships", "YUG"),
        ("demographics.citizenships", "Atlantis"),
        ("demographics.languages", "Quenya?"),
        ("exploitation.types", "Forced labour; Boredom"),
        ("services.needs", "SHELTER:soon"),
        ("services.needs", "CASTLE"),
        ("services.needs", "SHELTER:urgent:tomorrow"),
        ("identity.birth_date", "yesterday"),
        ("identity.given_name", "#REF!"),
        ("identity.given_name", "x" * 501),
    ],
)
def test_what_is_not_understood_is_said_without_repeating_it(target: str, cell: object) -> None:
    with pytest.raises(FieldError) as caught:
        reader(target).read(cell)
    assert str(cell) not in str(caught.value)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("F, Female, woman, femme, Femër, grua, Женский, ж, жен., женщина, أنثى, امرأة", "Feminine"),
        ("M, male, MAN, homme, H, Mashkull, burrë, Мужской, м, муж., мужчина, ذكر, رجل", "Masculine"),
        ("unknown, inconnu, e panjohur, неизвестно, غير معروف", "NonSpecifiedUnknown"),
    ],
)
def test_gender_is_understood_in_the_words_of_five_languages(said: str, expected: str) -> None:
    read = reader("demographics.gender").read
    assert {read(word) for word in said.split(", ")} == {expected}


@pytest.mark.parametrize("vocabulary", sorted(own_words()))
def test_no_word_of_people_s_own_stands_for_two_codes(vocabulary: str) -> None:
    labels = {folded_word(label): code for code, label in VOCABULARIES[vocabulary].items()}
    for code, said in own_words()[vocabulary].items():
        assert code in VOCABULARIES[vocabulary]
        for word in map(folded_word, said):
            assert labels.setdefault(word, code) == code, word


def test_a_short_list_is_named_in_the_fault() -> None:
    with pytest.raises(FieldError, match="Feminine, Masculine, Transgender feminine"):
        reader("demographics.gender").read("wmn")


def test_a_word_without_a_meaning_in_the_mapping_is_a_fault() -> None:
    citizenships = reader("demographics.citizenships", values={"Albanian": "AL", "Kosovar": ""})
    assert citizenships.read("albanian") == ["AL"]
    with pytest.raises(FieldError, match="does not say yet"):
        citizenships.read("Albanian; Kosovar")


def test_the_mapping_translates_cells_and_entries() -> None:
    gender = reader("demographics.gender", values={"M": "Masculine", "Ж": "Feminine"})
    assert (gender.read("m"), gender.read("ж")) == ("Masculine", "Feminine")
    types = reader("exploitation.types", separator="/", values={"labour": "ForcedLabour"})
    assert types.read("labour/Servitude") == ["ForcedLabour", "Servitude"]
    born = reader("identity.birth_date", values={"unknown": "1990~"}, date_format="%d %B %Y")
    assert born.read("17 May 2004") == "2004-05-17"


def test_one_and_true_are_two_cells() -> None:
    document = reader("identity.document_number")
    assert (document.read(True), document.read(1)) == ("true", "1")


@given(
    st.sampled_from(sorted(FIELDS)), st.one_of(st.text(max_size=40), st.integers(), st.booleans(), st.none())
)
def test_a_cell_becomes_a_checked_value_or_a_fault(target: str, cell: object) -> None:
    try:
        value = reader(target).read(cell)
    except FieldError:
        return
    if value is not None:
        check_value(FIELDS[target], value)


@given(st.text(max_size=20))
def test_a_neutral_text_is_no_formula_and_reads_back(text: str) -> None:
    assert not neutral(text).startswith(("=", "+", "-", "@"))
    if not text.startswith("'"):
        assert plain(neutral(text)) == text
