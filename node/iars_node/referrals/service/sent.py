"""What has left of a person's record under a grant, read from the messages themselves."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sqlalchemy import or_, select

from iars_node.exchange import messages
from iars_node.exchange.tables import message
from iars_node.referrals import store
from iars_node.referrals.model import OUT
from iars_node.referrals.service.disclosing import scope_parts_of
from iars_protocol.content import ATTACHMENTS, TEXTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from iars_node.work import Work
    from iars_protocol.parts import ScopePart

CONSENT_NARROWED = "consent-narrowed"
TELLING_NARROWED = "telling-narrowed"
"""The recipient may tell less back, but its node can't be told so: what it still tells is not kept."""


def sent_names(work: Work, grant_id: str) -> Mapping[str, set[str]] | None:
    """Return which fields of which scopes were sent under a grant, refused messages apart.

    None where nobody can say any more, because something of what was sent has been erased here.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for message_id in _sent(work, grant_id):
        parts = messages.open_parts(work.connection, work.vault, message_id)
        if None in parts:
            return None
        for part in scope_parts_of(parts):
            found[part.scope].update(_names(part))
    return found


def _names(part: ScopePart) -> Iterator[str]:
    yield from part.fields
    if part.texts:
        yield TEXTS
    if part.attachments:
        yield ATTACHMENTS


def _sent(work: Work, grant_id: str) -> list[bytes]:
    threads = [each.thread for each in store.under_grants(work.connection, [grant_id])]
    column = message.c
    rows = work.connection.execute(
        select(column.id).where(
            column.thread.in_(threads),
            column.direction == OUT,
            or_(column.outcome.is_(None), column.outcome != "refused"),
        )
    )
    return [bytes(found) for found in rows.scalars()]


def note_narrowed(work: Work, grant_id: str, problem: str = CONSENT_NARROWED) -> None:
    """Put before people each open referral of which something could not be said by a withdrawal alone."""
    for current in store.open_of_grant(work.connection, grant_id):
        store.change(work.connection, current.id, problem=problem)
