"""`iars user`: the people who use this node."""

from pathlib import Path
from typing import Annotated

import typer

from iars_admin.command import command, group
from iars_admin.passphrases import others_password, own_password, read_line
from iars_admin.session import Session
from iars_node.accounts import entry, store
from iars_node.accounts import service as accounts
from iars_node.accounts.access import ROLES
from iars_node.accounts.model import Account, NewAccount, folded
from iars_node.errors import InvalidError, NotFoundError
from iars_node.web.languages import page_languages
from iars_node.work import Work

NameArgument = Annotated[str, typer.Argument(help="The account's name for signing in.")]
PasswordOption = Annotated[
    Path | None,
    typer.Option(
        "--password-file",
        help="A file with the password. Otherwise you are asked; for the account that acts, IARS_PASSWORD "
        "counts too.",
    ),
]
FirstPasswordOption = Annotated[
    Path | None,
    typer.Option(
        "--password-file",
        help="A file with a password to begin with. Otherwise a one-time code is printed: with it the person "
        "chooses a password.",
    ),
]

COLUMNS = {
    "name": "Name",
    "display_name": "Called",
    "roles": "Roles",
    "language": "Language",
    "disabled": "Disabled",
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    roles = ", ".join(ROLES)
    user = group(app, "user", f"The people who use this node. Roles: {roles}.")
    added = ('iars user add mira --display-name "Mira K." --role case-worker --language sq',)
    command(user, "add", examples=added)(add)
    command(user, "list", examples=("iars user list",))(list_users)
    command(user, "roles", examples=("iars user roles mira case-worker medical",))(roles_of)
    command(user, "disable", examples=("iars user disable mira",))(disable)
    command(user, "enable", examples=("iars user enable mira",))(enable)
    command(user, "reset", examples=("iars user reset mira",))(reset)
    command(user, "password", examples=("iars user password mira",))(password)


def add(
    session: Session,
    name: NameArgument,
    role: Annotated[list[str], typer.Option(help="A role. Can be repeated.")],
    display_name: Annotated[str, typer.Option(help="What colleagues call the person.")] = "",
    language: Annotated[
        str, typer.Option(help=f"The language of the pages: {', '.join(page_languages())}.")
    ] = "en",
    email: Annotated[str, typer.Option(help="An e-mail address.")] = "",
    password_file: FirstPasswordOption = None,
) -> None:
    """Create an account; print the one-time code with which its person signs in for the first time."""
    if language not in page_languages():
        raise InvalidError(
            "There are no pages in this language; nothing was made.",
            {"language": f"accepted: {', '.join(page_languages())}"},
        )
    wanted = NewAccount(
        name=name,
        display_name=display_name or name,
        roles=frozenset(role),
        password="" if password_file is None else read_line(password_file),
        language=language,
        email=email,
    )
    with session.work("account.manage") as work:
        created = accounts.create_account(work, wanted)
        code = "" if wanted.password else entry.issue_code(work, created.id)
    if not code:
        session.screen.done(f"The account {created.name} can sign in.", described(created))
        return
    _tell_code(session, f"The account {created.name} is made.", created, code)


def reset(session: Session, name: NameArgument) -> None:
    """Take away everything that an account signs in by, end its sessions, and print a one-time code."""
    with session.work("account.manage") as work:
        account = _find(work, name)
        code = entry.reset(work, account.id)
    _tell_code(session, f"{account.name} was signed out everywhere, and begins anew.", account, code)


def _tell_code(session: Session, done: str, account: Account, code: str) -> None:
    days = entry.CODE_LIFE.days
    told = f"{done} One-time code, for {days} days: {code}"
    way = "Give it to the person by voice or on paper, not by e-mail."
    session.screen.done(f"{told}\n{way}", {**described(account), "code": code, "code_days": days})


def list_users(session: Session) -> None:
    """List every account."""
    with session.work("account.read") as work:
        found = [described(account) for account in store.accounts(work.connection)]
    session.screen.show_list(found, COLUMNS, none="There is no account.")


def roles_of(
    session: Session, name: NameArgument, role: Annotated[list[str], typer.Argument(help="All its roles.")]
) -> None:
    """Give an account exactly these roles."""
    with session.work("account.manage") as work:
        changed = accounts.set_roles(work, _find(work, name).id, role)
    session.screen.done(f"{changed.name}: {', '.join(sorted(changed.roles))}", described(changed))


def disable(session: Session, name: NameArgument) -> None:
    """Disable an account and end its sessions."""
    with session.work("account.manage") as work:
        account_id = _find(work, name).id
        accounts.disable(work, account_id)
        changed = accounts.find_account(work, account_id)
    session.screen.done(f"{changed.name} can't sign in any more.", described(changed))


def enable(session: Session, name: NameArgument) -> None:
    """Let a disabled account sign in again."""
    with session.work("account.manage") as work:
        account_id = _find(work, name).id
        accounts.enable(work, account_id)
        changed = accounts.find_account(work, account_id)
    session.screen.done(f"{changed.name} can sign in again.", described(changed))


def password(session: Session, name: NameArgument, password_file: PasswordOption = None) -> None:
    """Set an account's password and end its sessions."""
    with session.work("account.manage") as work:
        account_id = _find(work, name).id
    chosen = (own_password if account_id == session.actor.id else others_password)(password_file)
    with session.work("account.manage") as work:
        accounts.set_password(work, account_id, chosen)
        changed = accounts.find_account(work, account_id)
    session.screen.done(f"{changed.name} has a new password.", described(changed))


def _find(work: Work, name: str) -> Account:
    found = store.account_by_name(work.connection, folded(name))
    if found is None:
        raise NotFoundError("There is no account of this name; see `iars user list`.")
    return found


def described(account: Account) -> dict[str, object]:
    """Return an account as it is shown."""
    return {
        "id": account.id,
        "name": account.name,
        "display_name": account.display_name,
        "email": account.email,
        "roles": sorted(account.roles),
        "language": account.language,
        "disabled": account.disabled_at is not None,
        "created_at": account.created_at,
    }
