"""What a person has a right to, the record of processing, retention and holds, as other systems read them."""

from typing import Any

from pydantic import AwareDatetime, Field, JsonValue

from iars_node.api.bodies.base import (
    CASE,
    CONSENT,
    GRANT,
    MORNING,
    NODE,
    PERSON,
    REFERRAL,
    Body,
    Fields,
    Id,
    ScopeCode,
    example,
)

_HELD: dict[str, Any] = {
    "scope": "identity",
    "source": "own",
    "from_node": "",
    "basis": "collected",
    "closed": "",
    "fields": {"given_name": "Ana"},
}
_DISCLOSED: dict[str, Any] = {
    "at": MORNING,
    "action": "disclosed",
    "node": NODE,
    "referral_id": REFERRAL,
    "service": "MED-SCREEN",
    "purpose": "assistance",
    "scopes": ["medical", "services"],
    "basis": "consent",
    "consent_id": CONSENT,
    "grant_id": GRANT,
}
_ERASED: dict[str, Any] = {"at": MORNING, "scopes": ["medical"]}
_STATED: dict[str, Any] = {
    "at": MORNING,
    "node": NODE,
    "outcomes": [{"scope": "medical", "outcome": "erased"}],
    "still_held": ["medical"],
}
_OF_CASE: dict[str, Any] = {
    "case_id": CASE,
    "reference": "K-4F7Q",
    "held": [_HELD],
    "unprinted": ["exploitation"],
    "disclosures": [_DISCLOSED],
    "erased": [_ERASED],
    "stated": [_STATED],
}
_TOLD: dict[str, Any] = {
    "id": REFERRAL,
    "node": NODE,
    "fields": ["identity.birth_date"],
    "outcome": "to-tell",
    "reason": "referral-closed",
    "at": MORNING,
    "done_at": None,
}
_CORRECTED: dict[str, Any] = {
    "id": CASE,
    "case_id": CASE,
    "fields": ["identity.birth_date"],
    "at": MORNING,
    "by": PERSON,
    "told": [_TOLD],
}
_LOGGED: dict[str, Any] = {
    "at": MORNING,
    "action": "disclosed",
    "case": "K-4F7Q",
    "referral_id": REFERRAL,
    "organisation": "Mission",
    "country": "AL",
    "node": NODE,
    "service": "MED-SCREEN",
    "purpose": "assistance",
    "scopes": ["medical"],
    "basis": "consent",
    "consent": "0D3E-5C7A-91B2",
    "grant_id": GRANT,
    "actor": PERSON,
}
_RULE: dict[str, Any] = {
    "scope": "medical",
    "closure_reason": "",
    "days": 1825,
    "set_at": MORNING,
    "set_by": PERSON,
}
_DUE: dict[str, Any] = {
    "case_id": CASE,
    "reference": "K-4F7Q",
    "scope": "medical",
    "closure_reason": "returned",
    "days": 1825,
    "closed_at": MORNING,
    "due_at": MORNING,
    "held_until": None,
}
_HOLD: dict[str, Any] = {
    "id": REFERRAL,
    "case_id": CASE,
    "scopes": [],
    "ground": "judicial-order",
    "set_by": PERSON,
    "set_at": MORNING,
    "ends_at": MORNING,
    "lifted_at": None,
}


class HeldContent(Body, json_schema_extra=example(**_HELD)):
    """What one source holds of a scope; without fields where it is locked or erased."""

    scope: str
    source: str
    from_node: str
    basis: str
    closed: str
    fields: dict[str, JsonValue] = Field(repr=False)


class Disclosed(Body, json_schema_extra=example(**_DISCLOSED)):
    """Who learned which scopes, when, and under what."""

    at: AwareDatetime
    action: str
    node: str
    referral_id: str
    service: str
    purpose: str
    scopes: list[str]
    basis: str
    consent_id: str
    grant_id: str


class ErasedHere(Body, json_schema_extra=example(**_ERASED)):
    """What was erased here, and when."""

    at: AwareDatetime
    scopes: list[str]


class StatedElsewhere(Body, json_schema_extra=example(**_STATED)):
    """What another organisation states about what it had received.

    `still_held` are the scopes of the same consent that it holds still, by what this node knows.
    """

    at: AwareDatetime
    node: str
    outcomes: list[dict[str, str]]
    still_held: list[str]


