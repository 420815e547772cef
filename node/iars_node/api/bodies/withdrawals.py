"""Withdrawals and what recipients state, as other systems ask for and read them."""

from typing import Any, Literal

from pydantic import AwareDatetime

from iars_node.api.bodies.base import (
    CASE,
    CONSENT,
    MORNING,
    NODE,
    REFERRAL,
    Body,
    Id,
    NodeId,
    PurposeCode,
    ScopeCode,
    example,
)

_ERASED: dict[str, Any] = {
    "scope": "medical",
    "outcome": "erased",
    "access_ended": MORNING,
    "keys_destroyed": MORNING,
    "backups_expire": MORNING,
    "ground": "",
    "until": None,
    "code": "",
}
_STATED: dict[str, Any] = {
    "message": "0" * 64,
    "node": NODE,
    "cause": "withdrawal",
    "grant_id": CONSENT,
    "referral_id": "",
    "outcome": "erased",
    "outcomes": [_ERASED],
    "leaf": "0" * 64,
    "received_at": MORNING,
}
_ASKED: dict[str, Any] = {
    "id": REFERRAL,
    "consent_id": CONSENT,
    "case_id": CASE,
    "node": NODE,
    "by": "person",
    "scopes": [],
    "purposes": [],
    "asked_at": MORNING,
    "deadline_at": MORNING,
    "outcome": "erased",
    "answered_at": MORNING,
    "overdue_at": None,
    "statements": [_STATED],
}


class NewWithdrawal(Body, json_schema_extra=example(scopes=[], purposes=[], recipients=[], by="person")):
    """What of a consent is withdrawn. What is left empty stands for all of it; no reason is asked."""

    scopes: tuple[ScopeCode, ...] = ()
    purposes: tuple[PurposeCode, ...] = ()
    recipients: tuple[NodeId, ...] = ()
    by: Literal["person", "other"] = "person"


class StatedOutcome(Body, json_schema_extra=example(**_ERASED)):
    """What became of one scope, as its holder states it."""

    scope: str
    outcome: str
    access_ended: AwareDatetime
    keys_destroyed: AwareDatetime | None = None
    backups_expire: AwareDatetime | None = None
    ground: str = ""
    until: AwareDatetime | None = None
    code: str = ""


class Statement(Body, json_schema_extra=example(**_STATED)):
    """A recipient's own statement: it proves who said what and when, not that it is true."""

    message: str
    node: str
    cause: str
    grant_id: Id
    referral_id: str
    outcome: str
    outcomes: list[StatedOutcome]
    leaf: str
    received_at: AwareDatetime


class AskedWithdrawal(Body, json_schema_extra=example(**_ASKED)):
    """A withdrawal towards one recipient, with everything that it has stated since."""

    id: Id
    consent_id: str
    case_id: str
    node: str
    by: str
    scopes: list[str]
    purposes: list[str]
    asked_at: AwareDatetime
    deadline_at: AwareDatetime
    outcome: str
    answered_at: AwareDatetime | None
    overdue_at: AwareDatetime | None
    statements: list[Statement]


class WithdrawalList(Body, json_schema_extra=example(withdrawals=[_ASKED], statements=[_STATED])):
    """Whom the end of consent was told; and every statement, also about referrals never accepted."""

    withdrawals: list[AskedWithdrawal]
    statements: list[Statement]
