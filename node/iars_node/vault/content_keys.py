"""Which content key seals what: found, allotted and forgotten in the main database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Row, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from iars_node.vault.model import ContentKey
from iars_node.vault.tables import content_key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from iars_node.vault.model import OwnerKind
    from iars_node.vault.vault import Vault


def key_for(  # noqa: PLR0913, PLR0917 - the four names of a key, and what it takes to make one
    connection: Connection, vault: Vault, owner_kind: OwnerKind, owner_id: str, scope: str, source: str
) -> bytes:
    """Return the id of the key of one scope and source of an owner; allot one the first time."""
    found = _find(connection, owner_kind, owner_id, scope, source)
    if found is not None:
        return found
    return _allot(connection, ContentKey(vault.new_content_key(), owner_kind, owner_id, scope, source))


def find_keys(connection: Connection, owner_kind: OwnerKind, owner_id: str) -> list[ContentKey]:
    """Return every key of an owner, erased ones included until they are forgotten."""
    statement = (
        select(content_key)
        .where(content_key.c.owner_kind == owner_kind, content_key.c.owner_id == owner_id)
        .order_by(content_key.c.scope, content_key.c.source)
    )
    return [_from_row(row) for row in connection.execute(statement)]


def forget_keys(connection: Connection, key_ids: Iterable[bytes]) -> None:
    """Remove the mention of erased keys, so that newly collected content gets a new key."""
    connection.execute(delete(content_key).where(content_key.c.key_id.in_(list(key_ids))))


def _find(
    connection: Connection, owner_kind: OwnerKind, owner_id: str, scope: str, source: str
) -> bytes | None:
    statement = select(content_key.c.key_id).where(
        content_key.c.owner_kind == owner_kind,
        content_key.c.owner_id == owner_id,
        content_key.c.scope == scope,
        content_key.c.source == source,
    )
    found = connection.execute(statement).scalar()
    return None if found is None else bytes(found)


def _allot(connection: Connection, key: ContentKey) -> bytes:
    # Two processes may allot at the same moment: the row written first counts for both, and the key of
    # the other stays unused. Touching the row is what makes the database return it.
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = (
        insert(content_key)
        .values(
            key_id=key.key_id,
            owner_kind=key.owner_kind,
            owner_id=key.owner_id,
            scope=key.scope,
            source=key.source,
        )
        .on_conflict_do_update(
            index_elements=["owner_kind", "owner_id", "scope", "source"], set_={"source": key.source}
        )
        .returning(content_key.c.key_id)
    )
    return bytes(connection.execute(statement).scalar_one())


def _from_row(row: Row[tuple[bytes, OwnerKind, str, str, str]]) -> ContentKey:
    return ContentKey(bytes(row.key_id), row.owner_kind, row.owner_id, row.scope, row.source)
