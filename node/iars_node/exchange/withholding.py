"""What must not leave any more: parts of messages that still wait are taken out before they go.

The signed header stays as it is, and with it the message's number, its place in the thread and the hashes of
all parts. Nobody has to trust the recipient to throw away what came too late.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, select

from iars_node.audit.service import Entry, record_many
from iars_node.exchange import messages
from iars_node.exchange.tables import message, message_part, outbox
from iars_protocol.parts import SCOPE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from sqlalchemy import Connection

    from iars_node.work import Work

AT_ONCE = 500

_TAKE_OUT = delete(message_part).where(
    message_part.c.message == bindparam("cut"), message_part.c.position == bindparam("place")
)


def withhold(
    work: Work, ended: Mapping[bytes, Collection[str]], entire: Collection[tuple[bytes, str]] = ()
) -> int:
    """Take scopes out of what waits in the outbox, by thread; return how many messages were cut.

    Of the messages in `entire`, by thread and type, nothing was to leave at all: only the header is sent.
    What a peer may have received already, its receipt lost on the way, is cut all the same: it is known
    there by its id.
    """
    whole, parts, entries = [], [], []
    for message_id, thread, kind in list(_waiting(work.connection, ended)):
        gone = [] if (thread, kind) in entire else _gone(work, message_id, ended[thread])
        if (thread, kind) in entire:
            whole.append(message_id)
        elif gone:
            parts += [{"cut": message_id, "place": place} for place in gone]
        else:
            continue
        detail = {"parts": len(gone)} if gone else {"parts": "all"}
        entries.append(Entry("exchange.withheld", message_id.hex(), referral_id=thread.hex(), detail=detail))
    for start in range(0, len(whole), AT_ONCE):
        some = message_part.c.message.in_(whole[start : start + AT_ONCE])
        work.connection.execute(delete(message_part).where(some))
    if parts:
        work.connection.execute(_TAKE_OUT, parts)
    if entries:
        record_many(work, entries)
    return len(entries)


def _gone(work: Work, message_id: bytes, scopes: Collection[str]) -> list[int]:
    found = messages.open_parts(work.connection, work.vault, message_id)
    plains = {place: part.plain for place, part in enumerate(found) if part is not None}
    return [
        place
        for place, plain in plains.items()
        if plain.get("part") == SCOPE and plain.get("scope") in scopes
    ]


def _waiting(connection: Connection, threads: Iterable[bytes]) -> Iterator[tuple[bytes, bytes, str]]:
    wanted = sorted(threads)
    for start in range(0, len(wanted), AT_ONCE):
        rows = connection.execute(
            select(outbox.c.message, outbox.c.thread, message.c.type)
            .join(message, message.c.id == outbox.c.message)
            .where(outbox.c.thread.in_(wanted[start : start + AT_ONCE]))
        )
        for row in rows:
            yield bytes(row.message), bytes(row.thread), row.type
