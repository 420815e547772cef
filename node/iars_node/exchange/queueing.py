"""Many messages queued at once: a withdrawal goes to every recipient in one transaction, and soon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select

from iars_node.exchange import outbox, streams
from iars_node.exchange.model import OUT, Outgoing
from iars_node.exchange.tables import message as message_table
from iars_node.exchange.tables import message_part, thread_head
from iars_node.exchange.tables import outbox as outbox_table
from iars_node.prepared import insert_many
from iars_node.vault.identity import identity_of
from iars_node.vault.sealing import context
from iars_protocol.encoding import encode

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from iars_node.exchange.model import Draft
    from iars_node.work import Work
    from iars_protocol.envelope import Message

THREADS_AT_ONCE = 500


def queue_many(work: Work, drafts: Sequence[Draft]) -> list[Message]:
    """Sign and queue a message for each draft, as `outbox.queue` does one; each part has exactly one key.

    No two drafts are of one thread.
    """
    if not drafts:
        return []
    if len({draft.thread for draft in drafts}) != len(drafts):
        raise ValueError("two messages of one thread are queued one after the other")
    identity = identity_of(work.vault)
    heads = _heads(work, [draft.thread for draft in drafts])
    numbers = _numbers(work, [draft.peer.node_id for draft in drafts])
    signed = [
        outbox.sign_draft(work, draft, draft.content.to_parts(), heads.get(draft.thread, {}), place)
        for draft, place in zip(drafts, numbers, strict=True)
    ]
    _keep(work, drafts, signed)
    # Of several messages in one stream the last one is its head.
    streams.move_heads(
        work.connection, {(each.header.recipient, each.header.stream): each.id for each in signed}
    )
    _set_heads(work, identity.node_id, heads, signed)
    for peer in sorted({draft.peer.node_id for draft in drafts}):
        work.announce(Outgoing(peer))
    return signed


def _set_heads(
    work: Work, author: bytes, heads: Mapping[bytes, Mapping[bytes, bytes]], signed: Sequence[Message]
) -> None:
    known = [thread for thread, authors in heads.items() if author in authors]
    for start in range(0, len(known), THREADS_AT_ONCE):
        some = thread_head.c.thread.in_(known[start : start + THREADS_AT_ONCE])
        work.connection.execute(delete(thread_head).where(thread_head.c.author == author, some))
    insert_many(
        work.connection,
        thread_head,
        [{"thread": each.header.thread, "author": author, "message": each.id} for each in signed],
    )


def _heads(work: Work, threads: Sequence[bytes]) -> dict[bytes, dict[bytes, bytes]]:
    found: dict[bytes, dict[bytes, bytes]] = {}
    for start in range(0, len(threads), THREADS_AT_ONCE):
        wanted = list(threads[start : start + THREADS_AT_ONCE])
        rows = work.connection.execute(select(thread_head).where(thread_head.c.thread.in_(wanted)))
        for row in rows:
            found.setdefault(bytes(row.thread), {})[bytes(row.author)] = bytes(row.message)
    return found


def _numbers(work: Work, peers: Sequence[bytes]) -> list[tuple[bytes, int]]:
    """Allot a place in the recipient's stream for each message, in their order."""
    if len(set(peers)) < len(peers):
        return [streams.next_out(work, peer) for peer in peers]
    allotted = streams.next_out_of_each(work, peers)
    return [allotted[peer] for peer in peers]


def _keep(work: Work, drafts: Sequence[Draft], signed: Sequence[Message]) -> None:
    insert_many(
        work.connection,
        message_table,
        [_message_row(work, each, draft.peer.node_id) for draft, each in zip(drafts, signed, strict=True)],
    )
    insert_many(work.connection, message_part, _part_rows(work, drafts, signed))
    insert_many(
        work.connection,
        outbox_table,
        [
            outbox.line(work, draft.peer.node_id, draft.thread, each.id) | {"precedence": draft.precedence}
            for draft, each in zip(drafts, signed, strict=True)
        ],
    )


def _message_row(work: Work, signed: Message, peer: bytes) -> dict[str, Any]:
    return {
        "id": signed.id,
        "direction": OUT,
        "peer": peer,
        "thread": signed.header.thread,
        "type": signed.header.type,
        "stream": signed.header.stream,
        "number": signed.header.number,
        "header": signed.header_bytes,
        "signature": signed.signature,
        "recorded_at": work.now,
        "receipt": None,
        "outcome": None,
    }


def _part_rows(work: Work, drafts: Sequence[Draft], signed: Sequence[Message]) -> list[dict[str, Any]]:
    places = [
        (each.id, position, keys, part)
        for draft, each in zip(drafts, signed, strict=True)
        for position, (keys, part) in enumerate(zip(draft.part_keys, each.parts, strict=True))
    ]
    sealed = work.vault.seal_many(
        [
            (_only(keys), encode([part.salt, part.content]), _place(message_id, position))
            for message_id, position, keys, part in places
        ]
    )
    return [
        {"message": message_id, "position": position, "key_ids": b"".join(keys), "sealed": octets}
        for (message_id, position, keys, _part), octets in zip(places, sealed, strict=True)
    ]


def _only(keys: Collection[bytes]) -> bytes:
    (key,) = keys
    return key


def _place(message_id: bytes, position: int) -> bytes:
    return context("message_part", "sealed", f"{message_id.hex()}.{position}")
