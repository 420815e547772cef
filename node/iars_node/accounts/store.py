"""Every query about accounts, sites and teams."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update

from iars_node.accounts.model import Account, Site, Team
from iars_node.accounts.tables import account, site, team, team_member

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, RowMapping


def insert_account(connection: Connection, added: Account, password_hash: str) -> None:
    """Add an account with its teams."""
    connection.execute(
        insert(account).values(
            id=added.id,
            name=added.name,
            display_name=added.display_name,
            email=added.email,
            roles=sorted(added.roles),
            language=added.language,
            password_hash=password_hash,
            created_at=added.created_at,
            disabled_at=added.disabled_at,
        )
    )
    set_members(connection, added.id, added.team_ids)


def update_account(connection: Connection, account_id: str, **values: object) -> None:
    """Set columns of an account."""
    connection.execute(update(account).where(account.c.id == account_id).values(**values))


def account_by_id(connection: Connection, account_id: str) -> Account | None:
    """Find an account by its id."""
    return _one(connection, account.c.id == account_id)


def account_by_name(connection: Connection, folded_name: str) -> Account | None:
    """Find an account by its sign-in name."""
    return _one(connection, account.c.name == folded_name)


def accounts(connection: Connection) -> list[Account]:
    """Return every account, by name."""
    return _accounts(connection)


def hold_accounts(connection: Connection) -> list[Account]:
    """Return every account and keep others from changing them until this transaction ends."""
    connection.execute(select(account.c.id).with_for_update()).all()
    return _accounts(connection)


def display_names(connection: Connection, account_ids: Iterable[str]) -> dict[str, str]:
    """Return the display names of accounts, for a page that shows who did what."""
    query = select(account.c.id, account.c.display_name).where(account.c.id.in_(list(account_ids)))
    return {row.id: row.display_name for row in connection.execute(query)}


def password_hash(connection: Connection, account_id: str) -> str:
    """Return the stored hash of an account's password."""
    query = select(account.c.password_hash).where(account.c.id == account_id)
    return str(connection.execute(query).scalar_one())


def _one(connection: Connection, condition: ColumnElement[bool]) -> Account | None:
    found = _accounts(connection, condition)
    return found[0] if found else None


def _accounts(connection: Connection, *conditions: ColumnElement[bool]) -> list[Account]:
    query = select(account).where(*conditions).order_by(account.c.name)
    rows = connection.execute(query).mappings().all()
    memberships = _memberships(connection, None if not conditions else [row["id"] for row in rows])
    return [_account(row, memberships.get(row["id"], [])) for row in rows]


def _memberships(
    connection: Connection, account_ids: list[str] | None
) -> Mapping[str, list[tuple[str, str]]]:
    query = select(team_member.c.account_id, team.c.id, team.c.site_id).join(
        team, team.c.id == team_member.c.team_id
    )
    if account_ids is not None:
        query = query.where(team_member.c.account_id.in_(account_ids))
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for account_id, team_id, site_id in connection.execute(query):
        found[account_id].append((team_id, site_id))
    return found


def _account(row: RowMapping, teams: list[tuple[str, str]]) -> Account:
    columns: dict[str, Any] = {name: value for name, value in row.items() if name != "password_hash"}
    columns["roles"] = frozenset(row["roles"])
    found = Account(**columns)
    return replace(found, team_ids=frozenset(t for t, _ in teams), site_ids=frozenset(s for _, s in teams))


def insert_site(connection: Connection, added: Site) -> None:
    """Add a site."""
    connection.execute(insert(site).values(id=added.id, name=added.name))


def insert_team(connection: Connection, added: Team) -> None:
    """Add a team."""
    connection.execute(insert(team).values(id=added.id, site_id=added.site_id, name=added.name))


def close_site(connection: Connection, site_id: str, at: datetime) -> bool:
    """Close an open site; say whether there was one."""
    still_open = (site.c.id == site_id) & site.c.closed_at.is_(None)
    return connection.execute(update(site).where(still_open).values(closed_at=at)).rowcount == 1


def close_team(connection: Connection, team_id: str, at: datetime) -> bool:
    """Close an open team; say whether there was one."""
    still_open = (team.c.id == team_id) & team.c.closed_at.is_(None)
    return connection.execute(update(team).where(still_open).values(closed_at=at)).rowcount == 1


def sites(connection: Connection) -> list[Site]:
    """Return every site, by name."""
    return [Site(**row) for row in connection.execute(select(site).order_by(site.c.name)).mappings()]


def teams(connection: Connection) -> list[Team]:
    """Return every team, by name."""
    return [Team(**row) for row in connection.execute(select(team).order_by(team.c.name)).mappings()]


def set_members(connection: Connection, account_id: str, team_ids: Iterable[str]) -> None:
    """Make an account a member of exactly these teams."""
    connection.execute(delete(team_member).where(team_member.c.account_id == account_id))
    rows = [{"team_id": team_id, "account_id": account_id} for team_id in sorted(team_ids)]
    if rows:
        connection.execute(insert(team_member), rows)
