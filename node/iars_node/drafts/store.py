"""Every query about drafts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, select, update

from iars_node.drafts.model import Draft
from iars_node.drafts.tables import draft
from iars_node.vault.sealing import context

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Row

    from iars_node.drafts.model import Content
    from iars_node.vault.vault import Vault

_COLUMNS = [column for column in draft.c if column.name != "file_sealed"]


def _place(column: str, draft_id: str) -> bytes:
    return context("draft", column, draft_id)


def _sealed(vault: Vault, key_id: bytes, draft_id: str, content: Content) -> bytes:
    plain = json.dumps(dict(content), ensure_ascii=False).encode("utf-8", "surrogatepass")
    return vault.seal(key_id, plain, _place("sealed", draft_id))


def add(connection: Connection, vault: Vault, new: Draft, file: bytes | None) -> None:
    """Write a draft under a key of its own."""
    key_id = vault.new_content_key()
    connection.execute(
        insert(draft).values(
            id=new.id,
            account_id=new.account_id,
            kind=new.kind,
            version=new.version,
            key_id=key_id,
            sealed=_sealed(vault, key_id, new.id, new.content),
            file_sealed=None if file is None else vault.seal(key_id, file, _place("file_sealed", new.id)),
            created_at=new.created_at,
            updated_at=new.updated_at,
            outcome=new.outcome,
        )
    )


def find(connection: Connection, vault: Vault, draft_id: str, *, for_update: bool = False) -> Draft | None:
    """Return a draft; `for_update` keeps others who write it waiting."""
    query = select(*_COLUMNS).where(draft.c.id == draft_id)
    row = connection.execute(query.with_for_update() if for_update else query).one_or_none()
    return None if row is None else _opened(vault, [row])[0]


def file_of(connection: Connection, vault: Vault, draft_id: str) -> bytes | None:
    """Return the file that a draft keeps."""
    columns = draft.c.key_id, draft.c.file_sealed
    row = connection.execute(select(*columns).where(draft.c.id == draft_id)).one_or_none()
    if row is None or row.file_sealed is None:
        return None
    return vault.open(bytes(row.key_id), bytes(row.file_sealed), _place("file_sealed", draft_id))


def of_account(
    connection: Connection, vault: Vault, account_id: str, kinds: Collection[str], most: int
) -> list[Draft]:
    """Return an account's unfinished drafts of some kinds, the newest first."""
    query = (
        select(*_COLUMNS)
        .where(draft.c.account_id == account_id, draft.c.kind.in_(kinds), draft.c.outcome == "")
        .order_by(draft.c.updated_at.desc(), draft.c.id)
        .limit(most)
    )
    return _opened(vault, connection.execute(query).all())


def unfinished(connection: Connection, vault: Vault, kinds: Collection[str]) -> list[Draft]:
    """Return every account's unfinished drafts of some kinds, the newest first."""
    query = (
        select(*_COLUMNS)
        .where(draft.c.kind.in_(kinds), draft.c.outcome == "")
        .order_by(draft.c.updated_at.desc(), draft.c.id)
    )
    return _opened(vault, connection.execute(query).all())


def count(connection: Connection, account_id: str, kind: str) -> int:
    """Count an account's unfinished drafts of a kind."""
    query = select(func.count()).where(
        draft.c.account_id == account_id, draft.c.kind == kind, draft.c.outcome == ""
    )
    return connection.execute(query).scalar_one()


def write(connection: Connection, vault: Vault, changed: Draft) -> None:
    """Write a draft's content in place of what it held."""
    values = {
        "version": changed.version,
        "sealed": _sealed(vault, key_of(connection, changed.id), changed.id, changed.content),
        "updated_at": changed.updated_at,
    }
    connection.execute(update(draft).where(draft.c.id == changed.id).values(values))


def finish(connection: Connection, draft_id: str, outcome: str, at: datetime) -> None:
    """Empty a draft that led somewhere: a form that is sent twice is led there again."""
    values = {"sealed": b"", "file_sealed": None, "outcome": outcome, "updated_at": at}
    connection.execute(update(draft).where(draft.c.id == draft_id).values(values))


def key_of(connection: Connection, draft_id: str) -> bytes:
    """Return the id of the key that seals a draft."""
    return bytes(connection.execute(select(draft.c.key_id).where(draft.c.id == draft_id)).scalar_one())


def remove(connection: Connection, draft_id: str) -> None:
    """Remove a draft."""
    connection.execute(delete(draft).where(draft.c.id == draft_id))


def untouched_since(
    connection: Connection, kinds: Collection[str], before: datetime, finished_before: datetime, most: int
) -> list[tuple[str, bytes]]:
    """Return id and key id of drafts that nobody went on with, and of those done long enough ago."""
    abandoned = draft.c.kind.in_(kinds) & (draft.c.updated_at < before)
    done = (draft.c.outcome != "") & (draft.c.updated_at < finished_before)
    query = select(draft.c.id, draft.c.key_id).where(abandoned | done).order_by(draft.c.updated_at)
    return [(row.id, bytes(row.key_id)) for row in connection.execute(query.limit(most))]


def _opened(vault: Vault, rows: Sequence[Row[Any]]) -> list[Draft]:
    written = [row for row in rows if not row.outcome]
    opened = vault.open_many(
        [(bytes(row.key_id), bytes(row.sealed), _place("sealed", row.id)) for row in written]
    )
    plain = {
        row.id: json.loads(octets.decode("utf-8", "surrogatepass"))
        for row, octets in zip(written, opened, strict=True)
        if octets is not None
    }
    return [
        Draft(
            row.id,
            row.account_id,
            row.kind,
            row.version,
            row.created_at,
            row.updated_at,
            plain.get(row.id, {}),
            row.outcome,
        )
        for row in rows
    ]
