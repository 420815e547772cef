"""Accounts: creating and changing them, their roles, teams and passwords."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node.accounts import model, sessions, step_store, store
from iars_node.accounts.access import ADMINISTRATOR, ROLES, require
from iars_node.accounts.model import Account, NewAccount
from iars_node.audit import record
from iars_node.db import new_id
from iars_node.errors import ConflictError, InvalidError, NotFoundError
from iars_node.vault import passwords

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iars_node.work import Actor, Work


def actor(account: Account) -> Actor:
    """Return the account as an actor."""
    return account.actor


def find_account(work: Work, account_id: str) -> Account:
    """Return the account of an id."""
    found = store.account_by_id(work.connection, account_id)
    if found is None:
        raise NotFoundError("There is no account of this id.")
    return found


def find_account_by_name(work: Work, name: str) -> Account:
    """Return the enabled account of a sign-in name."""
    found = store.account_by_name(work.connection, model.folded(name))
    if found is None or found.disabled_at is not None:
        raise NotFoundError("There is no account of this name that can be used.")
    return found


def create_account(work: Work, wanted: NewAccount) -> Account:
    """Create an account."""
    require(work.actor, "account.manage")
    faults = model.account_faults(wanted.name, wanted.display_name, wanted.language)
    if wanted.password:
        faults |= model.password_faults(wanted.password, wanted.name, work.breached)
    _refuse_faults(faults)
    _check_roles(wanted.roles)
    _check_teams(work, wanted.team_ids)
    name = model.folded(wanted.name)
    if store.account_by_name(work.connection, name) is not None:
        raise ConflictError("There is already an account of this name; choose another.")
    created = Account(
        id=new_id(),
        name=name,
        display_name=wanted.display_name.strip(),
        email=wanted.email.strip(),
        roles=wanted.roles,
        language=wanted.language,
        created_at=work.now,
        team_ids=wanted.team_ids,
    )
    # Without a password there is a hash that nothing gives: checking it takes as long as any other.
    hashed = passwords.hash_password(wanted.password) if wanted.password else passwords.nobodys_hash()
    store.insert_account(work.connection, created, hashed)
    record(work, "account.created", subject=created.id, detail={"roles": _listed(wanted.roles)})
    return find_account(work, created.id)


def change_account(work: Work, account_id: str, *, display_name: str, email: str, language: str) -> Account:
    """Change what an account is called and how it is reached: one's own, or any by an administrator."""
    _require_own_or_manage(work, account_id)
    account = find_account(work, account_id)
    _refuse_faults(model.account_faults(account.name, display_name, language))
    store.update_account(
        work.connection, account_id, display_name=display_name.strip(), email=email.strip(), language=language
    )
    record(work, "account.changed", subject=account_id)
    return find_account(work, account_id)


def choose_language(work: Work, account: Account, language: str) -> None:
    """Write the language that a person chose while signing in for the first time."""
    store.update_account(work.connection, account.id, language=language)
    record(work, "account.changed", subject=account.id)


def set_roles(work: Work, account_id: str, roles: Iterable[str]) -> Account:
    """Give an account exactly these roles."""
    require(work.actor, "account.manage")
    wanted = frozenset(roles)
    _check_roles(wanted)
    account = find_account(work, account_id)
    if ADMINISTRATOR in account.roles - wanted:
        _keep_an_administrator(work, account_id)
    store.update_account(work.connection, account_id, roles=sorted(wanted))
    detail = {"before": _listed(account.roles), "after": _listed(wanted)}
    record(work, "account.roles-changed", subject=account_id, detail=detail)
    return find_account(work, account_id)


def set_teams(work: Work, account_id: str, team_ids: Iterable[str]) -> Account:
    """Make an account a member of exactly these teams."""
    require(work.actor, "account.manage")
    wanted = frozenset(team_ids)
    find_account(work, account_id)
    _check_teams(work, wanted)
    store.set_members(work.connection, account_id, wanted)
    record(work, "account.teams-changed", subject=account_id, detail={"teams": len(wanted)})
    return find_account(work, account_id)


def disable(work: Work, account_id: str) -> None:
    """Disable an account and end its sessions."""
    require(work.actor, "account.manage")
    account = find_account(work, account_id)
    if account.disabled_at is not None:
        return
    if ADMINISTRATOR in account.roles:
        _keep_an_administrator(work, account_id)
    store.update_account(work.connection, account_id, disabled_at=work.now)
    ended = sessions.end_everything(work, account_id)
    record(work, "account.disabled", subject=account_id, detail={"sessions": ended})


def enable(work: Work, account_id: str) -> None:
    """Let a disabled account sign in again."""
    require(work.actor, "account.manage")
    find_account(work, account_id)
    store.update_account(work.connection, account_id, disabled_at=None)
    record(work, "account.enabled", subject=account_id)


def set_password(work: Work, account_id: str, password: str, *, keep_session: str = "") -> None:
    """Set a password and end the account's sessions, but for the one that is setting it."""
    _require_own_or_manage(work, account_id)
    account = find_account(work, account_id)
    _refuse_faults(model.password_faults(password, account.name, work.breached))
    store.update_account(work.connection, account_id, password_hash=passwords.hash_password(password))
    step_store.delete_entry_code(work.connection, account_id)
    ended = sessions.end_everything(work, account_id, keep_session=keep_session)
    record(work, "account.password-set", subject=account_id, detail={"sessions": ended})


def change_password(
    work: Work, account_id: str, password: str, repeated: str, *, keep_session: str = ""
) -> None:
    """Set the password that a person has typed twice; the account's other sessions end."""
    if password != repeated:
        _refuse_faults({"repeated": "This differs from the password above."})
    set_password(work, account_id, password, keep_session=keep_session)


def _require_own_or_manage(work: Work, account_id: str) -> None:
    is_own = work.actor.kind == "account" and work.actor.id == account_id
    if not is_own:
        require(work.actor, "account.manage")


def _keep_an_administrator(work: Work, account_id: str) -> None:
    for other in store.hold_accounts(work.connection):
        if other.id != account_id and other.disabled_at is None and ADMINISTRATOR in other.roles:
            return
    raise ConflictError("This is the last administrator; make another one first.")


def _check_roles(roles: frozenset[str]) -> None:
    if not roles or roles - ROLES.keys():
        raise InvalidError(
            "Choose at least one role, from the list.", {"roles": f"accepted: {', '.join(ROLES)}"}
        )


def _check_teams(work: Work, team_ids: frozenset[str]) -> None:
    still_open = {team.id for team in store.teams(work.connection) if team.closed_at is None}
    if team_ids - still_open:
        raise InvalidError("A team does not exist or is closed.", {"team_ids": "Choose from the list."})


def _refuse_faults(faults: dict[str, str]) -> None:
    if faults:
        raise InvalidError("The account can't be saved like this; nothing was changed.", faults)


def _listed(roles: Iterable[str]) -> str:
    return ",".join(sorted(roles))
