"""What a name and a password must be, how delays grow, and what never shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from iars_node.accounts import model
from iars_node.accounts.failures import Delay
from iars_node.accounts.model import (
    Account,
    NewAccount,
    NewToken,
    Session,
    SessionPolicy,
    SignedIn,
    Token,
    new_code,
    plain_code,
)
from iars_node.accounts.sign_in import Attempt

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ACCOUNT = Account("a1", "anna", "Anna Kola", "anna@example.org", frozenset({"auditor"}), "sq", NOW)
SESSION = Session("s1", "a1", NOW, NOW, NOW + timedelta(hours=12), b"csrf-secret")


@pytest.mark.parametrize("name", ["anna", "anna.kola", "anna@example.org", "анна", "Ana-2"])
def test_a_name_of_letters_digits_and_few_signs_can_be_used(name: str) -> None:
    assert model.account_faults(name, "Anna", "sq") == {}


@pytest.mark.parametrize("name", ["", "a", "anna kola", "<anna>", ".anna", "a" * 65])
def test_other_names_are_faults(name: str) -> None:
    assert model.account_faults(name, "Anna", "sq").keys() == {"name"}


def test_a_missing_display_name_and_an_odd_language_are_faults() -> None:
    assert model.account_faults("anna", " ", "english").keys() == {"display_name", "language"}


def test_names_compare_without_case_and_spaces_around() -> None:
    assert model.folded(" \uff21nna ") == model.folded("ANNA") == "anna"


@pytest.mark.parametrize("password", ["short", "a" * 12, "abababababab", "my name is Anna K", "x" * 1025])
def test_a_short_or_easily_guessed_password_is_a_fault(password: str) -> None:
    assert model.password_faults(password, "anna").keys() == {"password"}


def test_several_words_make_a_password() -> None:
    assert model.password_faults("correct horse battery", "anna") == {}


def test_delays_begin_after_the_free_failures_and_double_to_the_longest() -> None:
    delay = Delay(3, timedelta(seconds=60))
    waits = [delay.after(failures).total_seconds() for failures in (0, 2, 3, 4, 5, 9, 1000)]
    assert waits == [0, 0, 1, 2, 4, 60, 60]


def test_a_session_is_locked_for_want_of_use_and_ends_by_age() -> None:
    policy = SessionPolicy(idle=timedelta(minutes=30), absolute=timedelta(hours=12))
    assert not SESSION.is_locked(NOW + timedelta(minutes=29), policy)
    assert SESSION.is_locked(NOW + timedelta(minutes=30), policy)
    assert not SESSION.is_over(NOW + timedelta(hours=11))
    assert SESSION.is_over(NOW + timedelta(hours=12))


def test_no_secret_and_no_name_shows_when_a_value_is_printed() -> None:
    token = Token("t1", "import", frozenset(), frozenset(), NOW, "a1", NOW)
    wanted = NewAccount("anna", "Anna Kola", frozenset(), "correct horse battery")
    values = [
        ACCOUNT,
        SESSION,
        wanted,
        SignedIn("browser-token", SESSION, ACCOUNT),
        NewToken("iars_secret", token),
        Attempt("a1", "$argon2id$hash", "key", "key", 1),
    ]
    printed = " ".join(map(repr, values))
    for hidden in ("Anna", "example.org", "csrf-secret", "browser-token", "iars_secret", "horse", "argon2id"):
        assert hidden not in printed


def test_a_secret_is_long_random_and_stored_as_a_hash() -> None:
    secret = model.new_secret()
    assert secret != model.new_secret()
    assert len(secret) == 43
    assert secret not in model.secret_hash(secret)


def test_a_code_on_paper_has_80_bits_of_signs_that_nobody_confuses() -> None:
    codes = {new_code() for _ in range(2000)}
    assert len(codes) == 2000
    signs = {sign for code in codes for sign in code if sign != "-"}
    # Every sign occurs, in every place: none of the bits is fixed.
    assert len(signs) == 32
    assert all({code[place] for code in codes} == signs for place in range(19) if place % 5 != 4)
    assert all(len(plain_code(code)) == 16 for code in codes)
    assert not signs & set("01IO")
