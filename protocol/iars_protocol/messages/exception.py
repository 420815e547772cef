"""Messages about exceptions: disclosures that rest on no consent (SPEC § 7.8 and § 10.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from iars_protocol import fields
from iars_protocol.approvals import APPROVED, OUTCOMES
from iars_protocol.errors import MalformedError
from iars_protocol.messages.registry import Body, checked, code_of, message


def _grant(value: object) -> str:
    return fields.hexadecimal(value, 16, "grant")


def _time(value: object) -> int:
    return fields.time(value, "time")


_outcome = code_of(frozenset(OUTCOMES), "outcome")


def _approver(value: object) -> str:
    return fields.text(value, "approver")


@message("exception.approval/1")
@dataclass(frozen=True, slots=True)
class DecideException(Body):
    """Tell what became of an exception that went out before its second approval.

    `grant` is the id of the grant that carried it; `approver` is there exactly if it was approved.
    """

    carries_scopes: ClassVar[bool] = False
    grant: str = checked(_grant)
    outcome: Literal["approved", "lapsed"] = checked(_outcome)
    at: int = checked(_time)
    approver: str = checked(_approver, default="")

    def __post_init__(self) -> None:
        if (self.outcome == APPROVED) != bool(self.approver):
            raise MalformedError("an approval has an approver, a lapse has none")
