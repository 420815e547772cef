"""Queries of the notes on cases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select

from iars_node.cases.model import Note
from iars_node.cases.store.contents import OWNER, is_locked
from iars_node.cases.tables import case_content, note
from iars_node.vault.content_keys import key_for
from iars_node.vault.vault import context

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy import Connection

    from iars_node.vault.vault import Vault


def insert_note(connection: Connection, vault: Vault, written: Note) -> None:
    """Seal and add a note."""
    key_id = key_for(connection, vault, OWNER, written.case_id, written.scope, written.source)
    sealed = vault.seal(key_id, (written.text or "").encode(), _context(written.id, written.scope))
    row = {
        "id": written.id,
        "case_id": written.case_id,
        "scope": written.scope,
        "source": written.source,
        "key_id": key_id,
        "sealed": sealed,
        "author": written.author,
        "at": written.at,
    }
    connection.execute(insert(note).inline(), row)


def read_notes(
    connection: Connection, vault: Vault, case_id: str, scopes: Collection[str], *, at: datetime
) -> tuple[Note, ...]:
    """Open a case's notes in the given scopes, the oldest first; text is None where it is closed."""
    # A note follows its scope's lock: whoever withdrew the scope withdrew the notes on it.
    same_place = (
        (case_content.c.case_id == note.c.case_id)
        & (case_content.c.scope == note.c.scope)
        & (case_content.c.source == note.c.source)
    )
    query = (
        select(note, case_content.c.locked_at, case_content.c.ends_at)
        .outerjoin(case_content, same_place)
        .where(note.c.case_id == case_id, note.c.scope.in_(scopes))
        .order_by(note.c.at, note.c.id)
    )
    rows = connection.execute(query).all()
    readable = [row for row in rows if row.sealed and not is_locked(row, at)]
    opened = vault.open_many([(row.key_id, row.sealed, _context(row.id, row.scope)) for row in readable])
    texts = {row.id: octets for row, octets in zip(readable, opened, strict=True)}
    return tuple(
        Note(row.id, row.case_id, row.scope, row.source, row.author, row.at, _text(texts.get(row.id)))
        for row in rows
    )


def remove_notes(connection: Connection, key_ids: Collection[bytes]) -> None:
    """Remove the notes that the keys seal."""
    connection.execute(delete(note).where(note.c.key_id.in_(key_ids)))


def _context(note_id: str, scope: str) -> bytes:
    return context("note", "sealed", note_id, scope)


def _text(octets: bytes | None) -> str | None:
    return None if octets is None else octets.decode()
