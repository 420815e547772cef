"""The outbox: signed messages that wait for a receipt, sent in the order of their threads.

A line is written in the transaction that made the message. Whoever holds a peer's route sends its
lines; a final receipt removes a line, under the route's fence.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, delete, exists, func, or_, select, update

from iars_node.db import EPOCH
from iars_node.errors import InvalidError, RefusedError
from iars_node.exchange import messages, streams
from iars_node.exchange.model import (
    FIRST_PAUSE,
    LONGEST_LOCKED,
    LONGEST_PAUSE,
    ORDINARY,
    OUT,
    PARKED,
    PENDING,
    Outgoing,
    Queued,
    Route,
)
from iars_node.exchange.tables import message, outbox, route
from iars_node.prepared import Prepared, inserting
from iars_node.vault.identity import identity_of, seconds
from iars_protocol.batch import LOCKED
from iars_protocol.envelope import NO_HASH, Header, Message, sign_message

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Executable

    from iars_node.exchange.model import Draft
    from iars_node.peers.model import Peer
    from iars_node.work import Work
    from iars_protocol.keys import SealingKey
    from iars_protocol.parts import Part

LONGEST_MESSAGE = 768 * 1024
"""Bytes of content in one message about a referral at the most: with its padding, and given back inside an
answer after a restore, it still fits into an envelope."""

_INSERT = Prepared(inserting(outbox))
_HOLD = Prepared(
    update(route)
    .where(
        route.c.peer == bindparam("wanted"),
        route.c.owner == bindparam("held_by"),
        route.c.fence == bindparam("at_fence"),
    )
    .values(lease_until=bindparam("until"))
)
_REMOVE = Prepared(delete(outbox).where(outbox.c.sequence == bindparam("line")))
_HEAR = Prepared(
    update(route)
    .where(route.c.peer == bindparam("wanted"), route.c.retry_at > bindparam("at"))
    .values(retry_at=bindparam("at"), failures=0)
)


def sign_draft(
    work: Work,
    draft: Draft,
    parts: Sequence[Part],
    heads: Mapping[bytes, bytes],
    place: tuple[bytes, int],
) -> Message:
    """Sign a draft's message at its place in the thread and in the stream."""
    identity = identity_of(work.vault)
    stream_id, number = place
    sealing = sealing_key(work, draft.peer)
    header = Header(
        type=draft.content.body.type,
        sender=identity.node_id,
        recipient=draft.peer.node_id,
        signing_key=identity.signing.key_id,
        sealing_key=sealing.key_id,
        thread=draft.thread,
        previous=heads.get(identity.node_id, NO_HASH),
        seen=heads.get(draft.peer.node_id, NO_HASH),
        stream=stream_id,
        number=number,
        created=seconds(work.now),
        expires=min(seconds(draft.expires), sealing.destroy_after),
        grant=draft.grant,
        parts=tuple(part.hash for part in parts),
    )
    return sign_message(header, parts, identity.signing)


def queue(work: Work, draft: Draft) -> Message:
    """Sign a message and queue it, in the transaction that makes it true."""
    identity = identity_of(work.vault)
    parts = draft.content.to_parts()
    # What is not about a referral is short but for such an answer, which holds the longest message whole.
    if draft.content.body.carries_scopes and sum(len(part.content) for part in parts) > LONGEST_MESSAGE:
        raise InvalidError(
            "This is too long for one message; nothing was sent. Send long texts as an attachment.",
            {"texts": f"accepted: at most {LONGEST_MESSAGE // 1024} KiB in all"},
        )
    stream_id, number = streams.next_out(work, draft.peer.node_id)
    heads = messages.heads(work.connection, draft.thread)
    signed = sign_draft(work, draft, parts, heads, (stream_id, number))
    messages.keep(work, signed, direction=OUT, peer=draft.peer.node_id, part_keys=draft.part_keys)
    messages.set_head(work, draft.thread, identity.node_id, signed.id)
    streams.move_head(work.connection, draft.peer.node_id, stream_id, signed.id)
    waiting = line(work, draft.peer.node_id, signed.header.thread, signed.id)
    _INSERT.run(work.connection, waiting | {"precedence": draft.precedence})
    work.announce(Outgoing(draft.peer.node_id))
    return signed


