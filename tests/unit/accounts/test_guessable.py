"""Which passwords are refused as those that are tried first, and which are not."""

from __future__ import annotations

import pytest

from iars_node.accounts.guessable import is_guessable


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "Password2026!",
        "P@ssw0rd-2024",
        "qwertyuiop12",
        "123456789012",
        "passwordpassword",
        "1q2w3e4r5t6y",
        "poiuytrewq99",
        "Shelter2026!!",
        "iloveyou2025",
        "abcabcabcabc",
        "xyxyxyxyxyxyxy",
        "motdepasse123",
        "Fjalëkalimi1",
        "привет123456",  # noqa: RUF001 - Cyrillic on purpose
        "marhaba12345",
        "!!!!....----",
        "welcome-admin-1",
    ],
)
def test_a_known_word_with_a_year_or_a_run_is_guessable(password: str) -> None:
    assert is_guessable(password)


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "four quiet grey horses",
        "welcome to a village by the lake",
        "kG7-pd9Qm2xv",
        "тихая река за домом",
        "شجرة الزيتون خلف البيت",
        "tre dele mbi kodër",
    ],
)
def test_words_that_only_one_person_would_choose_are_not(password: str) -> None:
    assert not is_guessable(password)
