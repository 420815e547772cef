"""What becomes of consents: asked, answered, renewed, narrowed, found not to count, exported, printed."""

from typing import Any
from zoneinfo import ZoneInfo

from fastapi import Response

from iars_node.api.bodies.consents import (
    ConsentAnswer,
    ConsentDocument,
    ConsentInvalidation,
    ExceptionList,
    ForeseenRecipient,
    NarrowingPreview,
    NewConsent,
    RecordedConsent,
    RecordedException,
    RecordSchema,
)
from iars_node.api.callers import CallerParam
from iars_node.api.operations import Topic
from iars_node.api.routes.consents import just_recorded, read_terms, recorded, scopes_of, with_outlived
from iars_node.api.routes.parameters import CaseId, ConsentId
from iars_node.audit import record
from iars_node.cases.service import case_head
from iars_node.consent import changing, export, service
from iars_node.consent.exception import KeptException
from iars_node.consent.exceptions import exceptions_of_case
from iars_node.consent.paper import print_receipt
from iars_node.consent.receipting import make_receipt, unnamed
from iars_node.consent.texts import SOURCE
from iars_node.errors import InvalidError
from iars_node.withdrawals.service import foresee_narrowing
from iars_node.work import Work
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
        return with_outlived(work, recorded(work, just_recorded(work, made)))


@consent_life.ask("/consents/{consent_id}/narrowing/preview", "consent.withdraw")
def preview_narrowing(consent_id: ConsentId, body: NewConsent, caller: CallerParam) -> NarrowingPreview:
    """Show what a narrowing would take back, and from whom; nothing is written.

    A part of the record goes whole where a detail of it was sent that is taken out.
    """
    with caller.work() as work:
        found = foresee_narrowing(work, consent_id, read_terms(body))
        return NarrowingPreview(
            recipients=[
                ForeseenRecipient(
                    node=each.peer.hex(),
                    is_whole=each.is_whole,
                    scopes=each.scopes,
                    purposes=each.purposes,
                    for_details=each.for_details,
                    told_back=each.told_back,
                    is_to_be_called=each.is_to_be_called,
                )
                for each in found
            ]
        )


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


@consent_life.read("/cases/{case_id}/exceptions", "consent.read")
def list_exceptions(case_id: CaseId, caller: CallerParam) -> ExceptionList:
    """List a case's disclosures without consent, the newest first."""
    with caller.work() as work:
        case_head(work, case_id)
        record(work, "consent.read", case_id=case_id)
        found = exceptions_of_case(work, case_id)
        return ExceptionList(exceptions=[_excepted(work, kept) for kept in found])


def _excepted(work: Work, kept: KeptException) -> RecordedException:
    return RecordedException(
        id=kept.id,
        case_id=kept.case_id,
        kind=kept.kind,
        state=kept.state_at(work.now),
        is_emergency=kept.is_emergency,
        recipient=kept.terms.recipients[0].node,
        purposes=kept.terms.purposes,
        scopes=scopes_of(kept.terms),
        author=kept.author,
        decided_by=kept.decided_by,
        recorded_at=kept.recorded_at,
        decide_by=kept.decide_by,
        decided_at=kept.decided_at,
        review_at=kept.review_at,
        expires=kept.terms.expires,
        told_at=kept.told_at,
    )


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
