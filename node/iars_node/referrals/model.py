"""A referral as one side holds it: its state, its history, what it discloses and when."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from iars_protocol.referral import EXPIRED, OPEN, REQUESTED, Side, State, Taken, state_of

if TYPE_CHECKING:
    from datetime import datetime

    from iars_protocol.record import Value

Direction: TypeAlias = Literal["out", "in"]
Kind: TypeAlias = Literal["service", "handover"]

OUT: Direction = "out"
IN: Direction = "in"
HANDOVER: Kind = "handover"

EXPIRE_JOB = "referral.expire"
ERASE_JOB = "referral.erase"

WITHDRAWN_STEP = "consent.withdraw"
REVOKED_STEP = "consent.revoke"
UNTOLD_STEP = "consent.untell"
ASIDE = frozenset({EXPIRE_JOB, WITHDRAWN_STEP, REVOKED_STEP, UNTOLD_STEP})
"""Entries of a history that are no message of its thread: by the clock, and about the consent under it."""

_DISCLOSING = "offered disclosed amended message-sent started held completed failed appointment-sent"
DISCLOSING = frozenset(f"referral.{word}" for word in _DISCLOSING.split())
"""Events with which something of the record may leave; those that name scopes do, and name the grant."""

CONSENT_LOST = "consent-lost"
"""The problem of a referral that came back after a restore, when its consent did not."""


@dataclass(frozen=True, slots=True)
class Referral:
    """One side's copy of a referral. `problem` is a code that a person must look at, or empty."""

    id: str
    reference: str
    direction: Direction
    peer: bytes
    case_id: str
    consent_id: str
    grant_id: str
    subject: str
    kind: Kind
    service: str
    priority: str
    state: State
    respond_by: datetime
    created_at: datetime
    updated_at: datetime
    answered_at: datetime | None
    closed_at: datetime | None
    reason: str
    problem: str
    author: str
    is_disclosed: bool
    together: tuple[str, ...]

    @property
    def thread(self) -> bytes:
        """The referral's id as it stands in message headers."""
        return bytes.fromhex(self.id)

    @property
    def side(self) -> Side:
        """Which side this node is."""
        return "sender" if self.direction == OUT else "receiver"

    @property
    def is_open(self) -> bool:
        """Whether something can still happen."""
        return self.state in OPEN

    def is_overdue(self, now: datetime) -> bool:
        """Whether its answer is late."""
        return self.state == "requested" and now >= self.respond_by


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of a referral's history: which message, by which side, and what it led to."""

    at: datetime
    type: str
    side: Side
    actor: str
    message: str
    seen: str
    state_after: State
    reason: str
    is_refused: bool


@dataclass(frozen=True, slots=True)
class Offering:
    """What a case worker decides when referring a person."""

    case_id: str
    consent_id: str
    service: str
    priority: str
    kind: Kind = "service"
    together: tuple[str, ...] = ()
    texts: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    attachments: tuple[str, ...] = ()
    # The permission of another organisation under which the person is passed on, or none.
    onward: str = ""
    names_recipient: bool = True


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a preview: a field with its value, and for what stays, the reason."""

    scope: str
    name: str
    value: Value | None = field(default=None, repr=False)
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """What leaves with the offer, what on acceptance, what never: shown before anything is sent."""

    at_offer: tuple[Line, ...]
    on_acceptance: tuple[Line, ...]
    never: tuple[Line, ...]
    # Whose person this is: the recipient of an onward referral learns it.
    origin: bytes = b""
    kind: Kind = "service"


@dataclass(frozen=True, slots=True)
class Erased:
    """Announced when what came with a referral was erased that ended before it was accepted."""

    referral_id: str
    peer: bytes
    grant_id: str
    scopes: frozenset[str]
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class Arrived:
    """Announced when the other side's step was applied here."""

    step: str
    referral: Referral


@dataclass(frozen=True, slots=True)
class Amended:
    """Announced when the other side has put right what it had disclosed here; `fields` are scope.field."""

    referral: Referral
    fields: tuple[str, ...]


def is_to_be_erased(referral: Referral) -> bool:
    """Say whether what came with a referral must go: it ended here before anybody accepted it."""
    return referral.direction == IN and is_never_accepted(referral)


def is_never_accepted(referral: Referral) -> bool:
    """Say whether a referral was rejected, or ended before anybody had accepted it."""
    return not referral.is_open and (referral.state == "rejected" or referral.answered_at is None)


def taken_of(steps: list[Step]) -> list[Taken]:
    """Return the steps that count: not what the other side refused, nor what stands aside of the thread."""
    return [
        Taken(bytes.fromhex(step.message), step.side, step.type, bytes.fromhex(step.seen))
        for step in steps
        if not step.is_refused and step.type not in ASIDE
    ]


def replay(steps: list[Step]) -> State:
    """Return the state that a history leads to, by the same table as both sides apply."""
    state = state_of(taken_of(steps))
    has_expired = any(step.type == EXPIRE_JOB for step in steps)
    return EXPIRED if has_expired and state == REQUESTED else state
