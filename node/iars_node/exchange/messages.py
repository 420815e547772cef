"""Messages as evidence: stored, opened again, chained in their threads."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, bindparam, select, update

from iars_node.db import EPOCH
from iars_node.exchange.model import OUT, Proof
from iars_node.exchange.tables import message, message_part, thread_head
from iars_node.prepared import Prepared, inserting
from iars_node.vault.content_keys import key_for
from iars_node.vault.identity import identity_of
from iars_node.vault.sealing import context
from iars_protocol.encoding import decode, encode
from iars_protocol.envelope import Message, read_header
from iars_protocol.parts import Part
from iars_protocol.receipt import read_signed_receipt
from iars_protocol.returned import Returned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection
    from sqlalchemy.dialects.postgresql import Insert

    from iars_node.exchange.model import Direction
    from iars_node.vault.vault import Vault
    from iars_node.work import Work
    from iars_protocol.receipt import SignedReceipt

KEY_ID_BYTES = 16
NODE_OWNER = "node"

_INSERT = Prepared(inserting(message))
_INSERT_PARTS = Prepared(inserting(message_part))
_SIGNED = Prepared(select(message.c.header, message.c.signature).where(message.c.id == bindparam("wanted")))
_TYPE = Prepared(select(message.c.type).where(message.c.id == bindparam("wanted")))
_RECEIPT = Prepared(select(message.c.receipt).where(message.c.id == bindparam("wanted")))
_SET_RECEIPT = Prepared(
    update(message)
    .where(message.c.id == bindparam("wanted"))
    .values(receipt=bindparam("given"), outcome=bindparam("came_out"))
)
_HEAD = Prepared(
    select(thread_head.c.author, thread_head.c.message).where(thread_head.c.thread == bindparam("wanted"))
)
_PARTS = Prepared(
    select(message_part.c.position, message_part.c.key_ids, message_part.c.sealed)
    .where(message_part.c.message == bindparam("wanted"))
    .order_by(message_part.c.position)
)


def _set_head(dialect: str) -> Insert:
    fresh = inserting(thread_head, dialect=dialect)
    return fresh.on_conflict_do_update(
        index_elements=["thread", "author"], set_={"message": fresh.excluded.message}
    )


_SET_HEAD = Prepared(_set_head)


def keep(  # noqa: PLR0913 - a row of evidence has these pieces, all by name
    work: Work,
    kept: Message,
    *,
    direction: Direction,
    peer: bytes,
    part_keys: Sequence[tuple[bytes, ...]],
    receipt: SignedReceipt | None = None,
) -> None:
    """Store a message with every part sealed under its keys; a part without keys is not kept."""
    header = kept.header
    _INSERT.run(
        work.connection,
        {
            "id": kept.id,
            "direction": direction,
            "peer": peer,
            "thread": header.thread,
            "type": header.type,
            "stream": header.stream,
            "number": header.number,
            "header": kept.header_bytes,
            "signature": kept.signature,
            "recorded_at": work.now,
            "receipt": None if receipt is None else receipt.to_bytes(),
            "outcome": None if receipt is None else receipt.receipt.outcome,
        },
    )
    placed = [
        (position, part, keys)
        for position, part, keys in zip(_positions(kept), kept.parts, part_keys, strict=True)
        if keys
    ]
    sealed = seal_parts(work.vault, kept.id, placed)
    rows = [
        {"message": kept.id, "position": position, "key_ids": b"".join(keys), "sealed": octets}
        for (position, _part, keys), octets in zip(placed, sealed, strict=True)
    ]
    _INSERT_PARTS.run_many(work.connection, rows)


def _positions(kept: Message) -> Sequence[int]:
    signed = kept.header.parts
    if len(kept.parts) == len(signed):
        return range(len(signed))
    # Some parts were erased: those that are left stay in the places where they were signed.
    return [signed.index(part.hash) for part in kept.parts]


def without_erased(vault: Vault, part_keys: Sequence[tuple[bytes, ...]]) -> tuple[tuple[bytes, ...], ...]:
    """Take the keys away from each part of which one is erased: such a part is not kept again."""
    living = vault.has_content_keys({key for keys in part_keys for key in keys})
    return tuple(keys if living.issuperset(keys) else () for keys in part_keys)


def seal_parts(
    vault: Vault, message_id: bytes, placed: Sequence[tuple[int, Part, Sequence[bytes]]]
) -> list[bytes]:
    """Seal (position, part, keys), each under its keys in turn: when one is erased, nothing of it opens."""
    return vault.seal_nested(
        [
            (keys, encode([part.salt, part.content]), _place(message_id, position))
            for position, part, keys in placed
        ]
    )


def _place(message_id: bytes, position: int) -> bytes:
    return context("message_part", "sealed", f"{message_id.hex()}.{position}")


def open_parts(connection: Connection, vault: Vault, message_id: bytes) -> list[Part | None]:
    """Open a message's parts; None stands for one that is erased or was never kept."""
    return _open_rows(vault, message_id, _PARTS.all(connection, {"wanted": message_id}))


