"""Accounts and tokens, by the command line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.admin.organisations import Organisation


def test_an_administrator_adds_changes_and_disables_an_account(shelter: Organisation) -> None:
    added = shelter.ask("user", "add", "Lena", "--display-name", "Lena K.", "--role", "medical")
    assert (added["name"], added["display_name"], added["roles"]) == ("lena", "Lena K.", ["medical"])
    changed = shelter.ask("user", "roles", "lena", "medical", "case-worker")
    assert changed["roles"] == ["case-worker", "medical"]
    assert shelter.ask("user", "disable", "lena")["disabled"] is True
    assert shelter.as_("lena").run("case", "list").code == 1
    assert shelter.ask("user", "enable", "lena")["disabled"] is False
    assert shelter.as_("lena").run("case", "list").code == 0


def test_an_unknown_role_is_refused_with_its_fault(shelter: Organisation) -> None:
    answer = shelter.run("user", "add", "lena", "--role", "director")
    assert answer.code == 1
    assert "  roles: accepted: case-worker, " in answer.err


def test_a_language_without_pages_is_refused_with_the_list(shelter: Organisation) -> None:
    answer = shelter.run("user", "add", "lena", "--role", "medical", "--language", "xx")
    assert answer.code == 1
    assert "  language: accepted: ar, en, fr, ru, sq" in answer.err
    assert "lena" not in {account["name"] for account in shelter.ask("user", "list")}
    assert shelter.ask("user", "add", "lena", "--role", "medical", "--language", "sq")["language"] == "sq"


def test_ones_own_password_is_set_from_the_variable_and_never_shown(shelter: Organisation) -> None:
    answer = shelter.run("user", "password", "agim", IARS_PASSWORD="a different long password")
    assert answer.code == 0
    assert "different" not in answer.out + answer.err


def test_somebody_elses_password_is_set_from_a_file(shelter: Organisation, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("a different long password\n", "utf-8")
    file = ("--password-file", tmp_path / "password")
    assert shelter.run("user", "password", "mira", *file).code == 0
    added = shelter.ask("user", "add", "lena", "--role", "medical", *file)
    assert "code" not in added


def test_nobody_else_gets_the_password_that_the_variable_still_holds(shelter: Organisation) -> None:
    answer = shelter.run("user", "password", "mira", IARS_PASSWORD="the administrator's own words")
    assert answer.code == 1
    assert "--password-file" in answer.err
    assert "IARS_PASSWORD" not in answer.err
    for words in (("add", "lena", "--role", "medical"), ("reset", "lena")):
        made = shelter.run("user", *words, "--json", IARS_PASSWORD="the administrator's own words")
        assert len(made.json["code"]) == 19


def test_nobody_is_asked_for_a_password_where_nobody_sits(shelter: Organisation) -> None:
    answer = shelter.run("user", "password", "mira", IARS_PASSWORD=None)
    assert answer.code == 1
    assert "--password-file" in answer.err


def test_an_unknown_account_is_not_found(shelter: Organisation) -> None:
    for words in (("disable", "nobody"), ("roles", "nobody", "auditor"), ("password", "nobody")):
        answer = shelter.run("user", *words)
        assert answer.code == 1
        assert "no account" in answer.err


def test_the_last_administrator_stays(shelter: Organisation) -> None:
    assert shelter.run("user", "disable", "agim").code == 1


def test_with_several_accounts_somebody_must_be_named(shelter: Organisation) -> None:
    # The auditor may see the accounts too, and nobody is guessed to work with people.
    for words in (("user", "list"), ("case", "list")):
        answer = shelter.as_("").run(*words)
        assert answer.code == 2
        assert "IARS_ACCOUNT" in answer.err
    assert shelter.as_("").run("user", "list", IARS_ACCOUNT="ada").code == 0
    assert shelter.as_("").run("user", "list", "--as", "ada").code == 0


def test_the_only_administrator_acts_unsaid_where_nobody_else_may(
    shelter: Organisation, mission: Organisation, tmp_path: Path
) -> None:
    nobody = shelter.as_("")
    nobody.ask("user", "reset", "mira")
    theirs = mission.ask("listing", "export", tmp_path / "their.listing")
    nobody.ask("peer", "add", tmp_path / "their.listing")
    nobody.ask("peer", "verify", "mission", theirs["fingerprint"])
    events = shelter.ask("audit", "list", "--action", "account.reset")["events"]
    assert [event["actor_id"] for event in events] == [_id_of(shelter, "agim")]
    shelter.ask("user", "disable", "ada")
    nobody.ask("listing", "export", tmp_path / "our.listing")
    nobody.ask("doctor", "--offline")
    shelter.ask("user", "roles", "rita", "administrator")
    assert nobody.run("user", "reset", "mira").code == 2


def _id_of(organisation: Organisation, name: str) -> str:
    return str(next(one["id"] for one in organisation.ask("user", "list") if one["name"] == name))


def test_an_account_that_does_not_exist_can_not_act(shelter: Organisation) -> None:
    assert shelter.as_("nobody").run("user", "list").code == 1


def test_a_tokens_secret_is_shown_once(shelter: Organisation) -> None:
    made = shelter.ask("token", "add", "Statistics", "--action", "case.search", "--scope", "demographics")
    assert made["secret"].startswith("iars_")
    listed = shelter.ask("token", "list")
    assert [(entry["id"], entry["state"]) for entry in listed] == [(made["id"], "valid")]
    assert "secret" not in listed[0]
    assert shelter.ask("token", "revoke", made["id"])["state"] == "revoked"
    assert shelter.ask("token", "list")[0]["state"] == "revoked"
    assert shelter.run("token", "revoke", made["id"]).code == 1


def test_a_person_reads_a_tokens_secret_in_the_answer(shelter: Organisation) -> None:
    assert "iars_" in shelter.run("token", "add", "Statistics", "--action", "case.search").out


def test_a_token_never_gets_what_only_people_may_do(shelter: Organisation) -> None:
    answer = shelter.run("token", "add", "Robot", "--action", "account.manage")
    assert answer.code == 1
    assert "  actions: " in answer.err


def test_a_person_begins_with_a_one_time_code_that_only_the_administrator_sees(shelter: Organisation) -> None:
    added = shelter.run("user", "add", "lena", "--role", "medical", IARS_PASSWORD=None)
    assert added.code == 0
    code = re.search(r"(?:[2-9A-Z]{4}-){3}[2-9A-Z]{4}", added.out)
    assert code
    shown = shelter.run("user", "list", IARS_PASSWORD=None)
    assert code[0] not in shown.out


def test_a_reset_takes_everything_away_and_prints_a_new_code(shelter: Organisation) -> None:
    reset = shelter.ask("user", "reset", "mira")
    assert (reset["name"], reset["code_days"], len(reset["code"])) == ("mira", 3, 19)
    assert shelter.run("user", "reset", "nobody").code == 1
    assert shelter.as_("mira").run("user", "reset", "ada").code == 1
    events = shelter.as_("ada").ask("audit", "list", "--action", "account.reset")["events"]
    assert len(events) == 1
