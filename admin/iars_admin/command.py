"""What all commands have in common: their options, their errors, their exit codes."""

# Typer reads annotations while the program runs: they are not postponed here, nor in `commands`.

import functools
import inspect
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec

import typer
from sqlalchemy.exc import SQLAlchemyError

from iars_admin import refusals
from iars_admin.session import Choice, Session
from iars_node.errors import ForbiddenError, NodeError, SetupError
from iars_protocol.errors import ProtocolError

FAILED = 1
INTERRUPTED = 130
EXPECTED = (NodeError, ProtocolError, SQLAlchemyError, OSError)
PANEL = "For every command"

P = ParamSpec("P")

_FOLDER = "The node's folder."
_ACCOUNT = (
    "Act as this account, with its roles. Not needed where there is only one, or where the only account "
    "that may is an administrator's."
)

FolderOption = Annotated[
    Path | None, typer.Option("--folder", envvar="IARS_FOLDER", help=_FOLDER, rich_help_panel=PANEL)
]
AccountOption = Annotated[
    str,
    typer.Option("--as", envvar="IARS_ACCOUNT", metavar="ACCOUNT", help=_ACCOUNT, rich_help_panel=PANEL),
]
# After the command's name only what is typed counts: a variable would win over what was typed before it.
_TypedFolder = Annotated[
    Path | None,
    typer.Option("--folder", help=f"{_FOLDER} Otherwise IARS_FOLDER counts.", rich_help_panel=PANEL),
]
_TypedAccount = Annotated[
    str,
    typer.Option(
        "--as",
        metavar="ACCOUNT",
        help=f"{_ACCOUNT} Otherwise IARS_ACCOUNT counts.",
        rich_help_panel=PANEL,
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Answer in JSON, for programs.", rich_help_panel=PANEL)
]
PassphraseOption = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        help="A file with the node's passphrase. Otherwise IARS_PASSPHRASE counts, or you are asked.",
        rich_help_panel=PANEL,
    ),
]

# By names of their own, so that no command's options collide with them.
_COMMON = {
    "common_folder": (_TypedFolder, None),
    "common_account": (_TypedAccount, ""),
    "common_json": (JsonOption, False),
    "common_passphrase_file": (PassphraseOption, None),
}


def read_choice(given: dict[str, Any]) -> Choice:
    """Take the common options out of what was given, paths made whole."""
    return Choice(
        _whole(given.pop("common_folder")),
        given.pop("common_account"),
        given.pop("common_json"),
        _whole(given.pop("common_passphrase_file")),
    )


def _whole(path: Path | None) -> Path | None:
    return None if path is None else path.expanduser().absolute()


def group(app: typer.Typer, name: str, help_text: str) -> typer.Typer:
    """Add a group of commands under a name."""
    made = typer.Typer(help=help_text, no_args_is_help=True, rich_markup_mode="rich")
    app.add_typer(made, name=name)
    return made


def command(
    app: typer.Typer, name: str, *, examples: tuple[str, ...] = ()
) -> Callable[[Callable[Concatenate[Session, P], None]], Callable[..., None]]:
    """Add a command. Its function gets a session first; expected errors end it with one sentence."""

    def add(function: Callable[Concatenate[Session, P], None]) -> Callable[..., None]:
        body: Callable[..., None] = function

        def run(context: typer.Context, **given: Any) -> None:  # noqa: ANN401 - whatever the command declares
            session = Session(read_choice(given).over(context.find_object(Choice)))
            try:
                body(session, **given)
            except EXPECTED as error:
                if isinstance(error, ForbiddenError):
                    refusals.note(session, error, context.command_path, given)
                report(_as_expected(error), as_json=session.choice.as_json)
                raise typer.Exit(FAILED) from None
            finally:
                session.close()

        signature = _signature(body)
        functools.update_wrapper(run, body)
        # What Typer makes options of: the command's own, and those that every command has.
        vars(run)["__signature__"] = signature
        run.__annotations__ = {part.name: part.annotation for part in signature.parameters.values()}
        app.command(name, help=_flowing(body.__doc__ or ""), epilog=_epilog(examples))(run)
        return run

    return add


def _as_expected(error: Exception) -> Exception:
    if isinstance(error, SQLAlchemyError):
        # The driver's own text may quote the rows it was given: only its kind is repeated.
        return SetupError(f"The database did not do what it was asked ({type(error).__name__}).")
    if isinstance(error, OSError):
        place = f" ({error.filename})" if error.filename else ""
        return SetupError(f"A file could not be read or written: {error.strerror or 'unknown'}{place}.")
    return error


def _flowing(text: str) -> str:
    # A paragraph's lines end where the source ends them; a terminal has a width of its own.
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(paragraph.replace("\n", " ") for paragraph in paragraphs)


def _signature(function: Callable[..., None]) -> inspect.Signature:
    own = list(inspect.signature(function).parameters.values())[1:]
    common = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in _COMMON.items()
    ]
    context = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    placed = [part.replace(kind=inspect.Parameter.KEYWORD_ONLY) for part in own]
    return inspect.Signature([context, *placed, *common])


def _epilog(examples: tuple[str, ...]) -> str | None:
    if not examples:
        return None
    return "\n\n".join(["[bold]Examples[/bold]", *(example.replace("[", "\\[") for example in examples)])


def report(error: Exception, *, as_json: bool) -> None:
    """Write an expected error: one sentence, then every fault on a line of its own."""
    faults: dict[str, str] = getattr(error, "faults", {}) or {}
    reason = getattr(error, "reason", "")
    if as_json:
        content = {
            "code": getattr(error, "code", ""),
            "message": str(error),
            "faults": faults,
            "reason": reason,
        }
        sys.stderr.write(json.dumps(content, ensure_ascii=False) + "\n")
        return
    sys.stderr.write(f"iars: {error}\n")
    for name, said in faults.items():
        sys.stderr.write(f"  {name}: {said}\n")
    if reason:
        sys.stderr.write(f"  reason: {reason}\n")