def _open_rows(vault: Vault, message_id: bytes, rows: Sequence[Any]) -> list[Part | None]:
    opened = vault.open_nested(
        [(_split(bytes(row.key_ids)), bytes(row.sealed), _place(message_id, row.position)) for row in rows]
    )
    found: list[Part | None] = []
    for row, octets in zip(rows, opened, strict=True):
        found.extend([None] * (row.position - len(found)))
        found.append(None if octets is None else Part(*decode(octets)))
    return found


def _split(key_ids: bytes) -> list[bytes]:
    return [key_ids[start : start + KEY_ID_BYTES] for start in range(0, len(key_ids), KEY_ID_BYTES)]


def load(connection: Connection, vault: Vault, message_id: bytes) -> Message | None:
    """Return a kept message, or None where it is unknown or one of its parts is gone."""
    row = _SIGNED.first(connection, {"wanted": message_id})
    if row is None:
        return None
    parts = open_parts(connection, vault, message_id)
    whole = tuple(part for part in parts if part is not None)
    header_bytes = bytes(row.header)
    if len(whole) != len(read_header(header_bytes).parts):
        return None
    return Message(header_bytes, bytes(row.signature), whole)


def load_to_send(connection: Connection, vault: Vault, message_id: bytes) -> bytes | None:
    """Return a kept message as it goes out, without the parts that were taken out since it was signed.

    None where it is unknown, or something of it was erased that nobody has withheld.
    """
    row = _SIGNED.first(connection, {"wanted": message_id})
    if row is None:
        return None
    kept = _PARTS.all(connection, {"wanted": message_id})
    opened = _open_rows(vault, message_id, kept)
    if any(opened[each.position] is None for each in kept):
        return None
    header_bytes = bytes(row.header)
    opened += [None] * (len(read_header(header_bytes).parts) - len(opened))
    return Returned(header_bytes, bytes(row.signature), tuple(opened)).to_bytes()


def load_left(connection: Connection, vault: Vault, message_id: bytes) -> Returned | None:
    """Return what is left of a kept message; None where it is unknown or its body is gone."""
    row = _SIGNED.first(connection, {"wanted": message_id})
    if row is None:
        return None
    header_bytes = bytes(row.header)
    parts = open_parts(connection, vault, message_id)
    parts += [None] * (len(read_header(header_bytes).parts) - len(parts))
    return None if parts[0] is None else Returned(header_bytes, bytes(row.signature), tuple(parts))


def own_key(work: Work) -> bytes:
    """Return the key that keeps messages between nodes about themselves: no person is in them."""
    return key_for(work.connection, work.vault, "referral", NODE_OWNER, "message", "own")


def heads(connection: Connection, thread: bytes) -> dict[bytes, bytes]:
    """Return each author's newest applied message in a thread."""
    return {bytes(row.author): bytes(row.message) for row in _HEAD.all(connection, {"wanted": thread})}


def set_head(work: Work, thread: bytes, author: bytes, newest: bytes) -> None:
    """Move an author's head in a thread; an empty one removes it."""
    if not newest:
        work.connection.execute(
            thread_head.delete().where(thread_head.c.thread == thread, thread_head.c.author == author)
        )
        return
    _SET_HEAD.run(work.connection, {"thread": thread, "author": author, "message": newest})


def set_receipt(connection: Connection, message_id: bytes, receipt: SignedReceipt) -> None:
    """Store a final receipt beside its message."""
    _SET_RECEIPT.run(
        connection,
        {"wanted": message_id, "given": receipt.to_bytes(), "came_out": receipt.receipt.outcome},
    )


def type_of(connection: Connection, message_id: bytes) -> str:
    """Return the type of a message that is kept here."""
    kind: str = _TYPE.all(connection, {"wanted": message_id})[0].type
    return kind


def stored_receipt(connection: Connection, message_id: bytes) -> SignedReceipt | None:
    """Return the receipt stored beside a message."""
    row = _RECEIPT.first(connection, {"wanted": message_id})
    return None if row is None or row.receipt is None else read_signed_receipt(bytes(row.receipt))


def proofs(work: Work, thread: bytes) -> list[Proof]:
    """Return a thread's messages as evidence, in the order they were recorded here."""
    own = identity_of(work.vault).node_id
    rows = work.connection.execute(
        select(message).where(message.c.thread == thread).order_by(message.c.sequence)
    )
    return [_proof(row, own) for row in rows]


def _proof(row: Row[Any], own: bytes) -> Proof:
    header = read_header(bytes(row.header))
    return Proof(
        message=bytes(row.id),
        direction=row.direction,
        type=row.type,
        author=own if row.direction == OUT else bytes(row.peer),
        previous=header.previous,
        seen=header.seen,
        number=row.number,
        created_at=EPOCH + timedelta(seconds=header.created),
        recorded_at=row.recorded_at,
        header_bytes=bytes(row.header),
        signature=bytes(row.signature),
        receipt=None if row.receipt is None else read_signed_receipt(bytes(row.receipt)),
    )
