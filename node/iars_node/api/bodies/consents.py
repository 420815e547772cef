"""Consents as other systems record and read them."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, JsonValue

from iars_node.api.bodies.base import (
    ATTACHMENT,
    CASE,
    CONSENT,
    MORNING,
    NODE,
    PERSON,
    REFERRAL,
    Assent,
    Body,
    FromWhom,
    HowObtained,
    Id,
    InvalidationReason,
    NodeId,
    OrganisationType,
    PurposeCode,
    ScopeCode,
    WithdrawalWay,
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
    "evidence": [ATTACHMENT],
    "with_witness": False,
    "is_child": False,
    "assent": "",
    "withdrawal_ways": ["in-person", "phone"],
    "reasons": "",
    "interpreter": "",
    "witness": "",
    "guardian": "",
    "best_interests": "",
    "paper": "",
}
_NOTICE: dict[str, Any] = {"id": "sharing", "version": 1, "language": "en", "hash": "0" * 64}


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
    evidence: tuple[Id, ...] = ()
    with_witness: bool = False
    is_child: bool = False
    assent: Assent = ""
    withdrawal_ways: tuple[WithdrawalWay, ...] = ("in-person",)
    reasons: str = Field(default="", max_length=20_000, repr=False)
    interpreter: str = Field(default="", max_length=500, repr=False)
    witness: str = Field(default="", max_length=500, repr=False)
    guardian: str = Field(default="", max_length=500, repr=False)
    best_interests: str = Field(default="", max_length=20_000, repr=False)
    paper: str = Field(default="", max_length=500, repr=False)


class ReadNotice(Body, json_schema_extra=example(**_NOTICE)):
    """The text that was read out: its version, and the SHA-256 of its words."""

    id: str
    version: int
    language: str
    hash: str


_OUTLIVED: dict[str, Any] = {
    "referral_id": REFERRAL,
    "reference": "R-4F7Q8Z2M",
    "node": NODE,
    "ends_at": MORNING,
}


class OutlivedReferral(Body, json_schema_extra=example(**_OUTLIVED)):
    """An open referral that ends before its consent: a renewal does not prolong it. Refer once more."""

    referral_id: Id
    reference: str
    node: str
    ends_at: AwareDatetime


_RECORDED = {
    "id": CONSENT,
    "case_id": CASE,
    "state": "given",
    "version": 1,
    "replaces": "",
    "given_at": MORNING,
    "ended_at": None,
    "notice": _NOTICE,
    "recorded_by": PERSON,
    "terms": _TERMS,
    "outlived": [],
}


class RecordedConsent(Body, json_schema_extra=example(**_RECORDED)):
    """A consent as it stands now. What people said and are called is shown only where it was asked for.

    The state of a version that a newer one took the place of is `replaced`. `outlived` are open referrals
    under any version that end before the newest one does.
    """

    id: Id
    case_id: Id
    state: str
    version: int
    replaces: Id | Literal[""]
    given_at: AwareDatetime
    ended_at: AwareDatetime | None
    notice: ReadNotice | None
    recorded_by: str
    terms: NewConsent
    outlived: list[OutlivedReferral] = Field(default_factory=list)


_FORESEEN: dict[str, Any] = {
    "node": NODE,
    "is_whole": False,
    "scopes": ["medical"],
    "purposes": [],
    "for_details": ["medical"],
    "told_back": [],
    "is_to_be_called": False,
}


class ForeseenRecipient(Body, json_schema_extra=example(**_FORESEEN)):
    """What a narrowing would do at one recipient under one grant.

    `for_details` are scopes that are taken back whole although only a detail of them is taken out, because it
    was sent; the rest can go with a new referral. Of `told_back`, what they told is closed here; their node
    can't be told so where `is_to_be_called`.
    """

    node: NodeId
    is_whole: bool
    scopes: tuple[str, ...]
    purposes: tuple[str, ...]
    for_details: tuple[str, ...]
    told_back: tuple[str, ...]
    is_to_be_called: bool


class NarrowingPreview(Body, json_schema_extra=example(recipients=[_FORESEEN])):
    """Whom a narrowing would take something back from."""

    recipients: list[ForeseenRecipient]


class ConsentList(Body, json_schema_extra=example(consents=[_RECORDED])):
    """A case's consents, the newest first."""

    consents: list[RecordedConsent]


class ConsentAnswer(Body, json_schema_extra=example(answer="given", terms=_TERMS)):
    """What the person answered to what they were asked; when they agreed, to what."""

    answer: Literal["given", "refused"]
    terms: NewConsent | None = None


class ConsentInvalidation(Body, json_schema_extra=example(reason="not-understood")):
    """Why a consent does not count, as the organisation found."""

    reason: InvalidationReason


_DOCUMENT: dict[str, Any] = {
    "schema_version": "iars-consent-record/1",
    "record_id": CONSENT,
    "record_version": 1,
    "replaces": "",
    "pii_principal_id": CASE,
    "status": "given",
    "ended_at": None,
    "pii_processing": {"language": "ro", "collection_method": "verbal"},
    "obtained": {"how": "verbal", "from": "person"},
    "party_identification": [{"party_id": NODE, "party_role": "controller"}],
    "events": [{"event_time": MORNING, "event_type": "give", "event_state": "given", "entity": "person"}],
}


class ConsentDocument(Body, json_schema_extra=example(**_DOCUMENT)):
    """A consent's record after ISO/IEC TS 27560; its whole form is a JSON Schema of its own."""

    schema_version: str
    record_id: Id
    record_version: int
    replaces: str
    pii_principal_id: Id
    status: str
    ended_at: str | None
    pii_processing: dict[str, JsonValue]
    obtained: dict[str, JsonValue]
    party_identification: list[dict[str, JsonValue]]
    events: list[dict[str, JsonValue]]
    words: dict[str, str] = Field(default_factory=dict)


class RecordSchema(Body, json_schema_extra=example(json_schema={"title": "Consent record"})):
    """The JSON Schema of consent records."""

    json_schema: dict[str, JsonValue]


_EXCEPTION: dict[str, Any] = {
    "id": CONSENT,
    "case_id": CASE,
    "kind": "vital-interest",
    "state": "approved",
    "is_emergency": True,
    "recipient": NODE,
    "purposes": ["assistance"],
    "scopes": [_TERMS["scopes"][0]],
    "author": PERSON,
    "decided_by": PERSON,
    "recorded_at": MORNING,
    "decide_by": "2026-03-03T09:00:00Z",
    "decided_at": MORNING,
    "review_at": "2026-03-04T09:00:00Z",
    "expires": "2026-03-09T09:00:00Z",
    "told_at": None,
}


class RecordedException(Body, json_schema_extra=example(**_EXCEPTION)):
    """A disclosure without consent, by its codes; its reason is for people. Only people write one down."""

    id: Id
    case_id: Id
    kind: str
    state: str
    is_emergency: bool
    recipient: NodeId
    purposes: tuple[PurposeCode, ...]
    scopes: tuple[ConsentScope, ...]
    author: str
    decided_by: str
    recorded_at: AwareDatetime
    decide_by: AwareDatetime
    decided_at: AwareDatetime | None
    review_at: AwareDatetime
    expires: AwareDatetime
    told_at: AwareDatetime | None


class ExceptionList(Body, json_schema_extra=example(exceptions=[_EXCEPTION])):
    """A case's disclosures without consent, the newest first."""

    exceptions: list[RecordedException]
