"""An audit event, its salted commitment, and what a reader can ask for."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from iars_node.audit.actions import ACTIONS, is_meant
from iars_protocol import encoding

if TYPE_CHECKING:
    from collections.abc import Mapping

SALT_BYTES = 32

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# No space fits in a code: a sentence, and with it most of what could name a person, can't slip in.
_CODE = re.compile(r"[A-Za-z0-9._:,;+/=~@*-]{0,200}").fullmatch


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened: who did what, when, to which record. Ids and codes only."""

    id: str
    at: datetime
    actor_kind: str
    actor_id: str
    action: str
    purpose: str = ""
    case_id: str = ""
    referral_id: str = ""
    peer_id: str = ""
    subject: str = ""
    scopes: tuple[str, ...] = ()
    detail: Mapping[str, str | int] = field(default_factory=dict)

    def content(self) -> bytes:
        """Return the bytes that the event's commitment is made over: deterministic CBOR."""
        # In the order of the encoding: what is in order is not sorted once more.
        return encoding.encode(
            {
                "v": 1,
                "at": (self.at - _EPOCH) // _MICROSECOND,
                "id": self.id,
                "case": self.case_id,
                "peer": self.peer_id,
                "actor": [self.actor_kind, self.actor_id],
                "action": self.action,
                "detail": dict(self.detail),
                "scopes": list(self.scopes),
                "purpose": self.purpose,
                "subject": self.subject,
                "referral": self.referral_id,
            }
        )


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event as the log holds it: its place, its salt and its leaf."""

    seq: int
    event: Event
    salt: bytes
    leaf: bytes


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which events a reader wants; what is left empty does not narrow."""

    case_id: str = ""
    referral_id: str = ""
    actor_id: str = ""
    peer_id: str = ""
    action: str = ""  # a whole action, or a prefix: `exchange.`
    since: datetime | None = None
    until: datetime | None = None
    # A person's events: about their cases, and about the person's own records.
    case_ids: tuple[str, ...] = ()
    person_ids: tuple[str, ...] = ()

    def lets_through(self, event: Event) -> bool:
        """Say whether an event is one that the reader wants."""
        wanted = (
            (self.case_id, event.case_id),
            (self.referral_id, event.referral_id),
            (self.actor_id, event.actor_id),
            (self.peer_id, event.peer_id),
        )
        return (
            all(value in ("", found) for value, found in wanted)
            and is_meant(event.action, self.action)
            and (self.since is None or event.at >= self.since)
            and (self.until is None or event.at < self.until)
            and (not self.person_ids or self._is_about_person(event))
        )

    def _is_about_person(self, event: Event) -> bool:
        is_own = event.action.startswith("person.") and event.subject in self.person_ids
        return is_own or (event.case_id != "" and event.case_id in self.case_ids)


@dataclass(frozen=True, slots=True)
class EventPage:
    """One page of events, the newest first; `next_cursor` is None at the end."""

    events: list[RecordedEvent]
    next_cursor: int | None


def leaf_hash(salt: bytes, content: bytes) -> bytes:
    """Return the RFC 6962 leaf hash over the salted commitment to an event.

    Without the salt nobody can guess an event from its leaf, so a leaf can be shown to a witness.
    """
    commitment = hashlib.sha256(salt + content).digest()
    return hashlib.sha256(b"\x00" + commitment).digest()


def check_event(event: Event) -> None:
    """Refuse an event with an action outside the vocabulary or with free text in it."""
    if event.action not in ACTIONS:
        raise ValueError(f"unknown audit action: {event.action}")
    check_codes(event.subject, event.purpose, *event.scopes, *event.detail.values())


def check_codes(*words: str | int) -> None:
    """Refuse a word that is not an id, a code or a number."""
    for word in words:
        if not isinstance(word, int) and _CODE(word) is None:
            raise ValueError("an audit event holds ids, codes and numbers only")
