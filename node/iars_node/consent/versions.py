"""The versions of one consent: what a person agreed to first, and what took its place since."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select

from iars_node.consent.tables import consent

if TYPE_CHECKING:
    from sqlalchemy import Connection

_NEWER = select(consent.c.id).where(consent.c.replaces == bindparam("wanted"))
_OLDER = select(consent.c.replaces).where(consent.c.id == bindparam("wanted"))


def versions_of(connection: Connection, consent_id: str) -> tuple[str, ...]:
    """Return the ids of every version of a consent, by the id of any of them, the newest first."""
    newest = consent_id
    while (row := connection.execute(_NEWER, {"wanted": newest}).first()) is not None:
        newest = row.id
    found = [newest]
    while older := connection.execute(_OLDER, {"wanted": found[-1]}).scalar():
        found.append(older)
    return tuple(found)


def lock_newest(connection: Connection, consent_id: str) -> tuple[str, ...]:
    """Return every version as `versions_of` does; until the commit nobody else changes the newest one."""
    while True:
        versions = versions_of(connection, consent_id)
        connection.execute(select(consent.c.id).where(consent.c.id == versions[0]).with_for_update())
        # While we waited for the lock, a newer one may have taken its place.
        if connection.execute(_NEWER, {"wanted": versions[0]}).first() is None:
            return versions
