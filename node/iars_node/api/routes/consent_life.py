"""What becomes of consents: asked, answered, renewed, narrowed, found not to count, exported, printed."""

from typing import Any
from zoneinfo import ZoneInfo

from fastapi import Response

from iars_node.api.bodies.consents import (
    ConsentAnswer,
    ConsentDocument,
    ConsentInvalidation,
    NewConsent,
    RecordedConsent,
    RecordSchema,
)
from iars_node.api.callers import CallerParam
from iars_node.api.operations import Topic
from iars_node.api.routes.consents import just_recorded, read_terms, recorded
from iars_node.api.routes.parameters import CaseId, ConsentId
from iars_node.consent import changing, export, service
from iars_node.consent.paper import print_receipt
from iars_node.consent.receipting import make_receipt, unnamed
from iars_node.consent.texts import SOURCE
from iars_node.errors import InvalidError
from iars_protocol.record import SCOPES

consent_life = Topic("Consents")

PDF = "application/pdf"
_PAPER: dict[str, Any] = {
    "responses": {
        "200": {
            "description": "The paper",
            "content": {
                PDF: {"schema": {"type": "string", "format": "binary"}, "example": "%PDF-1.3 …"},
            },
        }
    },
}


@consent_life.change("POST", "/cases/{case_id}/consents/requests", "consent.record", status=201)
def request_consent(case_id: CaseId, body: NewConsent, caller: CallerParam) -> RecordedConsent:
    """Record that a person has been asked and wants time to answer."""
    with caller.work() as work:
        terms = read_terms(body)
        made = caller.once(work, body, lambda: changing.request_consent(work, case_id, terms).id)
        return recorded(work, just_recorded(work, made))


@consent_life.change("POST", "/cases/{case_id}/consents/refusals", "consent.record", status=201)
def refuse_consent(case_id: CaseId, body: NewConsent, caller: CallerParam) -> RecordedConsent:
    """Record that a person was asked for this and said no."""
    with caller.work() as work:
        terms = read_terms(body)
        made = caller.once(work, body, lambda: changing.refuse_consent(work, case_id, terms).id)
        return recorded(work, just_recorded(work, made))


@consent_life.change("POST", "/consents/{consent_id}/answer", "consent.record")
def answer_request(consent_id: ConsentId, body: ConsentAnswer, caller: CallerParam) -> RecordedConsent:
    """Record what a person answered to what they were asked."""
    with caller.work() as work:

        def answer() -> str:
            if body.answer == "refused":
                return changing.refuse_requested(work, consent_id).id
            if body.terms is None:
                raise InvalidError(
                    "The consent is not complete; nothing was recorded.", {"terms": "accepted: the terms"}
                )
            return changing.give_requested(work, consent_id, read_terms(body.terms)).id

        return recorded(work, just_recorded(work, caller.once(work, body, answer)))


@consent_life.change("POST", "/consents/{consent_id}/renewal", "consent.record", status=201)
def renew_consent(consent_id: ConsentId, body: NewConsent, caller: CallerParam) -> RecordedConsent:
    """Record that a person agreed again: a newer version takes this one's place."""
    with caller.work() as work:
        terms = read_terms(body)
        made = caller.once(work, body, lambda: changing.renew_consent(work, consent_id, terms).id)
        return recorded(work, just_recorded(work, made))


@consent_life.change("POST", "/consents/{consent_id}/narrowing", "consent.withdraw", status=201)
def narrow_consent(consent_id: ConsentId, body: NewConsent, caller: CallerParam) -> RecordedConsent:
    """Record that a person takes something out; it counts at once."""
    with caller.work() as work:
        terms = read_terms(body)
        made = caller.once(work, body, lambda: changing.narrow_consent(work, consent_id, terms).id)
        return recorded(work, just_recorded(work, made))


@consent_life.change("POST", "/consents/{consent_id}/invalidation", "consent.withdraw")
def invalidate_consent(
    consent_id: ConsentId, body: ConsentInvalidation, caller: CallerParam
) -> RecordedConsent:
    """Record that a consent does not count, as the organisation found."""
    with caller.work() as work:
        made = caller.once(work, body, lambda: changing.invalidate_consent(work, consent_id, body.reason).id)
        return recorded(work, just_recorded(work, made))


@consent_life.read("/consents/{consent_id}/record", "consent.read")
def export_consent(consent_id: ConsentId, caller: CallerParam, *, words: bool = False) -> ConsentDocument:
    """Export a consent's record after ISO/IEC TS 27560."""
    with caller.work() as work:
        return ConsentDocument(**export.export_record(work, consent_id, with_words=words))


@consent_life.read("/consent-record-schema", "consent.read")
def read_record_schema(caller: CallerParam) -> RecordSchema:
    """Read the JSON Schema of exported records."""
    del caller
    return RecordSchema(json_schema=export.schema())


@consent_life.read("/consents/{consent_id}/receipt", "consent.read", extra=_PAPER)
def print_consent(consent_id: ConsentId, caller: CallerParam, *, discreet: bool = False) -> Response:
    """Print the paper that a person takes along, in full or naming nobody."""
    with caller.work() as work:
        given = service.get(work, consent_id)
        field = _label if given.terms.notice_language == SOURCE else unnamed
        zone = ZoneInfo(caller.node.settings.zone)
        paper = print_receipt(make_receipt(work, given, zone, discreet=discreet, field=field))
    return Response(paper, media_type=PDF)


def _label(scope: str, name: str) -> str:
    known = SCOPES[scope].fields.get(name)
    return known.label if known else ""
