"""Where passphrases and passwords come from: a file, a variable, a person; never the command itself."""

from __future__ import annotations

import getpass
import os
import sys
from typing import TYPE_CHECKING

from iars_node.errors import SetupError

if TYPE_CHECKING:
    from pathlib import Path

    from iars_node.settings import Settings

PASSWORD_VARIABLE = "IARS_PASSWORD"  # noqa: S105 - the variable's name
SHORTEST_PASSPHRASE = 12


def passphrase_of(settings: Settings) -> str:
    """Return the node's passphrase from the file or the variable, or ask for it."""
    return settings.read_passphrase() or _asked(
        "Passphrase: ", "Name a file with --passphrase-file, or set IARS_PASSPHRASE."
    )


def new_passphrase(settings: Settings) -> str:
    """Return the passphrase of a node that is being made; a person types it twice."""
    chosen = settings.read_passphrase() or _asked_twice(
        "New passphrase: ", "Name a file with --passphrase-file, or set IARS_PASSPHRASE."
    )
    check_passphrase(chosen)
    return chosen


def chosen_passphrase(file: Path | None) -> str:
    """Return the passphrase that is to replace the present one, from a file or typed twice."""
    if file is not None:
        return read_line(file)
    return _asked_twice("New passphrase: ", "Name a file with --new-passphrase-file.")


def check_passphrase(passphrase: str) -> None:
    """Refuse a passphrase that is too short to protect people."""
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise SetupError(
            f"The passphrase is too short: use at least {SHORTEST_PASSPHRASE} characters, such as six words."
        )


def own_password(file: Path | None) -> str:
    """Return the new password of whoever acts, from a file or the variable; or a person types it twice."""
    if file is not None:
        return read_line(file)
    return os.environ.get(PASSWORD_VARIABLE) or _asked_twice(
        "New password of the account: ", f"Name a file with --password-file, or set {PASSWORD_VARIABLE}."
    )


def others_password(file: Path | None) -> str:
    """Return somebody else's new password from a file; or a person types it twice.

    The variable does not count: left over from `iars init`, it holds the administrator's.
    """
    if file is not None:
        return read_line(file)
    return _asked_twice("New password of the account: ", "Name a file with --password-file.")


def read_line(file: Path) -> str:
    """Return what a file holds, without the end of its line."""
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"The file {file} can't be read.") from error


def is_attended() -> bool:
    """Say whether a person sits in front who can be asked."""
    return sys.stdin.isatty()


def _asked(question: str, otherwise: str) -> str:
    if not is_attended():
        raise SetupError(f"Nobody is here to be asked for a passphrase or password. {otherwise}")
    return getpass.getpass(question)


def _asked_twice(question: str, otherwise: str) -> str:
    first = _asked(question, otherwise)
    if _asked("Once more: ", otherwise) != first:
        raise SetupError("The two differ; nothing was changed.")
    return first
