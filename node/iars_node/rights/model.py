"""What a person has a right to: to learn what is held and who learned it, and to have it corrected."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from iars_node.cases.model import Case, Document
    from iars_node.consent.model import Consent
    from iars_node.withdrawals.model import Report
    from iars_protocol.record import Value

Outcome: TypeAlias = Literal["amended", "to-tell"]

AMENDED: Outcome = "amended"
TO_TELL: Outcome = "to-tell"

REFERRAL_CLOSED = "referral-closed"
GRANT_ENDED = "grant-ended"
FIELD_REMOVED = "field-removed"
NOT_SENDABLE = "not-sendable"

TO_TELL_REASONS = {
    REFERRAL_CLOSED: "Their referral is closed, and nothing can be sent on it any more",
    GRANT_ENDED: "What the person agreed to has ended, and nothing may be sent under it",
    FIELD_REMOVED: "A message can change an entry, but can't take one away",
    NOT_SENDABLE: "Nothing can be sent to them now",
}


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One disclosure as the log tells of it: when, to whom, which scopes, under what."""

    at: datetime
    action: str
    case_id: str
    referral_id: str
    node: str
    service: str
    purpose: str
    scopes: tuple[str, ...]
    grant_id: str
    basis: str
    consent_id: str
    actor: str


@dataclass(frozen=True, slots=True)
class Source:
    """A grant under which something came: from whom, and until when it may be held."""

    grant_id: str
    node: str
    received_at: datetime
    until: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Erasure:
    """Something that was erased here: when, and which scopes."""

    at: datetime
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An intake or a new case that was begun and is certainly of the person: when, and what is typed."""

    at: datetime
    fields: Mapping[str, Mapping[str, list[str]]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class CaseReport:
    """One case as its person is told of it. `unprinted` are scopes that the maker's roles do not show."""

    case: Case
    documents: tuple[Document, ...] = field(repr=False)
    notes: tuple[tuple[str, datetime, str], ...] = field(repr=False)
    files: tuple[tuple[str, str], ...] = field(repr=False)
    unprinted: tuple[str, ...]
    consents: tuple[Consent, ...]
    sources: Mapping[str, Source]
    disclosures: tuple[Disclosure, ...]
    erasures: tuple[Erasure, ...]
    statements: tuple[Report, ...]
    # By grant, the scopes that its recipient holds still, whatever was stated of a part of them.
    still_held: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class AccessReport:
    """Everything that is told to a person who asks what is held of them."""

    person_id: str
    made_at: datetime
    language: str
    cases: tuple[CaseReport, ...]
    unfinished: tuple[Unfinished, ...] = ()


@dataclass(frozen=True, slots=True)
class Correction:
    """One action that corrected fields of a case, here and at those who hold them; no value is here."""

    id: str
    case_id: str
    fields: tuple[str, ...]
    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a correction at one recipient: it was sent, or somebody has to tell them otherwise."""

    id: str
    correction_id: str
    case_id: str
    node: str
    grant_id: str
    referral_id: str
    fields: tuple[str, ...]
    outcome: Outcome
    reason: str
    at: datetime
    done_at: datetime | None = None
    done_by: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to tell them."""
        return self.outcome == TO_TELL and self.done_at is None


def field_names(corrections: Mapping[str, Mapping[str, Value | None]]) -> tuple[str, ...]:
    """Return the fields of a correction as scope.field, in order."""
    return tuple(sorted(f"{scope}.{name}" for scope, fields in corrections.items() for name in fields))
