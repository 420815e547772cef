"""Messages of a referral's thread (SPEC § 10.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from iars_protocol import fields
from iars_protocol.messages.registry import Body, checked, code_of, message
from iars_protocol.vocabulary import PRIORITIES, REASONS, SERVICES

REMARK_LENGTH = 500


def _remark(value: object) -> str:
    return fields.text(value, "remark", REMARK_LENGTH)


def _time(value: object) -> int:
    return fields.time(value, "time")


def _threads(value: object) -> tuple[str, ...]:
    return tuple(fields.hexadecimal(entry, 16, "together") for entry in fields.texts(value, "together", 50))


def _reason(kind: str) -> Any:  # noqa: ANN401 - stands in for a dataclass field
    return checked(code_of(frozenset(REASONS[kind]), "reason"))


def _reference(value: object) -> str:
    return fields.text(value, "reference", 20)


@message("referral.offer/1")
@dataclass(frozen=True, slots=True)
class Offer(Body):
    """Refer a person for a service, or hand the case over.

    `together` names the threads of referrals of one household, which are meant to be answered as one.
    """

    kind: str = checked(code_of(frozenset({"service", "handover"}), "kind"))
    service: str = checked(code_of(frozenset(SERVICES), "service"))
    priority: str = checked(code_of(frozenset(PRIORITIES), "priority"))
    reference: str = checked(_reference)
    respond_by: int = checked(_time)
    together: tuple[str, ...] = checked(_threads, default=())


@message("referral.accept/1")
@dataclass(frozen=True, slots=True)
class Accept(Body):
    """Take the referral on."""

    remark: str = checked(_remark, default="")


@message("handover.accept/1")
@dataclass(frozen=True, slots=True)
class AcceptHandover(Body):
    """Take over responsibility for the case: from now on the receiver controls what it records."""

    remark: str = checked(_remark, default="")


@message("referral.reject/1")
@dataclass(frozen=True, slots=True)
class Reject(Body):
    """Decline the referral, with a reason about the service, never about the person."""

    reason: str = _reason("reject")
    remark: str = checked(_remark, default="")


@message("referral.disclose/1")
@dataclass(frozen=True, slots=True)
class Disclose(Body):
    """Disclose what waits for acceptance."""


@message("referral.appointment/1")
@dataclass(frozen=True, slots=True)
class Appointment(Body):
    """Tell of an appointment: scheduled, attended, not kept, cancelled."""

    outcome: str = _reason("appointment")
    at: int = checked(_time)
    remark: str = checked(_remark, default="")


@message("referral.progress/1")
@dataclass(frozen=True, slots=True)
class Progress(Body):
    """Say that the service has begun, or goes on."""

    remark: str = checked(_remark, default="")


@message("referral.hold/1")
@dataclass(frozen=True, slots=True)
class Hold(Body):
    """Pause the service."""

    reason: str = _reason("hold")
    remark: str = checked(_remark, default="")


@message("referral.complete/1")
@dataclass(frozen=True, slots=True)
class Complete(Body):
    """Say that the service was given."""

    remark: str = checked(_remark, default="")


@message("referral.fail/1")
@dataclass(frozen=True, slots=True)
class Fail(Body):
    """Say that the service could not be given."""

    reason: str = _reason("fail")
    remark: str = checked(_remark, default="")


@message("referral.cancel/1")
@dataclass(frozen=True, slots=True)
class Cancel(Body):
    """End the referral before its service is complete."""

    reason: str = _reason("cancel")
    remark: str = checked(_remark, default="")


@message("referral.entered-in-error/1")
@dataclass(frozen=True, slots=True)
class EnteredInError(Body):
    """Say that the referral was the sender's mistake: nothing in it is to be relied on."""

    remark: str = checked(_remark, default="")


@message("referral.amend/1")
@dataclass(frozen=True, slots=True)
class Amend(Body):
    """Correct or add to what was disclosed; a field that is sent replaces the one before."""


@message("referral.note/1")
@dataclass(frozen=True, slots=True)
class Note(Body):
    """Write to the other side: each sentence under the scope that it touches."""
