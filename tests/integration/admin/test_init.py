from __future__ import annotations

import json
import re
import shlex
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.conftest import PASSPHRASE
from tests.integration.admin.organisations import PASSWORD, Organisation, QuickVault, found, give

from iars_admin import founding
from iars_node.db import Database
from iars_node.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Callable

GUIDE = Path(__file__).parents[3] / "docs" / "running-a-node.md"
USUAL = {
    "--name": "Shelter",
    "--type": "NGO",
    "--country": "AL",
    "--administrator": "agim",
}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(founding, "Vault", QuickVault)


def _words(folder: Path, *more: str, **changed: str) -> list[str]:
    options = USUAL | {f"--{name.replace('_', '-')}": value for name, value in changed.items()}
    pairs = [word for option, value in options.items() if value for word in (option, value)]
    return ["--folder", str(folder), "init", *pairs, *more]


def test_init_makes_a_node_that_only_its_owner_can_read(tmp_path: Path) -> None:
    answer = give(_words(tmp_path / "node", "--json"))
    assert answer.code == 0
    made = answer.json
    assert made["made"] is True
    assert len(made["fingerprint"].replace(" ", "")) == 50
    assert stat.S_IMODE((tmp_path / "node").stat().st_mode) == 0o700
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "node").iterdir()}
    assert {"iars.toml", "keys.sqlite", "node.sqlite", "root-key.json"} <= files.keys()
    assert set(files.values()) == {0o600}


def test_the_root_keys_go_to_a_file_that_says_what_to_do_with_it(tmp_path: Path) -> None:
    answer = give(_words(tmp_path / "node", "--root-file", str(tmp_path / "root.json")))
    assert answer.code == 0
    content = json.loads((tmp_path / "root.json").read_text("utf-8"))
    assert {len(content["root"]), len(content["next_root"])} == {64}
    assert "Keep it off the machine" in content["about"]
    assert not (tmp_path / "node" / "root-key.json").exists()


def test_for_trials_the_root_keys_stay_in_the_key_store(tmp_path: Path) -> None:
    assert give(_words(tmp_path / "node", "--keep-root", "--json")).json["root_file"] is None
    assert not (tmp_path / "node" / "root-key.json").exists()
    vault = QuickVault.at(f"sqlite:///{tmp_path / 'node' / 'keys.sqlite'}")
    vault.unlock(PASSPHRASE)
    assert [len(vault.private_keys(role)) for role in ("root", "next-root")] == [1, 1]
    vault.close()


