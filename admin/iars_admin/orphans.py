"""The key store held against the database: keys that seal nothing, and content whose key is lost.

Some keys that seal nothing are always there: they are written ahead, and a process that ends leaves the rest
of its own. After a restore of an older database others are among them, of what came after the backup: whoever
finds a copy of the newer database can open it with them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Index, LargeBinary, PrimaryKeyConstraint, UniqueConstraint, select, text
from sqlalchemy.exc import SQLAlchemyError

from iars_admin.copying import every_table, make_single_file
from iars_admin.sorted_ids import both, collect, in_pieces, without
from iars_node.audit.service import record
from iars_node.db import Database
from iars_node.errors import SetupError
from iars_node.vault.key_pool import KEY_ID_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Column, Connection

    from iars_admin.sorted_ids import SortedIds
    from iars_node.vault.vault import Vault
    from iars_node.work import Work

BUSY_SECONDS = 2.0
ROWS_AT_ONCE = 10_000

_SORTED = (PrimaryKeyConstraint, Index, UniqueConstraint)

_OTHERS = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
    "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
)


@dataclass(frozen=True, slots=True)
class Compared:
    """What a comparison found: keys that nothing in the database names, and named keys that are nowhere.

    What the ledger names as erased is neither: it is where it should be.
    """

    stored: int
    orphans: SortedIds
    lost: SortedIds


def compare(connection: Connection, vault: Vault) -> Compared:
    """Compare the key store with the database, while both may go on changing; their sizes take no memory."""
    # A key is stored before a row names it: read in this order, no named key looks like an orphan.
    stored = collect(vault.content_key_ids())
    named = collect(named_keys(connection))
    missing = without(without(named, stored), vault.erased_key_ids())
    return Compared(len(stored), collect(without(stored, named)), collect(_still_missing(vault, missing)))


def _still_missing(vault: Vault, missing: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what is in no key store at a second look: it may have been written during the first."""
    for piece in in_pieces(missing, ROWS_AT_ONCE):
        yield from without(piece, sorted(vault.has_content_keys(piece)))


def named_keys(connection: Connection) -> Iterator[bytes]:
    """Yield the id of every content key that any row of the database names."""
    for column in key_columns():
        # Each once: a key seals one document, and hundreds of words stand under it. Without an index SQLite
        # would hold them all in memory to tell them apart.
        named = select(column).distinct() if _leads_an_index(column) else select(column)
        for octets in connection.execute(named.execution_options(yield_per=ROWS_AT_ONCE)).scalars():
            value = bytes(octets or b"")
            # Some columns hold the ids of several keys, one behind the other.
            for start in range(0, len(value), KEY_ID_BYTES):
                yield value[start : start + KEY_ID_BYTES]


def key_columns() -> list[Column[bytes]]:
    """Return the columns that name content keys: by their names and lengths, in every table."""
    return [
        column
        for table in every_table()
        for column in table.columns
        if isinstance(column.type, LargeBinary)
        # The ids of public keys, a peer's or this node's own, are longer.
        and column.type.length in {None, KEY_ID_BYTES}
        and column.name.endswith(("key_id", "key_ids"))
    ]


def _leads_an_index(column: Column[bytes]) -> bool:
    table = column.table
    ordered = (table.primary_key, *table.indexes, *table.constraints)
    return any(next(iter(each.columns), None) is column for each in ordered if isinstance(each, _SORTED))


def refuse_while_in_use(url: str) -> None:
    """Refuse where another process has the database open: it may hold keys that no row names yet."""
    database = Database(url)
    try:
        if _is_in_use(database):
            raise SetupError("The database is in use: stop the node first. Nothing was changed.")
    finally:
        database.close()


def _is_in_use(database: Database) -> bool:
    if database.is_sqlite:
        try:
            make_single_file(database, wait=int(BUSY_SECONDS * 1000))
        except SQLAlchemyError:
            return True
        return False
    last_moment = time.monotonic() + BUSY_SECONDS
    # Connections that were closed a moment ago are still listed.
    while True:
        with database.read() as connection:
            if not connection.execute(_OTHERS).scalar_one():
                return False
        if time.monotonic() >= last_moment:
            return True
        time.sleep(0.05)


def remove(work: Work, before: Compared) -> int:
    """Destroy the keys that seal nothing now and sealed nothing before; return how many.

    Between the two comparisons nobody may have had the database open: then no process that still runs holds
    one of these keys for what it will write next.
    """
    orphans = collect(both(before.orphans, compare(work.connection, work.vault).orphans))
    for piece in in_pieces(orphans, ROWS_AT_ONCE):
        work.vault.erase_content_keys(piece, at=work.now)
    if orphans:
        record(work, "vault.keys-erased", detail={"count": len(orphans)})
    return len(orphans)
