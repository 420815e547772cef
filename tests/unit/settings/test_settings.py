"""Settings come from a file and from variables, and a mistake in either is told in words."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from iars_node.errors import SetupError
from iars_node.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("IARS_"):
            monkeypatch.delenv(name)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], None]:
    def write_settings(content: str) -> None:
        (tmp_path / "iars.toml").write_text(content, encoding="utf-8")

    return write_settings


def test_a_node_without_settings_keeps_everything_in_its_folder(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    assert settings.database_url == f"sqlite:///{tmp_path}/node.sqlite"
    assert settings.key_store_url == f"sqlite:///{tmp_path}/keys.sqlite"
    assert settings.attachment_folder == tmp_path / "attachments"


def test_a_node_listens_on_loopback_unless_told_otherwise(tmp_path: Path) -> None:
    assert load_settings(tmp_path).host == "127.0.0.1"


def test_the_folder_can_come_from_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "iars.toml").write_text("port = 9000", encoding="utf-8")
    monkeypatch.setenv("IARS_FOLDER", str(tmp_path))
    settings = load_settings()
    assert (settings.folder, settings.port) == (tmp_path, 9000)


def test_a_variable_wins_over_the_file(
    tmp_path: Path, write: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    write('port = 9000\nzone = "Europe/Tirane"')
    monkeypatch.setenv("IARS_PORT", "9001")
    settings = load_settings(tmp_path)
    assert (settings.port, settings.zone) == (9001, "Europe/Tirane")


def test_languages_are_a_list_in_the_file_and_words_with_commas_in_a_variable(
    tmp_path: Path, write: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    write('languages = ["en", "sq"]')
    assert load_settings(tmp_path).languages == ("en", "sq")
    monkeypatch.setenv("IARS_LANGUAGES", "fr, ar")
    assert load_settings(tmp_path).languages == ("fr", "ar")


def test_proxies_are_named_by_address_or_network_and_never_all_of_them(
    tmp_path: Path, write: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    write('proxy_addresses = ["10.0.4.2", "fd00::/64"]')
    assert load_settings(tmp_path).proxy_addresses == ("10.0.4.2", "fd00::/64")
    for refused in ("*", "proxy.example.org", "10.0.4.2/24", "0.0.0.0/0", "::/0"):
        monkeypatch.setenv("IARS_PROXY_ADDRESSES", refused)
        with pytest.raises(SetupError, match="proxy_addresses"):
            load_settings(tmp_path)


def test_a_relative_path_lies_in_the_folder(tmp_path: Path, write: Callable[[str], None]) -> None:
    write('ca_file = "federation.pem"')
    assert load_settings(tmp_path).ca_file == tmp_path / "federation.pem"


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("prot = 9000", "prot"),
        ("port = 99999", "port"),
        ('zone = "Tirana"', "zone"),
        ('zone = ""', "zone"),
        ('zone = "Europe"', "zone"),
        ('zone = "right/Europe/Tirane"', "zone"),
        ('zone = "../zoneinfo/Europe/Tirane"', "zone"),
        ('public_url = "http://shelter.example"', "public_url"),
        ('tls_certificate = "node.pem"', "tls_key"),
        ("lease_seconds = 0", "lease_seconds"),
        ("batch_bytes = 1000", "batch_bytes"),
        ("erasure_hold_hours = 0", "training"),
        ("envelope_bytes = 1", "envelope_bytes"),
        ("port = ", "TOML"),
        ('passphrase = "hunter2"', "passphrase"),
    ],
)
def test_a_mistake_in_the_file_is_told_by_its_name(
    tmp_path: Path, write: Callable[[str], None], content: str, named: str
) -> None:
    write(content)
    with pytest.raises(SetupError, match=named) as told:
        load_settings(tmp_path)
    assert "hunter2" not in str(told.value)


def test_a_mistake_is_to_be_corrected_where_it_was_made(
    tmp_path: Path, write: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SetupError, match=r"Correct what was given, or the variables\.$"):
        load_settings(tmp_path, zone="Tirana")
    monkeypatch.setenv("IARS_ZONE", "Tirana")
    with pytest.raises(SetupError, match=r"Correct the variables\.$"):
        load_settings(tmp_path)
    write("port = 9000")
    with pytest.raises(SetupError, match=r"Correct iars\.toml or the variables\.$"):
        load_settings(tmp_path)


def test_a_training_node_alone_may_destroy_without_waiting(
    tmp_path: Path, write: Callable[[str], None]
) -> None:
    write("training = true\nerasure_hold_hours = 0")
    assert load_settings(tmp_path).erasure_hold_hours == 0


def test_an_unknown_variable_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IARS_PROT", "9000")
    with pytest.raises(SetupError, match="IARS_PROT"):
        load_settings(tmp_path)


def test_what_is_said_to_the_tests_is_no_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IARS_TESTS_REQUIRE", "postgresql")
    assert load_settings(tmp_path).folder == tmp_path


def test_a_faulty_secret_is_not_repeated_in_the_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IARS_PUBLIC_URL", "http://name:hunter2@shelter.example")
    with pytest.raises(SetupError) as told:
        load_settings(tmp_path)
    assert "hunter2" not in str(told.value)


def test_plain_http_is_for_this_machine_alone(tmp_path: Path, write: Callable[[str], None]) -> None:
    write('public_url = "http://127.0.0.1:8470/"')
    assert load_settings(tmp_path).public_url == "http://127.0.0.1:8470"


def test_the_passphrase_comes_from_the_variable_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "passphrase").write_text("from the file\n", encoding="utf-8")
    assert load_settings(tmp_path).read_passphrase() is None
    monkeypatch.setenv("IARS_PASSPHRASE_FILE", "passphrase")
    assert load_settings(tmp_path).read_passphrase() == "from the file"
    monkeypatch.setenv("IARS_PASSPHRASE", "from the variable")
    assert load_settings(tmp_path).read_passphrase() == "from the variable"


def test_a_passphrase_file_that_is_not_there_is_told(tmp_path: Path, write: Callable[[str], None]) -> None:
    write('passphrase_file = "nowhere"')
    with pytest.raises(SetupError, match="nowhere"):
        load_settings(tmp_path).read_passphrase()


def test_settings_show_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IARS_PASSPHRASE", "hunter2")
    monkeypatch.setenv("IARS_DATABASE_URL", "postgresql://node:hunter2@127.0.0.1/iars")
    assert "hunter2" not in repr(load_settings(tmp_path))


def test_settings_do_not_change_after_they_are_read(tmp_path: Path) -> None:
    with pytest.raises(ValidationError):
        load_settings(tmp_path).port = 1


@pytest.mark.parametrize("name", ["database_url", "key_store_url"])
def test_a_database_on_another_machine_is_reached_by_tls_that_proves_its_end(
    tmp_path: Path, name: str
) -> None:
    away = "postgresql://iars:secret@db.example.org/iars"
    for clear in (
        away,
        f"{away}?sslmode=require",
        "postgresql:///iars?host=10.0.4.9",
        f"{away}?sslmode=disable",
    ):
        with pytest.raises(SetupError, match=f"{name} leads to another machine without TLS") as refused:
            load_settings(tmp_path, **{name: clear})
        assert "secret" not in str(refused.value)
        assert getattr(load_settings(tmp_path, **{name: clear}, training=True), name) == clear
    for kept in (
        f"{away}?sslmode=verify-full",
        "postgresql://iars:secret@127.0.0.1/iars",
        "postgresql:///iars?host=/run/postgresql",
        "postgresql:///iars",
    ):
        assert getattr(load_settings(tmp_path, **{name: kept}), name) == kept


MAIL = 'smtp_host = "mail.example.org"\nsmtp_from = "iars@example.org"\n'


def test_a_node_sends_no_mail_until_a_server_is_set(tmp_path: Path, write: Callable[[str], None]) -> None:
    assert not load_settings(tmp_path).sends_mail
    write(MAIL)
    settings = load_settings(tmp_path)
    assert (settings.sends_mail, settings.smtp_tls, settings.smtp_port) == (True, "starttls", 587)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('smtp_host = "mail.example.org"', "smtp_from"),
        (MAIL.replace("iars@", ""), "smtp_from"),
        (f'{MAIL}smtp_tls = "none"', "this machine alone"),
        (f'{MAIL}smtp_tls = "sometimes"', "smtp_tls"),
        (f'{MAIL}smtp_user = "node"', "belong together"),
        (f'{MAIL}smtp_password_file = "mail-password"', "belong together"),
        (f'{MAIL}smtp_user = "node"\nsmtp_password = "hush-hush"', "must not hold the mail server"),
    ],
)
def test_a_mail_server_that_is_half_set_or_in_the_clear_is_refused(
    tmp_path: Path, write: Callable[[str], None], content: str, said: str
) -> None:
    write(content)
    with pytest.raises(SetupError) as caught:
        load_settings(tmp_path)
    assert said in str(caught.value)
    assert "hush-hush" not in str(caught.value)


def test_mail_in_the_clear_is_for_this_machine_alone(tmp_path: Path, write: Callable[[str], None]) -> None:
    write(f'{MAIL.replace("mail.example.org", "127.0.0.1")}smtp_tls = "none"')
    assert load_settings(tmp_path).smtp_tls == "none"


def test_the_password_for_mail_comes_from_a_file_or_a_variable_and_is_never_shown(
    tmp_path: Path, write: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(f'{MAIL}smtp_user = "node"\nsmtp_password_file = "mail-password"')
    (tmp_path / "mail-password").write_text("hush-hush\n", encoding="utf-8")
    assert load_settings(tmp_path).read_smtp_password() == "hush-hush"
    monkeypatch.setenv("IARS_SMTP_PASSWORD", "another one")
    settings = load_settings(tmp_path)
    assert settings.read_smtp_password() == "another one"
    assert "another one" not in repr(settings)


def test_a_password_file_for_mail_that_is_missing_is_named(
    tmp_path: Path, write: Callable[[str], None]
) -> None:
    write(f'{MAIL}smtp_user = "node"\nsmtp_password_file = "mail-password"')
    with pytest.raises(SetupError, match="mail-password"):
        load_settings(tmp_path).read_smtp_password()
