"""Queries of what cases hold: one sealed document for each scope and source."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, select, update

from iars_node.cases.model import Basis, Document, Held
from iars_node.cases.tables import case_content
from iars_node.prepared import Prepared, insert_many, listed, listing
from iars_node.vault.content_keys import key_for
from iars_node.vault.vault import context
from iars_protocol import encoding
from iars_protocol.vocabulary import SCOPES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Row

    from iars_node.vault.vault import Vault
    from iars_protocol.record import Value

OWNER: Final = "case"

_CHANGE = Prepared(
    update(case_content)
    .where(
        case_content.c.case_id == bindparam("case"),
        case_content.c.scope == bindparam("of_scope"),
        case_content.c.source == bindparam("from_source"),
    )
    .values({column.key: bindparam(column.key) for column in case_content.c if not column.primary_key})
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a document stands: its case, scope and source, and the key that seals it."""

    case_id: str
    scope: str
    source: str
    key_id: bytes
    is_locked: bool = False


def to_seal(document: Document) -> tuple[bytes, bytes]:
    """Return what the vault seals of a document: its plain bytes and the place they are bound to."""
    held = document.fields.items()
    plain = {name: {"value": entry.value, "at": entry.at, "by": entry.by} for name, entry in held}
    return encoding.encode(plain), _context(document.case_id, document.scope, document.source)


def values_to_seal(document: Document, values: Mapping[str, Value], at: str) -> tuple[bytes, bytes]:
    """Return what the vault seals of a document whose values were all written at one moment by one author."""
    plain = {name: {"value": value, "at": at, "by": document.updated_by} for name, value in values.items()}
    return encoding.encode(plain), _context(document.case_id, document.scope, document.source)


def is_locked(row: Row[Any], at: datetime) -> bool:
    """Say whether a document's row is locked at a moment: by somebody, or by the end of its grant."""
    return row.locked_at is not None or (row.ends_at is not None and row.ends_at <= at)


def read_documents(
    connection: Connection,
    vault: Vault,
    case_ids: Collection[str],
    scopes: Collection[str],
    *,
    at: datetime,
) -> list[Document]:
    """Open the documents of cases in the given scopes; locked and erased ones come without fields."""
    rows = _found(connection, case_ids, scopes)
    readable = [row for row in rows if row.erased_at is None and not is_locked(row, at)]
    opened = vault.open_many(
        [(row.key_id, row.sealed, _context(row.case_id, row.scope, row.source)) for row in readable]
    )
    plain = {
        (row.case_id, row.scope, row.source): octets for row, octets in zip(readable, opened, strict=True)
    }
    return [_document(row, plain.get((row.case_id, row.scope, row.source)), at) for row in rows]


def _found(connection: Connection, case_ids: Collection[str], scopes: Collection[str]) -> Sequence[Any]:
    columns = case_content.c
    if not scopes:
        return []
    if len(case_ids) != 1:
        query = select(case_content).where(columns.case_id.in_(case_ids), columns.scope.in_(scopes))
        return connection.execute(query).all()
    (case_id,) = case_ids
    return _in_scopes(len(scopes)).all(connection, {"wanted": case_id, **listing(columns.scope, scopes)})


@lru_cache(maxsize=len(SCOPES) + 1)
def _in_scopes(count: int) -> Prepared:
    columns = case_content.c
    return Prepared(
        select(case_content).where(
            columns.case_id == bindparam("wanted"), columns.scope.in_(listed(columns.scope, count))
        )
    )


def read_document(  # noqa: PLR0913 - a document's place has these pieces
    connection: Connection, vault: Vault, case_id: str, scope: str, source: str, *, at: datetime
) -> Document | None:
    """Open one document of a case."""
    found = read_documents(connection, vault, [case_id], [scope], at=at)
    return next((document for document in found if document.source == source), None)


def write_document(connection: Connection, vault: Vault, document: Document) -> bytes:
    """Seal and store a document in place of its earlier version; return its key id."""
    key_id = key_for(connection, vault, OWNER, document.case_id, document.scope, document.source)
    row = content_row(document, key_id, vault.seal(key_id, *to_seal(document)))
    if document.version == 1:
        insert_many(connection, case_content, [row])
    else:
        at = {"case": document.case_id, "of_scope": document.scope, "from_source": document.source}
        _CHANGE.run(connection, {**row, **at})
    return key_id


