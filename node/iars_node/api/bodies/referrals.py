"""Referrals as other systems send, answer and read them."""

from typing import Annotated, Any

from pydantic import AwareDatetime, Field, JsonValue

from iars_node.api.bodies.base import (
    ATTACHMENT,
    CASE,
    CONSENT,
    EVENING,
    GRANT,
    MORNING,
    NODE,
    PERSON,
    REFERRAL,
    AppointmentOutcome,
    Body,
    CancelReason,
    FailReason,
    HoldReason,
    Id,
    NodeId,
    PriorityCode,
    RejectReason,
    Remark,
    ScopeCode,
    ServiceCode,
    Text,
    example,
)

_OFFERING: dict[str, Any] = {
    "peer": NODE,
    "case_id": CASE,
    "consent_id": CONSENT,
    "service": "MED-SCREEN",
    "priority": "urgent",
    "kind": "service",
    "together": [],
    "texts": [{"scope": "medical", "text": "She takes an inhaler twice a day."}],
    "attachments": [ATTACHMENT],
    "onward": "",
    "names_recipient": True,
}
_REFERRAL: dict[str, Any] = {
    "id": REFERRAL,
    "reference": "R-4F7Q2K9M",
    "direction": "out",
    "peer": NODE,
    "case_id": CASE,
    "consent_id": CONSENT,
    "grant_id": GRANT,
    "kind": "service",
    "service": "MED-SCREEN",
    "priority": "urgent",
    "state": "requested",
    "respond_by": "2026-03-05T09:00:00Z",
    "created_at": MORNING,
    "updated_at": MORNING,
    "answered_at": None,
    "closed_at": None,
    "reason": "",
    "problem": "",
    "is_disclosed": False,
    "is_overdue": False,
    "together": [],
    "basis": {"kind": "consent", "approval": "", "author": "", "approver": ""},
}


class DeclaredText(Body, json_schema_extra=example(scope="medical", text="She takes an inhaler.")):
    """A sentence, and the scope that it touches."""

    scope: ScopeCode
    text: Text = Field(repr=False)


class NewReferral(Body, json_schema_extra=example(**_OFFERING)):
    """A person to be referred. What leaves is cut to the consent, never more."""

    peer: NodeId
    case_id: Id
    consent_id: Id
    service: ServiceCode
    priority: PriorityCode
    kind: Annotated[str, Field(pattern="^(service|handover)$")] = "service"
    together: tuple[Id, ...] = ()
    texts: tuple[DeclaredText, ...] = ()
    attachments: tuple[Id, ...] = ()
    onward: Annotated[str, Field(pattern="^([0-9a-f]{32})?$")] = ""
    names_recipient: bool = True


class PreviewQuestion(Body, json_schema_extra=example(offering=_OFFERING, scopes=["services"])):
    """A referral to be shown before it is sent; values are shown of the scopes asked for."""

    offering: NewReferral
    scopes: tuple[ScopeCode, ...] = ()


class PreviewLine(
    Body, json_schema_extra=example(scope="medical", name="conditions", value=["asthma"], reason="")
):
    """One field: its value where it was asked for, and for what stays, the reason."""

    scope: str
    name: str
    value: JsonValue = Field(repr=False)
    reason: str


_LINE = {"scope": "medical", "name": "conditions", "value": None, "reason": ""}


class HandoverRules(
    Body, json_schema_extra=example(they=["They keep what is handed over."], you=["You refer no more."])
):
    """What each side of a handover keeps and may not keep, in sentences to be shown before it is offered."""

    they: list[str]
    you: list[str]


class PreviewAnswer(
    Body,
    json_schema_extra=example(
        at_offer=[{"scope": "services", "name": "needs", "value": None, "reason": ""}],
        on_acceptance=[_LINE],
        never=[{"scope": "safety", "name": "risk", "value": None, "reason": "not-agreed"}],
        origin="",
        handover=None,
    ),
):
    """What would leave with the offer, what on acceptance, and what never.

    `origin` is the node that the recipient of an onward referral learns to be the person's first. `handover`
    comes with a handover alone: it has to be shown before it is offered.
    """

    at_offer: list[PreviewLine]
    on_acceptance: list[PreviewLine]
    never: list[PreviewLine]
    origin: str = ""
    handover: HandoverRules | None = None


class ReferralBasis(
    Body, json_schema_extra=example(kind="vital-interest", approval="pending", author=PERSON, approver="")
):
    """On what a referral rests: the person's consent, or an exception with its people and its approval."""

    kind: str
    approval: str
    author: str
    approver: str


class ReferralHead(Body, json_schema_extra=example(**_REFERRAL)):
    """A referral's head: codes, times and ids."""

    id: Id
    reference: str
    direction: str
    peer: NodeId
    case_id: str
    consent_id: str
    grant_id: str
    kind: str
    service: ServiceCode
    priority: PriorityCode
    state: str
    respond_by: AwareDatetime
    created_at: AwareDatetime
    updated_at: AwareDatetime
    answered_at: AwareDatetime | None
    closed_at: AwareDatetime | None
    reason: str
    problem: str
    basis: ReferralBasis
    is_disclosed: bool
    is_overdue: bool
    together: list[str]