def sealing_key(work: Work, peer: Peer) -> SealingKey:
    """Return the key that a message to a peer is made out to; refuse one that is past its time."""
    newest = next(reversed(peer.history.encryption.values()))
    if newest.destroy_after <= seconds(work.now):
        raise RefusedError(
            "The other organisation's keys are past their time; nothing was sent. Get its new listing first.",
            "peer-expired",
        )
    return newest


def line(work: Work, peer: bytes, thread: bytes, message: bytes) -> dict[str, Any]:
    """Return a fresh line of the outbox."""
    return {
        "message": message,
        "peer": peer,
        "thread": thread,
        "state": PENDING,
        "precedence": ORDINARY,
        "attempts": 0,
        "due_at": work.now,
        "queued_at": work.now,
        "last_error": "",
    }


def restart_thread(work: Work, peer: bytes, stuck: Queued, receipted: Sequence[bytes]) -> None:
    """Queue a thread's receipted messages once more, before those that wait: the peer lost them."""
    here = and_(outbox.c.peer == peer, outbox.c.thread == stuck.thread)
    waiting = work.connection.execute(select(outbox.c.message).where(here).order_by(outbox.c.sequence))
    # What waits can be among the receipted already, as after an earlier restart: each message goes out once.
    every = list(dict.fromkeys([*receipted, *(bytes(found) for found in waiting.scalars())]))
    work.connection.execute(delete(outbox).where(here))
    attempts = stuck.attempts + 1
    again = {
        "precedence": stuck.precedence,
        "attempts": attempts,
        "due_at": work.now + pause(attempts),
        "queued_at": stuck.queued_at,
    }
    _INSERT.run_many(work.connection, [line(work, peer, stuck.thread, message) | again for message in every])


def due_peers(connection: Connection, now: datetime, owner: str) -> list[bytes]:
    """Return the peers that have something to send and whose route is free, ours or left over."""
    held = and_(route.c.lease_until > now, route.c.owner != owner)
    statement = (
        select(outbox.c.peer)
        .distinct()
        .where(
            outbox.c.state == PENDING,
            outbox.c.due_at <= now,
            ~exists().where(route.c.peer == outbox.c.peer, or_(held, route.c.retry_at > now)),
        )
    )
    return [bytes(found) for found in connection.execute(statement).scalars()]


def _take(dialect: str) -> Executable:
    fresh = inserting(route, *_TAKEN, dialect=dialect)
    return fresh.on_conflict_do_update(
        index_elements=["peer"],
        set_={
            "owner": fresh.excluded.owner,
            "lease_until": fresh.excluded.lease_until,
            "fence": route.c.fence + 1,
        },
        where=or_(route.c.owner == fresh.excluded.owner, route.c.lease_until <= bindparam("now")),
    ).returning(route.c.fence, route.c.failures, route.c.last_error)


_TAKEN = ("peer", "owner", "fence", "lease_until", "failures", "retry_at", "last_error")
_TAKE = Prepared(_take)
_GIVE_BACK = Prepared(
    update(route)
    .where(route.c.peer == bindparam("wanted"), route.c.fence == bindparam("at_fence"))
    .values(lease_until=bindparam("until"))
)


def take_route(work: Work, peer: bytes, owner: str, lease: timedelta) -> Route | None:
    """Take or renew the right to send to a peer; None while another worker holds it."""
    new = {
        "peer": peer,
        "owner": owner,
        "fence": 1,
        "lease_until": work.now + lease,
        "failures": 0,
        "retry_at": EPOCH,
        "last_error": "",
    }
    row = _TAKE.first(work.connection, {**new, "now": work.now})
    return None if row is None else Route(peer, owner, row.fence, row.failures, row.last_error, lease)


def holds(work: Work, held: Route) -> bool:
    """Say whether a route is still ours; if so, renew its lease and lock it until the commit."""
    renewed = {
        "wanted": held.peer,
        "held_by": held.owner,
        "at_fence": held.fence,
        "until": work.now + held.lease,
    }
    return _HOLD.run(work.connection, renewed) == 1


_earlier = outbox.alias("earlier")
_NEXT = Prepared(
    select(
        outbox.c.sequence,
        outbox.c.message,
        outbox.c.thread,
        outbox.c.precedence,
        outbox.c.attempts,
        outbox.c.queued_at,
    )
    .where(
        outbox.c.peer == bindparam("wanted"),
        outbox.c.state == PENDING,
        outbox.c.due_at <= bindparam("at"),
        # A later message of a thread never overtakes one that waits.
        ~exists().where(
            _earlier.c.thread == outbox.c.thread,
            _earlier.c.sequence < outbox.c.sequence,
            or_(_earlier.c.state == PARKED, _earlier.c.due_at > bindparam("at")),
        ),
    )
    .order_by(outbox.c.precedence, outbox.c.sequence)
    .limit(bindparam("most"))
)


