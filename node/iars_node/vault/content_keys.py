"""Which content key seals what: found, allotted and forgotten in the main database."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy import Row, bindparam, delete, select

from iars_node.errors import ConflictError
from iars_node.prepared import Prepared, inserting
from iars_node.vault.model import ContentKey
from iars_node.vault.tables import content_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sqlalchemy import Connection

    from iars_node.vault.model import OwnerKind
    from iars_node.vault.vault import Vault

AT_ONCE = 500

Place: TypeAlias = tuple[str, str]
"""A scope and a source."""
Allot: TypeAlias = "Callable[[Connection, Vault, OwnerKind, str, Iterable[Place]], dict[Place, bytes]]"

_OF_OWNER = Prepared(
    select(content_key).where(
        content_key.c.owner_kind == bindparam("kind"), content_key.c.owner_id == bindparam("owner")
    )
)
_ADD = Prepared(lambda dialect: inserting(content_key, dialect=dialect).on_conflict_do_nothing())


def key_for(  # noqa: PLR0913, PLR0917 - a key is found by its owner, scope and source
    connection: Connection, vault: Vault, owner_kind: OwnerKind, owner_id: str, scope: str, source: str
) -> bytes:
    """Return the id of the key of one scope and source of an owner; allot one the first time."""
    return keys_for(connection, vault, owner_kind, owner_id, [(scope, source)])[scope, source]


def keys_for(
    connection: Connection, vault: Vault, owner_kind: OwnerKind, owner_id: str, places: Iterable[Place]
) -> dict[Place, bytes]:
    """Return the ids of the keys of several scopes and sources of an owner; allot those that are missing."""
    wanted = list(dict.fromkeys(places))
    known = _known(connection, owner_kind, owner_id)
    missing = [place for place in wanted if place not in known]
    if missing:
        fresh = _allot(connection, vault, owner_kind, owner_id, missing)
        # Another process may have allotted one since our look: its key counts, ours stays unused.
        known = known | fresh if len(fresh) == len(missing) else _known(connection, owner_kind, owner_id)
    return _all_of(wanted, known)


def keys_for_new(
    connection: Connection, vault: Vault, owner_kind: OwnerKind, owner_id: str, places: Iterable[Place]
) -> dict[Place, bytes]:
    """Return what `keys_for` does, quicker where the owner has no keys yet."""
    wanted = list(dict.fromkeys(places))
    fresh = _allot(connection, vault, owner_kind, owner_id, wanted)
    if len(fresh) == len(wanted):
        return fresh
    return keys_for(connection, vault, owner_kind, owner_id, wanted)


def _allot(
    connection: Connection, vault: Vault, owner_kind: OwnerKind, owner_id: str, places: Sequence[Place]
) -> dict[Place, bytes]:
    """Allot a key for each place, and return them if no place had one."""
    fresh = [ContentKey(vault.new_content_key(), owner_kind, owner_id, *place) for place in places]
    if _add(connection, fresh) < len(fresh):
        return {}
    return {(key.scope, key.source): key.key_id for key in fresh}


def _all_of(wanted: Sequence[Place], known: dict[Place, bytes]) -> dict[Place, bytes]:
    if any(place not in known for place in wanted):
        raise ConflictError("The record's keys were changed at the same moment; try again.")
    return {place: known[place] for place in wanted}


def find_keys(connection: Connection, owner_kind: OwnerKind, owner_id: str) -> list[ContentKey]:
    """Return every key of an owner, erased ones included until they are forgotten."""
    rows = _OF_OWNER.all(connection, {"kind": owner_kind, "owner": owner_id})
    return sorted((_from_row(row) for row in rows), key=lambda key: (key.scope, key.source))


def keys_among(connection: Connection, key_ids: Sequence[bytes]) -> list[ContentKey]:
    """Return those of some keys that are mentioned here."""
    found: list[ContentKey] = []
    for start in range(0, len(key_ids), AT_ONCE):
        part = key_ids[start : start + AT_ONCE]
        rows = connection.execute(select(content_key).where(content_key.c.key_id.in_(part)))
        found += [_from_row(row) for row in rows]
    return found


def forget_keys(connection: Connection, key_ids: Iterable[bytes]) -> None:
    """Remove the mention of erased keys, so that newly collected content gets a new key."""
    connection.execute(delete(content_key).where(content_key.c.key_id.in_(list(key_ids))))


def _known(connection: Connection, owner_kind: OwnerKind, owner_id: str) -> dict[Place, bytes]:
    rows = _OF_OWNER.all(connection, {"kind": owner_kind, "owner": owner_id})
    return {(row.scope, row.source): bytes(row.key_id) for row in rows}


def _add(connection: Connection, keys: Sequence[ContentKey]) -> int:
    rows = [
        {
            "key_id": key.key_id,
            "owner_kind": key.owner_kind,
            "owner_id": key.owner_id,
            "scope": key.scope,
            "source": key.source,
        }
        for key in keys
    ]
    return _ADD.run_many(connection, rows)


def _from_row(row: Row[tuple[bytes, OwnerKind, str, str, str]]) -> ContentKey:
    return ContentKey(bytes(row.key_id), row.owner_kind, row.owner_id, row.scope, row.source)
