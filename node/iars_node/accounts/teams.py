"""The organisation's sites and teams."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node.accounts import store
from iars_node.accounts.access import require
from iars_node.accounts.model import LONGEST_LABEL, Site, Team
from iars_node.audit import record
from iars_node.db import new_id
from iars_node.errors import InvalidError, NotFoundError

if TYPE_CHECKING:
    from iars_node.work import Work


def create_site(work: Work, name: str) -> Site:
    """Create a site."""
    require(work.actor, "account.manage")
    created = Site(new_id(), _checked(name))
    store.insert_site(work.connection, created)
    record(work, "site.created", subject=created.id)
    return created


def create_team(work: Work, site_id: str, name: str) -> Team:
    """Create a team at an open site."""
    require(work.actor, "account.manage")
    if site_id not in {site.id for site in store.sites(work.connection) if site.closed_at is None}:
        raise NotFoundError("There is no open site of this id.")
    created = Team(new_id(), site_id, _checked(name))
    store.insert_team(work.connection, created)
    record(work, "team.created", subject=created.id)
    return created


def close_site(work: Work, site_id: str) -> None:
    """Close a site: nothing new can be placed there."""
    require(work.actor, "account.manage")
    if not store.close_site(work.connection, site_id, work.now):
        raise NotFoundError("There is no open site of this id.")
    record(work, "site.closed", subject=site_id)


def close_team(work: Work, team_id: str) -> None:
    """Close a team: nobody can join it."""
    require(work.actor, "account.manage")
    if not store.close_team(work.connection, team_id, work.now):
        raise NotFoundError("There is no open team of this id.")
    record(work, "team.closed", subject=team_id)


def _checked(name: str) -> str:
    if not 0 < len(name.strip()) <= LONGEST_LABEL:
        raise InvalidError("A site or team needs a name.", {"name": "Write a name."})
    return name.strip()