class ReferralPage(Body, json_schema_extra=example(referrals=[_REFERRAL], cursor="")):
    """A page of referrals, the newest change first, and the cursor of the next, empty on the last."""

    referrals: list[ReferralHead]
    cursor: str


class SharedAttachment(
    Body, json_schema_extra=example(id=ATTACHMENT, name="scan.pdf", media_type="application/pdf", size=48211)
):
    """An attachment that a scope names."""

    id: Id
    name: str = Field(repr=False)
    media_type: str
    size: int


_SHARED: dict[str, Any] = {
    "fields": {"conditions": ["asthma"]},
    "texts": ["She takes an inhaler twice a day."],
    "attachments": [{"id": ATTACHMENT, "name": "scan.pdf", "media_type": "application/pdf", "size": 48211}],
}


class SharedScope(Body, json_schema_extra=example(**_SHARED)):
    """What one scope shows: fields, sentences, attachments."""

    fields: dict[str, JsonValue] = Field(repr=False)
    texts: list[str] = Field(repr=False)
    attachments: list[SharedAttachment]


class ReferralContent(Body, json_schema_extra=example(referral=_REFERRAL, received={"medical": _SHARED})):
    """A referral with what the other side has shown, in the scopes that were asked for."""

    referral: ReferralHead
    received: dict[str, SharedScope]


_PROOF = {
    "message": "a1" * 32,
    "author": NODE,
    "previous": "",
    "seen": "",
    "number": 1,
    "created_at": MORNING,
    "recorded_at": MORNING,
    "header": "pwFYIA==",
    "signature": "bTq0Xw==",
    "outcome": "applied",
    "receipt": "g1hA",
}


class ProofAnswer(Body, json_schema_extra=example(**_PROOF)):
    """One message as evidence, in base64: its exact header and signature, and the other side's receipt."""

    message: str
    author: NodeId
    previous: str
    seen: str
    number: int
    created_at: AwareDatetime
    recorded_at: AwareDatetime
    header: str
    signature: str
    outcome: str | None
    receipt: str | None


_ENTRY: dict[str, Any] = {
    "at": EVENING,
    "type": "referral.accept/1",
    "side": "receiver",
    "actor": PERSON,
    "state_after": "accepted",
    "reason": "",
    "is_refused": False,
    "is_erased": False,
    "remark": None,
    "scopes": {},
    "proof": _PROOF,
}


class TimelineEntry(Body, json_schema_extra=example(**_ENTRY)):
    """One step, what was said in it where that was asked for, and its proof."""

    at: AwareDatetime
    type: str
    side: str
    actor: str
    state_after: str
    reason: str
    is_refused: bool
    is_erased: bool
    remark: str | None = Field(repr=False)
    scopes: dict[str, SharedScope]
    proof: ProofAnswer | None


class Timeline(Body, json_schema_extra=example(referral=_REFERRAL, entries=[_ENTRY], faults=[])):
    """A referral's whole history. `faults` is empty when every signature, chain and receipt verifies."""

    referral: ReferralHead
    entries: list[TimelineEntry]
    faults: list[str]


class Acceptance(Body, json_schema_extra=example(case_id=None, remark="We expect her on Monday.")):
    """An acceptance; without a case, one is opened or the one of an earlier referral goes on."""

    case_id: Id | None = None
    remark: Remark = Field(default="", repr=False)


class Rejection(Body, json_schema_extra=example(reason="no-capacity", remark="")):
    """A rejection and its reason."""

    reason: RejectReason
    remark: Remark = Field(default="", repr=False)


class Feedback(
    Body,
    json_schema_extra=example(remark="", texts=[{"scope": "services", "text": "The screening has begun."}]),
):
    """What the sender is told, in the scopes that the person agreed to."""

    remark: Remark = Field(default="", repr=False)
    texts: tuple[DeclaredText, ...] = ()


class Pause(Feedback, json_schema_extra=example(reason="person-asked", remark="", texts=[])):
    """A pause and its reason."""

    reason: HoldReason


class Failure(Feedback, json_schema_extra=example(reason="person-left", remark="", texts=[])):
    """Why the service could not be given."""

    reason: FailReason


class Cancellation(Body, json_schema_extra=example(reason="no-longer-needed", remark="")):
    """An early end and its reason."""

    reason: CancelReason
    remark: Remark = Field(default="", repr=False)


class Mistake(Body, json_schema_extra=example(remark="Wrong person.")):
    """A referral that was a mistake."""

    remark: Remark = Field(default="", repr=False)


class AppointmentNews(
    Body,
    json_schema_extra=example(outcome="scheduled", at="2026-03-06T10:00:00Z", remark="", texts=[]),
):
    """An appointment: scheduled, attended, missed or cancelled."""

    outcome: AppointmentOutcome
    at: AwareDatetime
    remark: Remark = Field(default="", repr=False)
    texts: tuple[DeclaredText, ...] = ()


class NewNote(Body, json_schema_extra=example(texts=[{"scope": "services", "text": "Is a bed still free?"}])):
    """Sentences for the other side, each under the scope that it touches."""

    texts: list[DeclaredText] = Field(min_length=1)


class Amendment(Body, json_schema_extra=example(scopes=["medical"])):
    """Which scopes are sent again as they are now; all that were agreed to when none is named."""

    scopes: tuple[ScopeCode, ...] = ()
