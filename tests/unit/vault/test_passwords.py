"""Hashes of passwords."""

from __future__ import annotations

from iars_node.vault import passwords

# A hash as a node with too low a cost would have stored it: 8 KiB, one pass.
CHEAP = "$argon2id$v=19$m=8,t=1,p=1$ErnftZnjtz9LE32U6vYb5g$bM14UYayhCds/bGrckJT3CUwgEaANcrC0eYf0fmXocY"


def test_a_password_gives_its_hash_and_no_other_does() -> None:
    stored = passwords.hash_password("correct horse battery")
    assert passwords.verify_password("correct horse battery", stored)
    assert not passwords.verify_password("correct horse batterY", stored)


def test_two_hashes_of_one_password_differ() -> None:
    assert passwords.hash_password("correct horse battery") != passwords.hash_password(
        "correct horse battery"
    )


def test_the_same_letters_typed_as_other_code_points_are_the_same_password() -> None:
    stored = passwords.hash_password("cafe\u0301 a\u0300 la gare")
    assert passwords.verify_password("caf\u00e9 \u00e0 la gare", stored)


def test_a_damaged_hash_verifies_nothing() -> None:
    for damaged in ("", "$argon2id$", "x" * 400, "plain"):
        assert not passwords.verify_password("correct horse battery", damaged)


def test_a_hash_of_lower_cost_is_weak_and_today_s_is_not() -> None:
    assert passwords.verify_password("correct horse battery", CHEAP)
    assert passwords.is_weak(CHEAP)
    assert passwords.is_weak("not a hash")
    assert not passwords.is_weak(passwords.hash_password("correct horse battery"))


def test_nobody_s_hash_costs_as_much_as_a_real_one() -> None:
    assert not passwords.is_weak(passwords.nobodys_hash())
    assert passwords.nobodys_hash() == passwords.nobodys_hash()