class CaseAccess(Body, json_schema_extra=example(**_OF_CASE)):
    """One case in an access report. `unprinted` names what is held and not shown to this token."""

    case_id: Id
    reference: str
    held: list[HeldContent]
    unprinted: list[str]
    disclosures: list[Disclosed]
    erased: list[ErasedHere]
    stated: list[StatedElsewhere]


class AccessReportContent(
    Body,
    json_schema_extra=example(person_id=PERSON, made_at=MORNING, language="ru", cases=[_OF_CASE]),
):
    """Everything that a person may ask about: what is held, who learned it, what was erased."""

    person_id: Id
    made_at: AwareDatetime
    language: str
    cases: list[CaseAccess]


class NewCorrection(Body, json_schema_extra=example(fields={"identity": {"birth_date": "1999-06"}})):
    """What is put right, by scope and field; null takes an entry away."""

    fields: dict[ScopeCode, Fields] = Field(repr=False, min_length=1)


class ToldRecipient(Body, json_schema_extra=example(**_TOLD)):
    """What became of a correction at one recipient: `amended`, or `to-tell` with the reason."""

    id: Id
    node: str
    fields: list[str]
    outcome: str
    reason: str
    at: AwareDatetime
    done_at: AwareDatetime | None


class CorrectionContent(Body, json_schema_extra=example(**_CORRECTED)):
    """A correction with what became of it at each recipient. The values stand in the case."""

    id: Id
    case_id: Id
    fields: list[str]
    at: AwareDatetime
    by: str
    told: list[ToldRecipient]


class CorrectionList(Body, json_schema_extra=example(corrections=[_CORRECTED])):
    """A case's corrections, the newest first."""

    corrections: list[CorrectionContent]


class ProcessingRecord(
    Body,
    json_schema_extra=example(
        made_at=MORNING,
        controller={"node": NODE, "name": "Shelter", "country": "AL"},
        subjects="trafficked-and-exploited-persons",
        categories=[],
        activities=[],
        security=["roles-by-scope"],
    ),
):
    """The record of processing (GDPR art. 30), generated from what is recorded."""

    made_at: AwareDatetime
    controller: dict[str, JsonValue]
    subjects: str
    categories: list[dict[str, JsonValue]]
    activities: list[dict[str, JsonValue]]
    security: list[str]


class LoggedDisclosure(Body, json_schema_extra=example(**_LOGGED)):
    """One line of the log of disclosures: references and codes, no content."""

    at: AwareDatetime
    action: str
    case: str
    referral_id: str
    organisation: str
    country: str
    node: str
    service: str
    purpose: str
    scopes: list[str]
    basis: str
    consent: str
    grant_id: str
    actor: str


class DisclosureLog(Body, json_schema_extra=example(disclosures=[_LOGGED])):
    """The disclosures of a time, the oldest first."""

    disclosures: list[LoggedDisclosure]


class RetentionRule(Body, json_schema_extra=example(**_RULE)):
    """For how many days after closing a scope is kept; without a closure reason, for all others."""

    scope: str
    closure_reason: str
    days: int
    set_at: AwareDatetime
    set_by: str


class RetentionDue(Body, json_schema_extra=example(**_DUE)):
    """What a rule gives up now; a legal hold keeps it where `held_until` is said."""

    case_id: Id
    reference: str
    scope: str
    closure_reason: str
    days: int
    closed_at: AwareDatetime
    due_at: AwareDatetime
    held_until: AwareDatetime | None


class LegalHold(Body, json_schema_extra=example(**_HOLD)):
    """A hold that counts now; without scopes it covers the whole case."""

    id: Id
    case_id: Id
    scopes: list[str]
    ground: str
    set_by: str
    set_at: AwareDatetime
    ends_at: AwareDatetime
    lifted_at: AwareDatetime | None


class RetentionState(Body, json_schema_extra=example(rules=[_RULE], due=[_DUE], holds=[_HOLD])):
    """The rules of retention, what they give up now, and the holds that count."""

    rules: list[RetentionRule]
    due: list[RetentionDue]
    holds: list[LegalHold]
