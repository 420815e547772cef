"""What is counted of refused access until it is told of: queries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from iars_node.accounts.tables import refused_access
from iars_node.db import EPOCH

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from iars_node.accounts.refusals import Refusal
    from iars_node.work import Actor, ActorKind


@dataclass(frozen=True, slots=True)
class Held:
    """One account's refusals on one way: since when they are counted, how many, and the last of them."""

    key: str
    began_at: datetime
    times: int
    actor_kind: ActorKind
    actor_id: str
    route: str
    action: str
    reason: str
    subject: str
    case_id: str
    referral_id: str


_NONE_YET = {"began_at": EPOCH, "times": 0, "actor_kind": "system", "actor_id": ""}
_NOTHING = dict.fromkeys(("route", "action", "reason", "subject", "case_id", "referral_id"), "")


def hold(connection: Connection, key: str, *, is_sqlite: bool) -> Held:
    """Return what is counted under a key, and keep others waiting for the answer."""
    dialect = sqlite if is_sqlite else postgresql
    held = dialect.insert(refused_access).values(key=key, **_NONE_YET, **_NOTHING)
    kept = held.on_conflict_do_update(
        index_elements=[refused_access.c.key], set_={"times": refused_access.c.times}
    )
    return Held(**connection.execute(kept.returning(refused_access)).one()._asdict())


def find(connection: Connection, key: str) -> Held | None:
    """Return what is counted under a key, kept from others until the end of the transaction."""
    query = select(refused_access).where(refused_access.c.key == key).with_for_update()
    row = connection.execute(query).one_or_none()
    return None if row is None else Held(**row._asdict())


def begin(connection: Connection, key: str, now: datetime) -> None:
    """Begin to count anew."""
    _set(connection, key, {"began_at": now, "times": 0})


def count(connection: Connection, key: str, actor: Actor, refused: Refusal) -> None:
    """Count one more, and keep it as the last."""
    last = {
        "actor_kind": actor.kind,
        "actor_id": actor.id,
        "route": refused.route,
        "action": refused.action,
        "reason": refused.reason,
        "subject": refused.subject,
        "case_id": refused.case_id,
        "referral_id": refused.referral_id,
    }
    _set(connection, key, {"times": refused_access.c.times + 1, **last})


def forget_before(connection: Connection, moment: datetime) -> None:
    """Delete what was begun before a moment and has nothing left to tell."""
    is_told = (refused_access.c.began_at < moment) & (refused_access.c.times == 0)
    connection.execute(delete(refused_access).where(is_told))


def _set(connection: Connection, key: str, values: dict[str, object]) -> None:
    connection.execute(update(refused_access).where(refused_access.c.key == key).values(**values))
