"""Every query about cases that were handed over from here."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from iars_node.exchange.tables import message
from iars_node.referrals.tables import referral
from iars_node.withdrawals.model import Handover, Kept
from iars_node.withdrawals.tables import handover, handover_kept
from iars_protocol.messages.referral import Disclose

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection


def add(connection: Connection, new: Handover) -> None:
    """Write a handover for the first time."""
    connection.execute(insert(handover), {entry.name: getattr(new, entry.name) for entry in fields(Handover)})


def find(connection: Connection, referral_id: str) -> Handover | None:
    """Return a handover by its referral."""
    row = connection.execute(select(handover).where(handover.c.referral_id == referral_id)).first()
    return None if row is None else _handover(row)


def of_case(connection: Connection, case_id: str) -> Handover | None:
    """Return the newest handover of a case."""
    query = select(handover).where(handover.c.case_id == case_id).order_by(handover.c.accepted_at.desc())
    row = connection.execute(query).first()
    return None if row is None else _handover(row)


def _handover(row: Row[Any]) -> Handover:
    return Handover(
        row.referral_id, row.case_id, bytes(row.peer), row.accepted_at, row.release_after, row.released_at
    )


def arrived_unnoted(connection: Connection, peer: bytes) -> list[str]:
    """Return the handovers to a peer that has what was disclosed, of which nothing is noted here."""
    sent = referral.c
    rows = connection.execute(
        select(sent.id).where(
            sent.direction == "out",
            sent.kind == "handover",
            sent.peer == peer,
            sent.is_disclosed.is_(True),
            sent.id.not_in(select(handover.c.referral_id)),
        )
    )
    return [found for found in rows.scalars() if _has_arrived(connection, found)]


def _has_arrived(connection: Connection, referral_id: str) -> bool:
    disclosed = select(message.c.id).where(
        message.c.thread == bytes.fromhex(referral_id),
        message.c.type == Disclose.type,
        message.c.direction == "out",
        message.c.outcome == "applied",
    )
    return connection.execute(disclosed).first() is not None


def set_released(connection: Connection, referral_id: str, at: datetime) -> None:
    """Note when the content of a case that was handed over was erased."""
    connection.execute(update(handover).where(handover.c.referral_id == referral_id).values(released_at=at))


def put_kept(connection: Connection, decided: Kept, *, is_sqlite: bool) -> None:
    """Write why a scope is kept, in place of an earlier decision."""
    row = {entry.name: getattr(decided, entry.name) for entry in fields(Kept)}
    statement = (sqlite if is_sqlite else postgresql).insert(handover_kept).values(row)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["case_id", "scope"],
            set_={name: row[name] for name in ("ground", "until", "decided_by", "decided_at")},
        )
    )


def kept(connection: Connection, case_id: str) -> list[Kept]:
    """Return what is kept of a case that was handed over."""
    rows = connection.execute(
        select(handover_kept).where(handover_kept.c.case_id == case_id).order_by(handover_kept.c.scope)
    )
    return [Kept(**row) for row in rows.mappings()]
