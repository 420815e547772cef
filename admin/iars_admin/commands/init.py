"""`iars init`: make a node."""

from pathlib import Path
from typing import Annotated

import typer

from iars_admin.command import command
from iars_admin.founding import Founding, check_profile, found, holds_node, write_new_file
from iars_admin.naming import read_names
from iars_admin.passphrases import is_attended, new_passphrase, own_password
from iars_admin.recovery_sheet import recovery_sheet
from iars_admin.session import Session
from iars_node.accounts.access import ADMINISTRATOR
from iars_node.accounts.model import NewAccount, account_faults, password_faults
from iars_node.errors import InvalidError
from iars_node.node import breached_passwords
from iars_node.settings import FILE_NAME, Settings, load_settings
from iars_node.vault.identity import Identity
from iars_node.web.languages import offered
from iars_protocol.keys import fingerprint
from iars_protocol.listing import Listing
from iars_protocol.vocabulary import ORGANISATION_TYPES, SERVICES

ROOT_FILE = "root-key.json"
EXAMPLE = (
    'iars init --name "Shelter, Tirana" --name "sq=Strehza, Tiranë" --type NGO --country AL '
    "--zone Europe/Tirane --languages sq,en --service SHELTER --url https://shelter.example.org "
    "--administrator agim"
)
TRIAL_EXAMPLE = (
    'iars --folder trial init --training --keep-root --name "A trial" --type NGO --country AL '
    "--administrator admin"
)


OPTIONS = {name: f"--{name}" for name in ("host", "port", "zone", "languages", "training")} | {
    "public_url": "--url"
}
"""The settings that `init` writes, as they are typed."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "init", examples=(EXAMPLE, TRIAL_EXAMPLE))(init)


def init(
    session: Session,
    name: Annotated[
        list[str] | None,
        typer.Option(
            help="The organisation's name, or LANGUAGE=NAME. Can be repeated; a bare name is in the first of "
            "the languages that has none of its own.",
            show_default=False,
        ),
    ] = None,
    organisation_type: Annotated[
        str, typer.Option("--type", help=f"What it is: {', '.join(ORGANISATION_TYPES)}.")
    ] = "",
    country: Annotated[str, typer.Option(help="Its country's two letters.")] = "",
    zone: Annotated[str, typer.Option(help="Its time zone, such as Europe/Tirane.")] = "",
    languages: Annotated[str, typer.Option(help="The languages of its people, such as sq,en.")] = "",
    service: Annotated[
        list[str] | None,
        typer.Option(help=f"A service that it offers: {', '.join(SERVICES)}. Can be repeated."),
    ] = None,
    url: Annotated[str, typer.Option(help="Where other nodes reach this one (https).")] = "",
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "",
    port: Annotated[int | None, typer.Option(help="The port to listen on.")] = None,
    administrator: Annotated[str, typer.Option(help="The name of the first account.")] = "",
    password_file: Annotated[
        Path | None,
        typer.Option(help="A file with that account's password. Otherwise IARS_PASSWORD, or you are asked."),
    ] = None,
    root_file: Annotated[
        Path | None,
        typer.Option(help="Where to write the root keys.", show_default="root-key.json in the folder"),
    ] = None,
    keep_root: Annotated[
        bool, typer.Option("--keep-root", help="For trials: keep the root keys in the key store.")
    ] = False,
    sheet: Annotated[
        Path | None, typer.Option("--recovery-sheet", help="Write the recovery sheet to this file too.")
    ] = None,
    training: Annotated[
        bool, typer.Option("--training", help="A node for made-up people only; it says so everywhere.")
    ] = False,
    if_missing: Annotated[
        bool, typer.Option("--if-missing", help="Do nothing where there is a node already.")
    ] = False,
) -> None:
    """Make a node: keys, database, first account. Prints a recovery sheet.

    The root keys are written to a file that you then take off this machine. They are needed only to replace
    stolen keys.
    """
    written = _written(host, port, url, zone, languages, training=training)
    settings = _settings(session, written)
    if if_missing and holds_node(settings):
        session.screen.done("There is a node already; it was left as it is.", {"made": False})
        return
    profile = Listing(
        node="",
        number=0,
        created=0,
        names=read_names(name or [_asked("The organisation's name", "--name")], settings.languages),
        organisation_type=organisation_type or _asked("Its type, such as NGO", "--type"),
        country=(country or _asked("Its country's two letters", "--country")).upper(),
        zone=settings.zone,
        languages=settings.languages,
        services=tuple(service or ()),
        training=settings.training,
    )
    check_profile(profile)
    account_name = administrator or _asked("The administrator's name for signing in", "--administrator")
    passphrase = new_passphrase(settings)
    account = _administrator(settings, account_name, password_file)
    kept_at = None if keep_root and root_file is None else root_file or settings.folder / ROOT_FILE
    file = None if kept_at is None else kept_at.expanduser().absolute()
    identity = found(Founding(settings, profile, account, passphrase, file, keep_root, written))
    _present(session, settings, identity, account.name, file, sheet)


def _written(
    host: str, port: int | None, url: str, zone: str, languages: str, *, training: bool
) -> dict[str, object]:
    given: dict[str, object] = {
        "host": host,
        "port": port,
        "public_url": url,
        "zone": zone,
        "languages": [code.strip() for code in languages.split(",") if code.strip()],
        "training": training,
    }
    return {key: value for key, value in given.items() if value}


def _settings(session: Session, written: dict[str, object]) -> Settings:
    # As the node will read them later, with what is about to be written in the place of the file.
    folder = session.settings.folder
    if (folder / FILE_NAME).exists():
        return session.settings
    return session.with_passphrase_file(load_settings(folder, OPTIONS, **written))


def _administrator(settings: Settings, name: str, password_file: Path | None) -> NewAccount:
    language = offered(settings.languages)[0].code
    faults = account_faults(name, name, language)
    password = "" if faults else own_password(password_file)
    faults = faults or password_faults(password, name, breached_passwords(settings))
    if faults:
        raise InvalidError("The first account can't be made like this; nothing was made.", faults)
    return NewAccount(
        name=name, display_name=name, roles=frozenset({ADMINISTRATOR}), password=password, language=language
    )


def _asked(question: str, option: str) -> str:
    if not is_attended():
        raise typer.BadParameter("Say it here, or run the command in a terminal.", param_hint=option)
    return str(typer.prompt(question)).strip()


def _present(
    session: Session,
    settings: Settings,
    identity: Identity,
    administrator: str,
    root_file: Path | None,
    sheet: Path | None,
) -> None:
    text = recovery_sheet(identity, settings, administrator=administrator, root_file=root_file)
    if sheet is not None:
        write_new_file(sheet, text)
    outcome = {
        "made": True,
        "node": identity.node_text,
        "fingerprint": fingerprint(identity.node_id),
        "folder": str(settings.folder),
        "root_file": None if root_file is None else str(root_file),
        "administrator": administrator,
        "training": settings.training,
    }
    session.screen.done(text, outcome)
