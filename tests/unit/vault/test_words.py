"""One name written in many ways is found by each of them."""

# Names and numbers in several scripts are what is tested here.
# ruff: noqa: RUF001

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iars_node.vault.words import document_number, phone_digits, sounds, words

# Scripts whose letters keep their identity when their case changes.
LETTERS = st.text(
    st.one_of(
        st.characters(min_codepoint=0x41, max_codepoint=0x24F, categories=["Lu", "Ll"]),
        st.characters(min_codepoint=0x400, max_codepoint=0x45F, categories=["Lu", "Ll"]),
        st.sampled_from(" -'’"),
    )
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Юлия Иванова", ["yuliya", "ivanova"]),
        ("Алёна", ["alena"]),
        ("O’Brien o'brien Obrien", ["obrien", "obrien", "obrien"]),
        ("Al-Hassan, Jean-Pierre", ["al", "hassan", "jean", "pierre"]),
        ("Müller", ["muller"]),
        ("Çelëbi Đorđević Łukasz", ["celebi", "dordevic", "lukasz"]),
        ("محمد", ["mhmd"]),
        ("يوسف وليد", ["yusf", "wlyd"]),
        ("  \t— … ", []),
        ("", []),
        ("Rruga 12/3", ["rruga", "12", "3"]),
    ],
)
def test_text_is_split_into_plain_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    "spellings",
    [
        "Юлия Юля Yuliya Yulia Julia Juliya Iulia Юлія",
        "Mohammed Muhammad Mohamed Mokhammed Мохаммед محمد مُحَمَّد Muhamad",
        "Xhevdet Dzhevdet Jevdet Джевдет",
        "Хасан Hasan Khasan Hassan حسن",
        "Walid Valid وليد Валид",
        "Dmitry Dmitriy Dmitrij Dmitri Дмитрий",
        "Sergei Sergey Sergej Сергей",
        "Алёна Алена Alyona Alena",
        "Фёдор Fyodor Fedor Fjodor",
        "Елена Yelena Jelena Elena",
        "Евгений Yevgeny Evgeny Jewgeni",
        "Щербаков Shcherbakov Scherbakov",
        "Ahmed Ahmad Akhmed أحمد Ахмед",
        "Ibrahim إبراهيم Ebrahim",
        "Fatima Fatimah فاطمة Фатима",
        "Yusuf Youssef يوسف Jusuf Юсуф",
        "Maria Mariya Marija Мария Mary",
        "Kovač Kovach Ковач",
        "Şahin Shahin",
        "Müller Mueller Muller",
        "Jamal Djamal Dzhamal Джамал جمال",
        "Said Saeed Saïd Саид",
        "Aisha Ayesha Aysha Айша",
        "Anna Ana Анна",
        "Alexander Aleksandr Aleksander Александр",
        "Olga Ol'ga Ольга",
        "მარიამი Mariami",
    ],
)
def test_transliterations_of_one_name_sound_alike(spellings: str) -> None:
    assert len({sounds(word) for word in words(spellings)}) == 1


@pytest.mark.parametrize(
    "names",
    ["Yulia Olga Maria Anna Elena", "Mohammed Ahmed Ibrahim Hassan Walid", "Ivanov Petrov Hoxha Shehu Kovač"],
)
def test_different_names_sound_different(names: str) -> None:
    spelled = words(names)
    assert len({sounds(word) for word in spelled}) == len(spelled)


@pytest.mark.parametrize("word", ["", "12", "a1", "h"])
def test_what_has_no_sound_stays_as_it_is(word: str) -> None:
    assert sounds(word) == word


@given(st.text())
def test_any_text_becomes_plain_words_that_stay_as_they_are(text: str) -> None:
    plain = words(text)
    assert words(" ".join(plain)) == plain
    assert all(word.isascii() and word.isalnum() and word == word.lower() for word in plain)
    assert all(sounds(word).isascii() and sounds(word) for word in plain)


@given(LETTERS, LETTERS)
def test_order_does_not_matter(first: str, second: str) -> None:
    assert sorted(words(f"{first} {second}")) == sorted(words(f"{second} {first}"))


@given(LETTERS)
def test_case_does_not_matter(text: str) -> None:
    assert words(text.upper()) == words(text) == words(text.lower())


@given(LETTERS)
def test_composed_and_combining_accents_are_one(text: str) -> None:
    assert words(unicodedata.normalize("NFD", text)) == words(unicodedata.normalize("NFC", text))


@given(st.text("abcdefghijklmnopqrstuvwxyz "), st.sampled_from("\u0300\u0301\u0302\u0308\u030c\u0327"))
def test_accents_do_not_matter(text: str, accent: str) -> None:
    accented = unicodedata.normalize("NFC", "".join(letter + accent for letter in text))
    assert words(accented) == words(text)


@pytest.mark.parametrize(
    "written",
    [
        "069 123 4567",
        "+355 69 123 4567",
        "00355691234567",
        "(069) 123-4567",
        "٠٦٩١٢٣٤٥٦٧",
        "tel. 069/1234567",
    ],
)
def test_a_phone_number_is_one_however_it_is_written(written: str) -> None:
    assert phone_digits(written, "al") == "355691234567"


def test_a_phone_number_without_a_country_keeps_its_digits() -> None:
    assert phone_digits("+7 916 123-45-67", "") == "79161234567"
    assert phone_digits("8 (916) 123", "") == "8916123"
    assert phone_digits("no number", "AL") == ""


@given(st.text(), st.sampled_from(["AL", "RU", "", "xx"]))
def test_any_text_as_a_phone_number_gives_digits(text: str, region: str) -> None:
    digits = phone_digits(text, region)
    assert digits == "" or (digits.isascii() and digits.isdigit())


@pytest.mark.parametrize("written", ["AB 123-456", "ab123456", "АВ 123456", "ａｂ123456", "A B/123.456"])
def test_a_document_number_is_one_whatever_script_its_letters_were_typed_in(written: str) -> None:
    assert document_number(written) == "AB123456"


@given(st.text())
def test_a_document_number_stays_as_it_is(text: str) -> None:
    number = document_number(text)
    assert document_number(number) == number
    assert number == "" or (number.isascii() and number.isalnum())