def content_row(document: Document, key_id: bytes, sealed: bytes) -> dict[str, object]:
    """Return the table row of a sealed document."""
    return {
        "case_id": document.case_id,
        "scope": document.scope,
        "source": document.source,
        "key_id": key_id,
        "sealed": sealed,
        "version": document.version,
        "updated_at": document.updated_at,
        "updated_by": document.updated_by,
        "basis": document.basis,
        "locked_at": None,
        "ends_at": document.ends_at,
        "erased_at": None,
    }


def cases_with(connection: Connection, scopes: Collection[str], after: str, limit: int) -> list[str]:
    """Return ids of cases that have content in one of the scopes, in the order of ids, after one."""
    column = case_content.c.case_id
    query = select(column).where(case_content.c.scope.in_(scopes), column > after).distinct()
    return list(connection.execute(query.order_by(column).limit(limit)).scalars())


def key_ids(
    connection: Connection, case_ids: Collection[str], scopes: Collection[str]
) -> dict[tuple[str, str, str], bytes]:
    """Return the key id of each document of cases, by case, scope and source."""
    columns = case_content.c.case_id, case_content.c.scope, case_content.c.source, case_content.c.key_id
    query = select(*columns).where(case_content.c.case_id.in_(case_ids), case_content.c.scope.in_(scopes))
    return {
        (case_id, scope, source): bytes(key_id)
        for case_id, scope, source, key_id in connection.execute(query)
    }


def insert_documents(connection: Connection, rows: list[dict[str, object]]) -> None:
    """Add many sealed documents at once."""
    insert_many(connection, case_content, rows)


def places(
    connection: Connection, case_id: str, source: str | None = None, scopes: Collection[str] | None = None
) -> list[Place]:
    """Return where a case holds documents, narrowed to a source and scopes where given."""
    columns = case_content.c
    query = select(columns.scope, columns.source, columns.key_id, columns.locked_at)
    query = query.where(columns.case_id == case_id)
    if source is not None:
        query = query.where(case_content.c.source == source)
    if scopes is not None:
        query = query.where(case_content.c.scope.in_(scopes))
    return [
        Place(case_id, row.scope, row.source, bytes(row.key_id), row.locked_at is not None)
        for row in connection.execute(query)
    ]


def set_lock(connection: Connection, found: Iterable[Place], at: datetime | None) -> None:
    """Lock documents from a moment, or unlock them."""
    for place in found:
        connection.execute(update(case_content).where(*_at(place)).values(locked_at=at))


def set_basis(connection: Connection, found: Iterable[Place], basis: Basis, ends_at: datetime | None) -> None:
    """Change the basis on which documents are held: its end is theirs from then on, and not the grant's."""
    for place in found:
        connection.execute(update(case_content).where(*_at(place)).values(basis=basis, ends_at=ends_at))


def empty(connection: Connection, found: Iterable[Place], at: datetime) -> None:
    """Take the sealed bytes out of documents whose keys are destroyed; the row stays as a tombstone."""
    for place in found:
        connection.execute(update(case_content).where(*_at(place)).values(sealed=b"", erased_at=at))


def _at(place: Place) -> tuple[Any, ...]:
    return (
        case_content.c.case_id == place.case_id,
        case_content.c.scope == place.scope,
        case_content.c.source == place.source,
    )


def _context(case_id: str, scope: str, source: str) -> bytes:
    return context("case_content", "sealed", f"{case_id}/{source}", scope)


def _document(row: Row[Any], plain: bytes | None, at: datetime) -> Document:
    # A key can be gone before the row was marked: a restored database meets today's key store.
    closed = "erased" if plain is None else ""
    if row.erased_at is None and is_locked(row, at):
        closed = "locked"
    held = {} if plain is None else {name: Held(**entry) for name, entry in encoding.decode(plain).items()}
    return Document(
        row.case_id,
        row.scope,
        row.source,
        row.basis,
        row.version,
        row.updated_at,
        row.updated_by,
        closed,  # type: ignore[arg-type]
        held,
        row.ends_at,
    )