def next_lines(
    connection: Connection, peer: bytes, now: datetime, *, most: int, busy: Collection[bytes] = ()
) -> list[Queued]:
    """Return the next lines for a peer whose threads have nothing on its way."""
    rows = _NEXT.all(connection, {"wanted": peer, "at": now, "most": most + len(busy)})
    free = (row for row in rows if bytes(row.thread) not in busy)
    return [
        Queued(
            row.sequence,
            bytes(row.message),
            bytes(row.thread),
            row.precedence,
            row.attempts,
            row.queued_at,
        )
        for row in islice(free, most)
    ]


def remove(work: Work, lines: Sequence[int]) -> None:
    """Remove lines whose final receipt is stored."""
    _REMOVE.run_many(work.connection, [{"line": line} for line in lines])


def postpone(work: Work, line: Queued, error: str) -> None:
    """Try a line again later, each time after a longer pause."""
    work.connection.execute(
        update(outbox)
        .where(outbox.c.sequence == line.sequence)
        .values(attempts=line.attempts + 1, due_at=work.now + pause(line.attempts), last_error=error)
    )


def park(work: Work, sequence: int, error: str) -> None:
    """Stop trying a line; an administrator decides."""
    work.connection.execute(
        update(outbox).where(outbox.c.sequence == sequence).values(state=PARKED, last_error=error)
    )


def unpark(work: Work, peer: bytes) -> int:
    """Try a peer's parked lines again; return how many."""
    work.connection.execute(update(route).where(route.c.peer == peer).values(retry_at=EPOCH))
    return work.connection.execute(
        update(outbox)
        .where(outbox.c.peer == peer, outbox.c.state == PARKED)
        .values(state=PENDING, due_at=work.now, queued_at=work.now, attempts=0)
    ).rowcount


def note_failure(work: Work, held: Route, error: str) -> timedelta:
    """Remember that a peer can't be reached; return since how long."""
    values: dict[str, Any] = {
        "failures": held.failures + 1,
        "retry_at": work.now
        + min(pause(held.failures), LONGEST_LOCKED if error == LOCKED else LONGEST_PAUSE),
        "failing_since": func.coalesce(
            route.c.failing_since, bindparam("since", work.now, type_=route.c.retry_at.type)
        ),
        "last_error": error,
    }
    row = work.connection.execute(
        update(route)
        .where(route.c.peer == held.peer, route.c.fence == held.fence)
        .values(**values)
        .returning(route.c.failing_since)
    ).first()
    if row is None:
        return timedelta(0)
    since: datetime = row.failing_since
    return work.now - since


def note_success(work: Work, held: Route) -> None:
    """Forget earlier failures of a peer that answered."""
    work.connection.execute(
        update(route)
        .where(route.c.peer == held.peer, route.c.fence == held.fence)
        .values(failures=0, retry_at=EPOCH, failing_since=None, last_error="")
    )


def has_waiting(work: Work, peer: bytes, kind: str) -> bool:
    """Say whether a message of a type still waits for a peer's receipt."""
    query = (
        select(outbox.c.sequence)
        .join(message, message.c.id == outbox.c.message)
        .where(outbox.c.peer == peer, message.c.type == kind)
        .limit(1)
    )
    return work.connection.execute(query).first() is not None


def hear(work: Work, peer: bytes) -> None:
    """Try a peer again at once that was out of reach until now: it has just written to us."""
    if _HEAR.run(work.connection, {"wanted": peer, "at": work.now}):
        work.announce(Outgoing(peer))


def give_route_back(work: Work, held: Route) -> None:
    """Let another worker have a route at once."""
    _GIVE_BACK.run(work.connection, {"wanted": held.peer, "at_fence": held.fence, "until": EPOCH})


def pause(attempts: int) -> timedelta:
    """Return how long to wait after so many attempts: doubling, with jitter, up to half an hour."""
    longest = min(FIRST_PAUSE * (1 << min(attempts, 20)), LONGEST_PAUSE)
    # Full jitter would retry at once too often; between half and all of the pause spreads enough.
    return longest / 2 + longest / 2 * (secrets.randbelow(1000) / 1000)
