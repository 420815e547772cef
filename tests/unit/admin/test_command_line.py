"""The command line as a whole: found by its files, explained, and never given a secret."""

from __future__ import annotations

import json
import pkgutil
from typing import TYPE_CHECKING, Any

import pytest
import typer
from sqlalchemy.exc import OperationalError
from typer.testing import CliRunner

from iars_admin import commands
from iars_admin.cli import build_app
from iars_admin.command import command, group
from iars_admin.session import Choice, Session
from iars_node.errors import InvalidError, RefusedError
from iars_protocol.errors import SignatureError

if TYPE_CHECKING:
    from collections.abc import Iterator


def every_command() -> Iterator[tuple[str, Any]]:
    """Yield every command by the words that call it."""
    yield from _below("iars", typer.main.get_command(build_app()))


def _below(words: str, found: Any) -> Iterator[tuple[str, Any]]:
    inner = getattr(found, "commands", None)
    if inner is None:
        yield words, found
        return
    for name, one in inner.items():
        yield from _below(f"{words} {name}", one)


COMMANDS = dict(every_command())


def test_every_file_of_commands_adds_some() -> None:
    files = {found.name for found in pkgutil.iter_modules(commands.__path__)}
    modules = {one.callback.__module__.rpartition(".")[2] for one in COMMANDS.values()}
    assert modules >= files - {"demo"}


@pytest.mark.parametrize("words", sorted(COMMANDS))
def test_a_command_is_explained_and_shown_in_use(words: str) -> None:
    found = COMMANDS[words]
    assert found.help
    if found.callback.__module__.endswith("demo"):
        return
    assert words.split()[1] in found.epilog
    result = CliRunner().invoke(build_app(), [*words.split()[1:], "--help"])
    assert result.exit_code == 0
    assert "--passphrase-file" in result.stdout


@pytest.mark.parametrize("words", sorted(COMMANDS))
def test_a_secret_is_never_an_argument(words: str) -> None:
    names = [option for part in COMMANDS[words].params for option in (*part.opts, part.name)]
    secret = [name for name in names if "passphrase" in name or "password" in name]
    assert all(name.endswith(("-file", "_file")) for name in secret)


def small_app() -> typer.Typer:
    """Return a command line whose commands fail in every expected manner."""
    app = typer.Typer()
    app.callback()(lambda: None)
    failing = group(app, "fail", "Fail.")
    errors: dict[str, Exception] = {
        "fields": InvalidError("It can't be saved.", {"name": "accepted: a name"}),
        "rule": RefusedError("The consent has ended.", "consent-expired"),
        "proof": SignatureError("the signature does not verify"),
        "database": OperationalError("INSERT INTO person VALUES ('Ana')", {}, Exception("locked")),
        "disk": OSError(28, "No space left on device", "/media/stick"),
    }

    def fails(name: str) -> None:
        def act(_session: Session) -> None:
            """Fail."""
            raise errors[name]

        command(failing, name)(act)

    for name in errors:
        fails(name)
    return app


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("fields", ["iars: It can't be saved.", "  name: accepted: a name"]),
        ("rule", ["iars: The consent has ended.", "  reason: consent-expired"]),
        ("proof", ["iars: the signature does not verify"]),
        ("database", ["iars: The database did not do what it was asked (OperationalError)."]),
        (
            "disk",
            ["iars: A file could not be read or written: No space left on device (/media/stick)."],
        ),
    ],
)
def test_an_expected_error_is_one_sentence_with_its_faults(name: str, said: list[str]) -> None:
    result = CliRunner().invoke(small_app(), ["fail", name])
    assert result.exit_code == 1
    assert result.stderr.splitlines() == said
    assert result.stdout == ""


def test_a_program_gets_an_error_by_its_code() -> None:
    result = CliRunner().invoke(small_app(), ["fail", "fields", "--json"])
    assert json.loads(result.stderr) == {
        "code": "invalid",
        "message": "It can't be saved.",
        "faults": {"name": "accepted: a name"},
        "reason": "",
    }


def test_an_unknown_command_is_a_matter_of_usage() -> None:
    assert CliRunner().invoke(build_app(), ["feed", "the", "cat"]).exit_code == 2


def test_what_is_said_later_on_the_line_counts() -> None:
    early, late = Choice(account="agim", as_json=True), Choice(account="mira")
    assert late.over(early) == Choice(account="mira", as_json=True)
    assert late.over(None) is late


@pytest.mark.parametrize(
    ("words", "chosen"),
    [
        (["probe"], ("/variable", "vera")),
        (["--folder", "/early", "--as", "agim", "probe"], ("/early", "agim")),
        (["probe", "--folder", "/late", "--as", "mira"], ("/late", "mira")),
        (["--folder", "/early", "--as", "agim", "probe", "--as", "mira"], ("/early", "mira")),
    ],
)
def test_what_is_typed_wins_over_a_variable_wherever_it_stands(
    words: list[str], chosen: tuple[str, str]
) -> None:
    found: list[Choice] = []

    def probe(session: Session) -> None:
        """Look what was chosen."""
        found.append(session.choice)

    app = build_app()
    command(app, "probe")(probe)
    variables = {"IARS_FOLDER": "/variable", "IARS_ACCOUNT": "vera"}
    assert CliRunner().invoke(app, words, env=variables).exit_code == 0
    assert [(str(choice.folder), choice.account) for choice in found] == [chosen]
