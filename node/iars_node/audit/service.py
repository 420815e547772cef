"""Recording: each event in the same transaction as what it describes."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from iars_node.audit import store
from iars_node.audit.model import SALT_BYTES, Event, RecordedEvent, check_event, leaf_hash
from iars_node.db import new_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from iars_node.work import Work


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be recorded; the work adds who and when."""

    action: str
    subject: str = ""
    case_id: str = ""
    referral_id: str = ""
    peer_id: str = ""
    scopes: Iterable[str] = ()
    purpose: str = ""
    detail: Mapping[str, str | int] = field(default_factory=dict)


def record(  # noqa: PLR0913 - an audit event has this many things to say, all by name
    work: Work,
    action: str,
    *,
    subject: str = "",
    case_id: str = "",
    referral_id: str = "",
    peer_id: str = "",
    scopes: Iterable[str] = (),
    purpose: str = "",
    detail: Mapping[str, str | int] | None = None,
) -> bytes:
    """Append one event to the audit log and return the RFC 6962 leaf hash of its salted commitment."""
    entry = Entry(action, subject, case_id, referral_id, peer_id, scopes, purpose, detail or {})
    return record_many(work, (entry,))[0]


def record_many(work: Work, entries: Sequence[Entry]) -> list[bytes]:
    """Append several events in one statement and return their leaf hashes, in order."""
    recorded = [_salted(work, entry) for entry in entries]
    store.insert_events(work.connection, recorded)
    return [leaf for _event, _salt, leaf in recorded]


def is_intact(recorded: RecordedEvent) -> bool:
    """Say whether an event still gives the leaf that was recorded with it."""
    return leaf_hash(recorded.salt, recorded.event.content()) == recorded.leaf


def _salted(work: Work, entry: Entry) -> tuple[Event, bytes, bytes]:
    event = Event(
        new_id(),
        work.now,
        work.actor.kind,
        work.actor.id,
        entry.action,
        entry.purpose,
        entry.case_id,
        entry.referral_id,
        entry.peer_id,
        entry.subject,
        tuple(sorted(entry.scopes)),
        entry.detail,
    )
    check_event(event)
    salt = secrets.token_bytes(SALT_BYTES)
    return event, salt, leaf_hash(salt, event.content())
