"""A person, a case, a household; what a case holds, where each value comes from and on what basis."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from iars_protocol.record import Value

OWN = "own"
"""The source of what this organisation collected itself; every other source is a grant's id."""

MOST_SENSITIVE = 5
"""The level of scopes whose every reading is an audit event of its own."""

Basis: TypeAlias = Literal["collected", "granted", "retained"]
CaseState: TypeAlias = Literal["open", "closed"]

STAGES: Mapping[str, str] = MappingProxyType(
    {
        "identified": "Identified",
        "sheltered": "Sheltered",
        "screened": "Screened",
        "documented": "Documented",
        "travel-arranged": "Travel arranged",
        "departed": "Departed",
        "received": "Received on arrival",
        "resettled": "Resettled",
        "follow-up": "Follow-up",
        "closed": "Closed",
    }
)

CLOSURE_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "assistance-completed": "Assistance completed",
        "handed-over": "Handed over to another organisation",
        "returned": "Returned and resettled",
        "person-left": "The person left",
        "person-declined": "The person declined assistance",
        "person-unreachable": "The person can't be reached",
        "not-eligible": "Not eligible",
        "duplicate": "Duplicate of another case",
        "entered-in-error": "Entered in error",
        "deceased": "The person died",
        "other": "Other",
    }
)

RELATIONS: Mapping[str, str] = MappingProxyType(
    {
        "head": "Head of the household",
        "partner": "Partner or spouse",
        "child": "Child",
        "parent": "Parent",
        "sibling": "Brother or sister",
        "grandparent": "Grandparent",
        "guardian": "Guardian",
        "relative": "Other relative",
        "other": "Other",
    }
)

JOINING_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "told": "The person says so",
        "papers": "Papers show it",
        "seen": "They live or came together",
        "joining-other": "Another reason to belong",
    }
)

LEAVING_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "moved-apart": "They live apart now",
        "asked": "One of them asked for it",
        "danger": "One is a danger to another",
        "mistake": "It was a mistake",
        "died": "The person died",
        "leaving-other": "Another reason to leave",
    }
)


@dataclass(frozen=True, slots=True)
class Case:
    """A case's head: what lists show. `alias` is filled where the actor may read the identity."""

    id: str
    person_id: str
    reference: str
    state: CaseState
    stage: str
    closure_reason: str | None
    opened_at: datetime
    updated_at: datetime
    site_id: str | None
    team_id: str | None
    assigned_to: str | None
    version: int
    training: bool
    closed_at: datetime | None = None
    alias: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Opening:
    """A look into a case that is not assigned to who looks: why, until when, and who has looked at it since.

    The owner of the case has `seen` it, a supervisor has `reviewed` it.
    """

    id: str
    case_id: str
    account_id: str
    opened_at: datetime
    ends_at: datetime
    reason: str = field(repr=False)
    seen_at: datetime | None = None
    reviewed_at: datetime | None = None
    reviewed_by: str | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """One value as one source holds it: since when, and from which account or peer."""

    value: Value = field(repr=False)
    at: str
    by: str


@dataclass(frozen=True, slots=True)
class Document:
    """The content of one scope from one source. It is `closed` while locked, and for ever once erased."""

    case_id: str
    scope: str
    source: str
    basis: Basis
    version: int
    updated_at: datetime
    updated_by: str
    closed: Literal["", "locked", "erased"]
    fields: Mapping[str, Held] = field(default_factory=dict, repr=False)
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FieldView:
    """A field as the case shows it: the value that counts, its source, and what other sources say."""

    value: Value = field(repr=False)
    source: str
    basis: Basis
    at: str
    by: str
    others: Mapping[str, Held] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class ScopeView:
    """A scope as the case shows it: its fields, merged, and every document behind them."""

    fields: Mapping[str, FieldView] = field(repr=False)
    documents: tuple[Document, ...]


@dataclass(frozen=True, slots=True)
class Note:
    """A note on a case, under the scope that its author declared."""

    id: str
    case_id: str
    scope: str
    source: str
    author: str
    at: datetime
    text: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class CaseTask:
    """A follow-up: what is to be done by when, by whom; `text` is None where its part is not shown."""

    id: str
    case_id: str
    scope: str
    due_at: datetime
    assigned_to: str | None
    created_by: str
    created_at: datetime
    done_at: datetime | None
    done_by: str | None
    text: str | None = field(default=None, repr=False)

    def is_late(self, now: datetime) -> bool:
        """Whether its day has passed and nobody has done it."""
        return self.done_at is None and now > self.due_at


@dataclass(frozen=True, slots=True)
class CaseRecord:
    """A case with the scopes that the actor may read; the others are absent."""

    head: Case
    scopes: Mapping[str, ScopeView]
    notes: tuple[Note, ...]
    external_number: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Assignment:
    """Where a case belongs: a site, a team, an account."""

    site_id: str | None = None
    team_id: str | None = None
    assigned_to: str | None = None


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list of cases is narrowed to; None leaves it open."""

    state: CaseState | None = None
    stage: str | None = None
    site_id: str | None = None
    team_id: str | None = None
    assigned_to: str | None = None
    # One of several teams: those of whoever asks.
    team_ids: frozenset[str] | None = None
    training: bool | None = None
    # Blind words that a case must all have, each a column and its digest.
    words: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """One case that a search found. `is_exact` tells the words asked for from words that sound alike."""

    case: Case
    is_exact: bool


@dataclass(frozen=True, slots=True)
class Page:
    """A page of found cases and the cursor of the next, if there is one."""

    found: tuple[Found, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Likeness:
    """Another case that is probably of the same person, from 0 to 100, and why: codes only."""

    case_id: str
    score: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two cases that are probably of one person, and why: codes only."""

    one: Case
    other: Case
    likeness: Likeness


@dataclass(frozen=True, slots=True)
class Merge:
    """One decision that two persons are one, and the decision that undid it."""

    id: str
    from_person: str
    into_person: str
    at: datetime
    by: str
    undone_at: datetime | None
    undone_by: str | None


@dataclass(frozen=True, slots=True)
class Member:
    """A person in a household and the relation to its head."""

    household_id: str
    person_id: str
    relation: str
