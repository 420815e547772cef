"""What must not leave any more: parts of messages that still wait are taken out before they go.

The signed header stays as it is, and with it the message's number, its place in the thread and the hashes of
all parts. Nobody has to trust the recipient to throw away what came too late.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from iars_node.audit.service import record
from iars_node.exchange import messages
from iars_node.exchange.tables import message_part, outbox
from iars_protocol.parts import GRANT, SCOPE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from sqlalchemy import Connection

    from iars_node.work import Work

THREADS_AT_ONCE = 500


def withhold(work: Work, ended: Mapping[bytes, Collection[str]], offers: Collection[bytes] = ()) -> int:
    """Take scopes out of what waits in the outbox, by thread; return how many messages were cut.

    Of the threads in `offers` nothing was to leave at all: of an offer that waits there the body and the
    grant go too, and only its header is sent. What a peer may have received already, its receipt lost on the
    way, is cut all the same: it is known there by its id.
    """
    cut = 0
    for message_id, thread in _waiting(work.connection, ended):
        parts = messages.open_parts(work.connection, work.vault, message_id)
        plains = {place: part.plain for place, part in enumerate(parts) if part is not None}
        gone = {
            place
            for place, plain in plains.items()
            if plain.get("part") == SCOPE and plain.get("scope") in ended[thread]
        }
        if thread in offers and any(plain.get("part") == GRANT for plain in plains.values()):
            gone = set(range(len(parts)))
        if gone:
            _take_out(work, message_id, thread, gone)
            cut += 1
    return cut


def _waiting(connection: Connection, threads: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    wanted = sorted(threads)
    for start in range(0, len(wanted), THREADS_AT_ONCE):
        rows = connection.execute(
            select(outbox.c.message, outbox.c.thread).where(
                outbox.c.thread.in_(wanted[start : start + THREADS_AT_ONCE])
            )
        )
        for row in rows.all():
            yield bytes(row.message), bytes(row.thread)


def _take_out(work: Work, message_id: bytes, thread: bytes, gone: Collection[int]) -> None:
    work.connection.execute(
        delete(message_part).where(
            message_part.c.message == message_id, message_part.c.position.in_(sorted(gone))
        )
    )
    record(
        work,
        "exchange.withheld",
        referral_id=thread.hex(),
        subject=message_id.hex(),
        detail={"parts": len(gone)},
    )
