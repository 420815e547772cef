"""Passing on and who holds what, as other systems ask for and read them."""

from typing import Any, Literal

from pydantic import AwareDatetime

from iars_node.api.bodies.base import (
    CASE,
    CONSENT,
    GRANT,
    MORNING,
    NODE,
    REFERRAL,
    Body,
    Id,
    NodeId,
    OrganisationType,
    PurposeCode,
    ScopeCode,
    example,
)

_CELL: dict[str, Any] = {
    "scope": "medical",
    "state": "erased",
    "since": MORNING,
    "stated_at": MORNING,
    "backups_expire": MORNING,
    "kept_until": None,
    "ground": "",
}
_ROW: dict[str, Any] = {
    "node": NODE,
    "via": "",
    "consent_id": CONSENT,
    "grant_id": GRANT,
    "onward_id": "",
    "since": MORNING,
    "until": MORNING,
    "state": "erased",
    "untold_to": "",
    "scopes": [_CELL],
}
_PERMISSION: dict[str, Any] = {
    "id": REFERRAL,
    "way": "out",
    "node": NODE,
    "case_id": CASE,
    "consent_id": CONSENT,
    "grant_id": GRANT,
    "scopes": ["services"],
    "purposes": ["assistance"],
    "kinds": ["NGO"],
    "named_recipients": 1,
    "expires": MORNING,
    "recorded_at": MORNING,
    "ended_at": None,
}


class MatrixCell(Body, json_schema_extra=example(**_CELL)):
    """One scope at one recipient: since when, and what this node knows of it."""

    scope: str
    state: str
    since: AwareDatetime | None
    stated_at: AwareDatetime | None
    backups_expire: AwareDatetime | None
    kept_until: AwareDatetime | None
    ground: str


class MatrixRow(Body, json_schema_extra=example(**_ROW)):
    """One recipient under one consent. An empty `node`: passed on by `via`, not visible here.

    `untold_to` is an origin that could not be told yet what the recipient has stated, or empty.
    """

    node: str
    via: str
    consent_id: str
    grant_id: str
    onward_id: str
    since: AwareDatetime
    until: AwareDatetime
    state: str
    untold_to: str = ""
    scopes: list[MatrixCell]


class SharingMatrix(Body, json_schema_extra=example(recipients=[_ROW])):
    """Who holds what of a case."""

    recipients: list[MatrixRow]


class NewOnwardPermission(
    Body, json_schema_extra=example(holder=NODE, scopes=["services"], purposes=[], recipients=[], kinds=[])
):
    """Who may pass a person on. What is left empty reaches as far as the person agreed."""

    holder: NodeId
    scopes: tuple[ScopeCode, ...] = ()
    purposes: tuple[PurposeCode, ...] = ()
    recipients: tuple[NodeId, ...] = ()
    kinds: tuple[OrganisationType, ...] = ()


class OnwardPermission(Body, json_schema_extra=example(**_PERMISSION)):
    """A permission: `out` was given, `in` was received, `via` came with an offer. Recipients are hashes."""

    id: Id
    way: Literal["out", "in", "via"]
    node: str
    case_id: str
    consent_id: str
    grant_id: str
    scopes: list[str]
    purposes: list[str]
    kinds: list[str]
    named_recipients: int
    expires: AwareDatetime
    recorded_at: AwareDatetime
    ended_at: AwareDatetime | None


class OnwardPermissionList(Body, json_schema_extra=example(permissions=[_PERMISSION])):
    """The permissions about a case."""

    permissions: list[OnwardPermission]


class EndOnward(Body, json_schema_extra=example(by="person")):
    """Who ends a permission; no reason is asked."""

    by: Literal["person", "other"] = "person"


class EndedOnward(Body, json_schema_extra=example(withdrawal_id=REFERRAL, node=NODE, asked_at=MORNING)):
    """The withdrawal of a permission, on its way to the holder."""

    withdrawal_id: Id
    node: str
    asked_at: AwareDatetime