def test_the_recovery_sheet_tells_where_things_are_and_holds_no_secret(tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.txt"
    answer = give(_words(tmp_path / "node", "--recovery-sheet", str(sheet)))
    text = sheet.read_text("utf-8")
    assert text.strip() in answer.out
    assert "IF THE MACHINE IS LOST" in text
    assert str(tmp_path / "node") in text
    root = json.loads((tmp_path / "node" / "root-key.json").read_text("utf-8"))
    for secret in (PASSPHRASE, PASSWORD, root["root"], root["next_root"]):
        assert secret not in answer.out + text


def test_the_chosen_settings_are_those_that_the_node_runs_with(tmp_path: Path) -> None:
    made = found(tmp_path / "node", "Shelter", "--training", "--port", "8999", "--name", "sq=Strehza")
    shown = made.ask("listing", "show")
    assert shown["names"] == {"en": "Shelter", "sq": "Strehza"}
    assert (shown["zone"], shown["languages"]) == ("Europe/Tirane", ["en", "sq"])
    assert (shown["services"], shown["endpoints"]) == (["MED-SCREEN"], ["https://shelter"])
    assert shown["training"] is True
    assert "port = 8999" in (tmp_path / "node" / "iars.toml").read_text("utf-8")


def test_the_guides_own_example_makes_a_node_with_both_names(tmp_path: Path) -> None:
    block = re.search(r"```\n(iars init .+?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    assert block is not None
    program, *words = shlex.split(block[1].replace("\\\n", " "))
    assert program == "iars"
    assert give(["--folder", str(tmp_path / "node"), *words]).code == 0
    shown = give(["--folder", str(tmp_path / "node"), "listing", "show", "--json"]).json
    assert shown["names"] == {"en": "Shelter, Tirana", "sq": "Strehza, Tiranë"}
    assert shown["languages"] == ["sq", "en"]


@pytest.mark.parametrize(
    "names",
    [("Shelter", "Strehza"), ("sq=Strehza", "sq=Shelter"), ("en=Shelter", "sq=Strehza", "Shelter")],
    ids=["two without a language", "two in one", "no language left"],
)
def test_two_names_for_one_language_are_refused_and_nothing_is_made(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    given = [word for name in names for word in ("--name", name)]
    answer = give(_words(tmp_path / "node", *given, name="", languages="sq,en"))
    assert answer.code == 1
    assert "one name in each language" in answer.err
    assert "LANGUAGE=NAME" in answer.err
    assert not (tmp_path / "node").exists()


def test_where_no_node_is_yet_nobody_is_sent_to_a_file_of_settings(tmp_path: Path) -> None:
    for changed in ({"zone": "Tirana"}, {"url": "127.0.0.1:8601"}):
        answer = give(_words(tmp_path / "node", **changed))
        assert answer.code == 1
        assert "Correct what was given" in answer.err
        assert "iars.toml" not in answer.err


def test_a_folder_that_holds_a_node_is_left_as_it_is(tmp_path: Path) -> None:
    give(_words(tmp_path / "node"))
    before = {path.name: path.read_bytes() for path in (tmp_path / "node").iterdir()}
    answer = give(_words(tmp_path / "node"))
    assert answer.code == 1
    assert "already" in answer.err
    assert {path.name: path.read_bytes() for path in (tmp_path / "node").iterdir()} == before


def test_init_if_missing_is_content_with_a_node_that_exists(tmp_path: Path) -> None:
    assert give(_words(tmp_path / "node", "--if-missing", "--json")).json["made"] is True
    assert give(_words(tmp_path / "node", "--if-missing", "--json")).json == {"made": False}


@pytest.mark.parametrize(
    "changed",
    [
        {"type": "Company"},
        {"country": "Albania"},
        {"service": "HAIRCUT"},
        {"languages": "Albanian"},
        {"languages": "xx"},
        {"name": "xx=Shelter"},
        {"country": "XQ"},
        {"zone": "Tirana"},
        {"url": "http://shelter.example.org"},
        {"url": "shelter.example.org"},
        {"administrator": "a b"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_what_can_not_be_used_is_named_and_nothing_is_made(tmp_path: Path, changed: dict[str, str]) -> None:
    answer = give(_words(tmp_path / "node", **changed))
    assert answer.code == 1
    assert next(iter(changed)) in answer.err.replace("name:", "administrator:")
    assert "public_url" not in answer.err
    assert not (tmp_path / "node").exists()


def test_the_fault_of_an_address_names_what_was_typed(tmp_path: Path) -> None:
    answer = give(_words(tmp_path / "node", url="shelter.example.org"))
    assert "--url: must begin with https://" in answer.err
    said_otherwise = give(_words(tmp_path / "node", url=""), {"IARS_PUBLIC_URL": "shelter.example.org"})
    assert "public_url: must begin with https://" in said_otherwise.err


def test_the_first_account_reads_pages_that_there_are(tmp_path: Path) -> None:
    assert give(_words(tmp_path / "node", languages="ro,fr")).code == 0
    (account,) = Organisation(tmp_path / "node", "agim").ask("user", "list")
    assert account["language"] == "fr"


@pytest.mark.parametrize("missing", ["--name", "--type", "--country", "--administrator"])
def test_without_a_terminal_what_is_missing_is_a_matter_of_usage(tmp_path: Path, missing: str) -> None:
    answer = give(_words(tmp_path / "node", **{missing.removeprefix("--"): ""}))
    assert answer.code == 2
    assert missing in answer.err
    assert not (tmp_path / "node").exists()


@pytest.mark.parametrize(
    "variables",
    [
        {"IARS_PASSPHRASE": "short"},
        {"IARS_PASSPHRASE": None},
        {"IARS_PASSWORD": "short"},
        {"IARS_PASSWORD": None},
    ],
    ids=["short passphrase", "no passphrase", "short password", "no password"],
)
def test_a_weak_or_missing_secret_makes_nothing(tmp_path: Path, variables: dict[str, str | None]) -> None:
    answer = give(_words(tmp_path / "node"), variables)
    assert answer.code == 1
    assert not (tmp_path / "node").exists()


def test_secrets_come_from_files_too(tmp_path: Path) -> None:
    (tmp_path / "passphrase").write_text(PASSPHRASE + "\n", "utf-8")
    (tmp_path / "password").write_text(PASSWORD + "\n", "utf-8")
    files = ("--passphrase-file", str(tmp_path / "passphrase"), "--password-file", str(tmp_path / "password"))
    nothing = {"IARS_PASSPHRASE": None, "IARS_PASSWORD": None}
    assert give(_words(tmp_path / "node", *files), nothing).code == 0
    unlocked = give(["--folder", str(tmp_path / "node"), "keys", "show", *files[:2]], nothing)
    assert unlocked.code == 0


def test_a_failure_in_the_middle_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "root.json").write_text("somebody's", "utf-8")
    answer = give(_words(tmp_path / "node", "--root-file", str(tmp_path / "root.json")))
    assert answer.code == 1
    assert not (tmp_path / "node").exists()
    assert (tmp_path / "root.json").read_text("utf-8") == "somebody's"

    def fail(*_: object) -> None:
        raise SetupError("The disk is full.")

    monkeypatch.setattr(founding, "create_account", fail)
    answer = give(_words(tmp_path / "node"))
    assert (answer.code, answer.err) == (1, "iars: The disk is full.\n")
    assert not (tmp_path / "node").exists()


def test_an_interruption_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(founding, "create_account", interrupt)
    assert give(_words(tmp_path / "node")).code == 130
    assert not (tmp_path / "node").exists()


def test_a_folder_that_was_there_before_stays_with_what_was_in_it(tmp_path: Path) -> None:
    (tmp_path / "node").mkdir()
    (tmp_path / "node" / "notes").write_text("mine", "utf-8")
    assert give(_words(tmp_path / "node", type="Company")).code == 1
    assert give(_words(tmp_path / "node", "--root-file", str(tmp_path / "node" / "notes"))).code == 1
    assert [path.name for path in (tmp_path / "node").iterdir()] == ["notes"]


def test_a_node_on_postgresql_is_made_and_used(tmp_path: Path, new_postgresql_url: Callable[[], str]) -> None:
    variables = {"IARS_DATABASE_URL": new_postgresql_url(), "IARS_KEY_STORE_URL": new_postgresql_url()}
    made = found(tmp_path / "node", "Shelter", **variables)
    assert [account["name"] for account in made.ask("user", "list")] == ["ada", "agim", "mira", "rita"]
    assert not list((tmp_path / "node").glob("*.sqlite"))
    again = give(_words(tmp_path / "other"), variables)
    assert again.code == 1
    assert "belongs to a node already" in again.err
    assert not (tmp_path / "other").exists()


def test_a_failure_on_postgresql_leaves_no_key_store_behind(
    tmp_path: Path, new_postgresql_url: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {"IARS_DATABASE_URL": new_postgresql_url(), "IARS_KEY_STORE_URL": new_postgresql_url()}

    def fail(*_: object) -> None:
        raise SetupError("The line was cut.")

    with monkeypatch.context() as patch:
        patch.setattr(founding, "create_account", fail)
        assert give(_words(tmp_path / "node"), variables).code == 1
    key_store = Database(variables["IARS_KEY_STORE_URL"])
    with key_store.read() as connection:
        assert connection.exec_driver_sql("SELECT to_regclass('vault_header')").scalar() is None
    key_store.close()
    assert give(_words(tmp_path / "node"), variables).code == 0


def test_a_database_that_does_not_answer_is_said_in_one_sentence(tmp_path: Path) -> None:
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"
    answer = give(_words(tmp_path / "node"), {"IARS_DATABASE_URL": nowhere})
    assert answer.code == 1
    assert answer.err.count("\n") == 1
    assert "nobody" not in answer.err
    assert not (tmp_path / "node").exists()
