"""Consents as other systems record and read them."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from iars_node.api.bodies.base import (
    CASE,
    CONSENT,
    MORNING,
    NODE,
    PERSON,
    Body,
    FromWhom,
    HowObtained,
    Id,
    NodeId,
    OrganisationType,
    PurposeCode,
    ScopeCode,
    example,
)

_TERMS: dict[str, Any] = {
    "purposes": ["assistance"],
    "scopes": [
        {"code": "services", "step": "offer", "at_offer": None, "only": [], "withheld": []},
        {"code": "medical", "step": "acceptance", "at_offer": None, "only": [], "withheld": ["pregnancy"]},
    ],
    "recipients": [{"node": NODE, "organisation_type": ""}],
    "expires": "2026-09-01T00:00:00Z",
    "not_before": None,
    "notice_language": "ro",
    "how_obtained": "verbal",
    "from_whom": "person",
    "feedback": ["services"],
    "withheld": [],
    "retention_days": 365,
    "jurisdiction": "AL",
    "with_interpreter": True,
    "is_onward_allowed": False,
    "reasons": "",
}


class ConsentScope(
    Body,
    json_schema_extra=example(
        code="medical", step="acceptance", at_offer=None, only=[], withheld=["pregnancy"]
    ),
):
    """A scope that may be shared: with the offer or on acceptance, whole, or some fields only.

    Without `step` and `at_offer` the vocabulary's own are taken.
    """

    code: ScopeCode
    step: Literal["offer", "acceptance"] | None = None
    at_offer: tuple[str, ...] | None = None
    only: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()


class ConsentRecipient(Body, json_schema_extra=example(node=NODE, organisation_type="")):
    """One organisation by its node's id, or every organisation of a type."""

    node: NodeId | Literal[""] = ""
    organisation_type: OrganisationType = ""


class ConsentWithheld(Body, json_schema_extra=example(scope="medical", fields=["pregnancy"], node=NODE)):
    """What the person keeps from one recipient, or from all."""

    scope: ScopeCode
    fields: tuple[str, ...] = ()
    node: NodeId | Literal[""] = ""


class NewConsent(Body, json_schema_extra=example(**_TERMS)):
    """What a person agreed to, and how it was obtained."""

    purposes: tuple[PurposeCode, ...]
    scopes: tuple[ConsentScope, ...]
    recipients: tuple[ConsentRecipient, ...]
    expires: AwareDatetime
    not_before: AwareDatetime | None = None
    notice_language: Annotated[str, Field(max_length=35)]
    how_obtained: HowObtained
    from_whom: FromWhom = "person"
    feedback: tuple[ScopeCode, ...] = ()
    withheld: tuple[ConsentWithheld, ...] = ()
    retention_days: int = Field(default=365, ge=1, le=36_500)
    jurisdiction: str = Field(default="", max_length=64)
    with_interpreter: bool = False
    is_onward_allowed: bool = False
    reasons: str = Field(default="", max_length=20_000, repr=False)


_RECORDED = {
    "id": CONSENT,
    "case_id": CASE,
    "state": "given",
    "version": 1,
    "given_at": MORNING,
    "recorded_by": PERSON,
    "terms": _TERMS,
}


class RecordedConsent(Body, json_schema_extra=example(**_RECORDED)):
    """A consent as it stands now. The person's own reasons are shown only where they were asked for."""

    id: Id
    case_id: Id
    state: str
    version: int
    given_at: AwareDatetime
    recorded_by: str
    terms: NewConsent


class ConsentList(Body, json_schema_extra=example(consents=[_RECORDED])):
    """A case's consents, the newest first."""

    consents: list[RecordedConsent]
