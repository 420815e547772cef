"""A case worker who works in Russian: what is typed, listed and found, and how days are said."""

# ruff: noqa: RUF001

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.pages import Reader, World, copied, make_world, words

from iars_node.cases import service as cases
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from iars_node.clock import SetClock

PERSON = {
    "identity.alias": "Синяя птица",
    "identity.given_name": "Алёна",
    "identity.birth_date": "2004-05",
    "identity.birth_date.estimated": "yes",
    "demographics.citizenships": ["Молдова"],
    "demographics.languages": ["румынский", "русский"],
    "services.needs.0.service": "SHELTER",
    "services.needs.0.priority": "urgent",
}


@pytest.fixture
def moscow(tmp_path: Path, clock: SetClock, sqlite_template: Path) -> Iterator[World]:
    """A world whose first language is Russian."""
    made = make_world(tmp_path, clock, copied(sqlite_template), languages=("ru", "en"))
    yield made
    made.close()


@pytest.fixture
def galina(moscow: World) -> Reader:
    """A case worker who reads Russian."""
    reader = Reader(moscow.shelter, **{"accept-language": "ru-RU, ru;q=0.9"}).enter()
    reader.post("/language", {"language": "ru", "next": "/"})
    return reader


def opened(reader: Reader) -> str:
    reader.get("/cases/new")
    answer = reader.post("/cases/new", PERSON)
    assert answer.status_code == 303, words(answer.text)
    return answer.headers["location"].split("?")[0]


def test_countries_and_languages_are_taken_by_their_russian_names(moscow: World, galina: Reader) -> None:
    path = opened(galina)
    with moscow.shelter.node.works.write(SYSTEM) as work:
        record = cases.snapshot(work, path.split("/")[2])
    assert record["demographics"]["citizenships"] == ["MD"]
    assert record["demographics"]["languages"] == ["ro", "ru"]
    page = words(galina.get(path).text)
    assert "примерно май 2004" in page
    assert "Безопасный приют, временное жильё" in page
    assert "2 мар. 2026 г., 10:00" in page.replace("\u202f", " ")


@pytest.mark.parametrize("typed", ["алёна", "Алена", "Alena", "синяя птица"])
def test_a_person_is_found_with_or_without_the_dots_and_in_latin(galina: Reader, typed: str) -> None:
    path = opened(galina)
    galina.get("/cases")
    assert path in galina.post("/cases/search", {"text": typed}).text


def test_lists_are_narrowed_and_said_in_russian(galina: Reader) -> None:
    path = opened(galina)
    shown = galina.get("/cases?service=SHELTER&country=MD").text
    assert path in shown
    assert "Нужная услуга" in words(shown)
    assert "не подходит ни одно дело" in words(galina.get("/cases?country=AL").text)


def test_suggestions_stand_in_the_order_of_the_russian_alphabet(galina: Reader) -> None:
    page = galina.get("/intake").text
    names = re.findall(r'<option value="([А-Яа-яЁё][^"]*)"', page)
    assert names
    assert names == sorted(names, key=lambda name: name.casefold().replace("ё", "е"))
