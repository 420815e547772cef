"""Every query of attachments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, insert, select, update

from iars_node.attachments.model import Attachment, AttachmentContent
from iars_node.attachments.tables import attachment
from iars_node.cases.model import OWN
from iars_node.cases.store.contents import is_locked
from iars_node.cases.tables import case_content
from iars_node.vault.content_keys import key_for
from iars_node.vault.vault import context
from iars_protocol import encoding
from iars_protocol.attachment import Seal

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, Row

    from iars_node.attachments.model import AttachmentState
    from iars_node.vault.vault import Vault

# An attachment is content of its case: the key of the case's scope and source seals what opens it.
OWNER: Final = "case"


def insert_attachment(
    connection: Connection, vault: Vault, added: Attachment, content: AttachmentContent
) -> None:
    """Seal and add an attachment's row."""
    key_id = key_for(connection, vault, OWNER, added.case_id, added.scope, added.source)
    plain: encoding.Plain = {
        "name": content.name,
        "media_type": content.media_type,
        "key": content.seal.key,
        "length": content.seal.length,
    }
    row = {
        "id": added.id,
        "case_id": added.case_id,
        "scope": added.scope,
        "source": added.source,
        "key_id": key_id,
        "sealed": vault.seal(key_id, encoding.encode(plain), _context(added.id, added.scope)),
        "file": added.file,
        "size": added.size,
        "digest": added.digest,
        "state": added.state,
        "created_at": added.created_at,
        "created_by": added.created_by,
    }
    connection.execute(insert(attachment).inline(), row)


def find_attachment(
    connection: Connection, vault: Vault, attachment_id: str, *, at: datetime
) -> Attachment | None:
    """Open one attachment's row."""
    found = _read(connection, vault, [attachment.c.id == attachment_id], at)
    return found[0] if found else None


def attachments_of(
    connection: Connection, vault: Vault, case_id: str, scopes: Collection[str], *, at: datetime
) -> list[Attachment]:
    """Open the rows of a case's attachments in the given scopes, the oldest first."""
    return _read(connection, vault, [attachment.c.case_id == case_id, attachment.c.scope.in_(scopes)], at)


def announced_by(
    connection: Connection, vault: Vault, peer: str, digest: bytes, *, at: datetime
) -> list[Attachment]:
    """Open the rows of what a peer announced under the hash of its sealed bytes, the oldest first."""
    return _read(
        connection,
        vault,
        [attachment.c.created_by == peer, attachment.c.digest == digest, attachment.c.source != OWN],
        at,
    )


def has_any(connection: Connection, case_id: str) -> bool:
    """Say whether a case has attachments at all."""
    query = select(attachment.c.id).where(attachment.c.case_id == case_id).limit(1)
    return connection.execute(query).first() is not None


def count_of(connection: Connection, case_id: str, scopes: Collection[str]) -> int:
    """Return how many attachments a case has in the given scopes, without opening any."""
    column = attachment.c
    wanted = (column.case_id == case_id) & column.scope.in_(scopes) & (column.state != "erased")
    return connection.execute(select(func.count()).select_from(attachment).where(wanted)).scalar_one()


def received_sizes(connection: Connection) -> dict[str, int]:
    """Return how many sealed bytes lie here of each peer's attachments."""
    query = (
        select(attachment.c.created_by, func.sum(attachment.c.size))
        .where(attachment.c.source != OWN, attachment.c.state == "stored")
        .group_by(attachment.c.created_by)
    )
    return {row[0]: int(row[1]) for row in connection.execute(query)}


def expected_files(connection: Connection) -> list[tuple[str, str, int]]:
    """Return peer, file and sealed size of everything that is expected."""
    query = select(attachment.c.created_by, attachment.c.file, attachment.c.size)
    rows = connection.execute(query.where(attachment.c.state == "expected"))
    return [(row.created_by, row.file, row.size) for row in rows]


def set_state(connection: Connection, attachment_id: str, state: AttachmentState) -> None:
    """Change an attachment's state."""
    connection.execute(update(attachment).where(attachment.c.id == attachment_id).values(state=state))


def empty(connection: Connection, attachment_ids: Collection[str]) -> None:
    """Take the sealed bytes out of erased attachments; the row stays as a tombstone."""
    erased = update(attachment).where(attachment.c.id.in_(attachment_ids))
    connection.execute(erased.values(sealed=b"", state="erased"))


def under_keys(connection: Connection, key_ids: Collection[bytes]) -> list[tuple[str, str]]:
    """Return id and file of the attachments that the keys seal."""
    query = select(attachment.c.id, attachment.c.file).where(attachment.c.key_id.in_(key_ids))
    return [(row.id, row.file) for row in connection.execute(query)]


def live_files(connection: Connection) -> set[str]:
    """Return the files that rows still need."""
    query = select(attachment.c.file).where(attachment.c.state.in_(("expected", "stored")))
    return set(connection.execute(query).scalars())


def _read(
    connection: Connection, vault: Vault, conditions: list[ColumnElement[bool]], at: datetime
) -> list[Attachment]:
    # An attachment follows its scope's lock: whoever withdrew the scope withdrew it too.
    same_place = (
        (case_content.c.case_id == attachment.c.case_id)
        & (case_content.c.scope == attachment.c.scope)
        & (case_content.c.source == attachment.c.source)
    )
    query = (
        select(attachment, case_content.c.locked_at, case_content.c.ends_at)
        .outerjoin(case_content, same_place)
        .where(*conditions)
        .order_by(attachment.c.created_at, attachment.c.id)
    )
    rows = connection.execute(query).all()
    readable = [row for row in rows if row.sealed and not is_locked(row, at)]
    opened = vault.open_many([(row.key_id, row.sealed, _context(row.id, row.scope)) for row in readable])
    plain = {row.id: octets for row, octets in zip(readable, opened, strict=True)}
    return [_attachment(row, plain.get(row.id)) for row in rows]


def _context(attachment_id: str, scope: str) -> bytes:
    return context("attachment", "sealed", attachment_id, scope)


def _attachment(row: Row[*tuple[Any, ...]], plain: bytes | None) -> Attachment:
    content = None
    if plain is not None:
        entry = encoding.decode(plain)
        seal = Seal(entry["key"], entry["length"], row.size, bytes(row.digest))
        content = AttachmentContent(entry["name"], entry["media_type"], seal)
    return Attachment(
        row.id,
        row.case_id,
        row.scope,
        row.source,
        row.file,
        row.size,
        bytes(row.digest),
        row.state,
        row.created_at,
        row.created_by,
        content,
    )
