"""The command `iars`: everything an organisation does with its node from a terminal."""

import importlib
import pkgutil
import sys

import typer

from iars_admin import commands
from iars_admin.command import (
    INTERRUPTED,
    AccountOption,
    FolderOption,
    JsonOption,
    PassphraseOption,
    read_choice,
)

HELP = """
IARS: consented referrals between independent organisations, one node each.

Exit codes: 0 done, 1 refused or failed (one sentence says why), 2 the command was not understood, \
130 interrupted: then nothing was changed.

Passphrases and passwords come from a file, from IARS_PASSPHRASE and IARS_PASSWORD, or from you; \
never as an argument.
"""


def build_app() -> typer.Typer:
    """Return the command line with every command that lies in `commands`."""
    app = typer.Typer(
        name="iars",
        help=HELP,
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_choose)
    for found in pkgutil.iter_modules(commands.__path__):
        importlib.import_module(f"{commands.__name__}.{found.name}").register(app)
    return app


def _choose(
    context: typer.Context,
    common_folder: FolderOption = None,
    common_account: AccountOption = "",
    common_json: JsonOption = False,  # noqa: FBT002 - an option, always given by name
    common_passphrase_file: PassphraseOption = None,
) -> None:
    context.obj = read_choice(
        {
            "common_folder": common_folder,
            "common_account": common_account,
            "common_json": common_json,
            "common_passphrase_file": common_passphrase_file,
        }
    )


def main() -> None:
    """Run the command line."""
    try:
        build_app()()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
