"""Idempotency: a request that is sent again under its key leads to what it led to, and happens once."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import and_, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from iars_node.api.errors import IdempotencyError
from iars_node.api.tables import api_request
from iars_node.errors import InvalidError

if TYPE_CHECKING:
    from collections.abc import Callable

    from iars_node.work import Work

HEADER = "Idempotency-Key"
KEPT = timedelta(hours=24)
_KEY = re.compile(r"[\x21-\x7e]{1,200}").fullmatch


@dataclass(frozen=True, slots=True)
class Once:
    """What a request led to, and whether that was an earlier time."""

    result: str
    is_repeated: bool


def do_once(work: Work, key: str, operation: str, content: bytes, act: Callable[[], str]) -> Once:
    """Do what a request asks, unless it was done under its key; return the id of what it led to."""
    if not key:
        return Once(act(), is_repeated=False)
    if _KEY(key) is None:
        raise InvalidError("The key can't be used.", {HEADER: "accepted: 1 to 200 visible ASCII characters"})
    blind = work.vault.blind("api_request.key", f"{work.actor.id} {key}")
    # Not a plain hash: a request holds a person's data, and little of it can be guessed from a blind word.
    seen = work.vault.blind("api_request.content", hashlib.sha256(content).hexdigest())
    work.connection.execute(delete(api_request).where(api_request.c.at < work.now - KEPT))
    place = and_(api_request.c.token_id == work.actor.id, api_request.c.key == blind)
    dialect = sqlite if work.is_sqlite else postgresql
    fresh = dialect.insert(api_request).values(
        token_id=work.actor.id, key=blind, operation=operation, content=seen, result="", at=work.now
    )
    # A second request under the key waits here until the first has ended.
    added = fresh.on_conflict_do_nothing().returning(api_request.c.key)
    if work.connection.execute(added).first() is not None:
        result = act()
        work.connection.execute(update(api_request).where(place).values(result=result))
        return Once(result, is_repeated=False)
    row = work.connection.execute(select(api_request).where(place)).one()
    if (row.operation, bytes(row.content)) != (operation, seen):
        raise IdempotencyError("This key was used for another request; use a fresh one.")
    return Once(row.result, is_repeated=True)
