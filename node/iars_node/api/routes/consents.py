"""Consents: list, record, read. What becomes of one later stands in `consent_life`."""

from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any

from fastapi import Response

from iars_node.api.bodies.consents import (
    ConsentList,
    ConsentRecipient,
    ConsentScope,
    ConsentWithheld,
    NewConsent,
    OutlivedReferral,
    ReadNotice,
    RecordedConsent,
)
from iars_node.api.callers import CallerParam
from iars_node.api.operations import Topic
from iars_node.api.routes.parameters import CaseId, ConsentId
from iars_node.audit import record
from iars_node.cases.service import case_head
from iars_node.consent import service, store
from iars_node.consent.model import WORDS, Consent, Recipient, Terms, Withheld
from iars_node.errors import InvalidError, NotFoundError
from iars_node.referrals.service import outlived_under
from iars_node.work import Work
from iars_protocol.consent import ScopeGrant
from iars_protocol.record import SCOPES

consents = Topic("Consents")

# What is told in the same words and types here as in a consent's terms.
_SAME = frozenset(NewConsent.model_fields) - {"scopes", "recipients", "withheld"}


@consents.read("/cases/{case_id}/consents", "consent.read")
def list_consents(case_id: CaseId, caller: CallerParam) -> ConsentList:
    """List a case's consents, the newest first."""
    with caller.work() as work:
        case_head(work, case_id)
        record(work, "consent.read", case_id=case_id)
        return ConsentList(consents=[recorded(work, given) for given in service.of_case(work, case_id)])


@consents.change("POST", "/cases/{case_id}/consents", "consent.record", status=201)
def record_consent(
    case_id: CaseId, body: NewConsent, caller: CallerParam, response: Response
) -> RecordedConsent:
    """Record that a person gave consent."""
    with caller.work() as work:
        terms = read_terms(body)
        consent_id = caller.once(work, body, lambda: service.give_consent(work, case_id, terms).id)
        response.headers["Location"] = f"/api/v1/consents/{consent_id}"
        return recorded(work, just_recorded(work, consent_id))


def just_recorded(work: Work, consent_id: str) -> Consent:
    """Return a consent to who has just recorded it."""
    # Who records a consent sees what was recorded, also without the action of reading others.
    found = store.find(work.connection, work.vault, consent_id)
    if found is None:
        raise NotFoundError("There is no consent of this id.")
    return found


@consents.read("/consents/{consent_id}", "consent.read")
def read_consent(consent_id: ConsentId, caller: CallerParam, *, reasons: bool = False) -> RecordedConsent:
    """Read a consent; what people said and are called only where it is asked for."""
    with caller.work() as work:
        found = service.get(work, consent_id)
        record(work, "consent.read", case_id=found.case_id, subject=found.id)
        return with_outlived(work, recorded(work, found, with_reasons=reasons))


def recorded(work: Work, given: Consent, *, with_reasons: bool = False) -> RecordedConsent:
    """Return a consent as it is told; what people said and are called only on demand."""
    unsaid: dict[str, Any] = {} if with_reasons else dict.fromkeys(WORDS, "")
    terms, notice = replace(given.terms, **unsaid), given.terms.notice
    return RecordedConsent(
        id=given.id,
        case_id=given.case_id,
        state="replaced" if given.is_replaced else given.state_at(work.now),
        version=given.version,
        replaces=given.replaces,
        given_at=given.given_at,
        ended_at=given.ended_at,
        notice=None if notice is None else ReadNotice(**asdict(notice)),
        recorded_by=given.recorded_by,
        terms=_body(terms),
    )


def with_outlived(work: Work, told: RecordedConsent) -> RecordedConsent:
    """Return a consent as it is told, with the open referrals that it can't prolong."""
    outlived = [
        OutlivedReferral(
            referral_id=each.referral.id,
            reference=each.referral.reference,
            node=each.referral.peer.hex(),
            ends_at=each.ends_at,
        )
        for each in outlived_under(work, told.id)
    ]
    return told.model_copy(update={"outlived": outlived})


def _body(terms: Terms) -> NewConsent:
    plain: dict[str, Any] = {name: getattr(terms, name) for name in _SAME}
    scopes = scopes_of(terms)
    named = (
        ConsentRecipient(node=item.node, organisation_type=item.organisation_type)
        for item in terms.recipients
    )
    withheld = (
        ConsentWithheld(scope=item.scope, fields=item.fields, node=item.node) for item in terms.withheld
    )
    converted: dict[str, Any] = {
        "scopes": scopes,
        "recipients": tuple(named),
        "withheld": tuple(withheld),
    }
    return NewConsent(**plain, **converted)


def scopes_of(terms: Terms) -> tuple[ConsentScope, ...]:
    """Return the scopes of terms as they are told."""
    return tuple(
        ConsentScope(
            code=scope.code,
            step=scope.step,
            at_offer=scope.at_offer,
            only=scope.only,
            withheld=scope.withheld,
        )
        for scope in terms.scopes
    )


def read_terms(body: NewConsent) -> Terms:
    """Return what a body says a person agreed to."""
    plain: dict[str, Any] = {name: getattr(body, name) for name in _SAME}
    converted: dict[str, Any] = {
        "scopes": tuple(_scopes(body.scopes)),
        "recipients": tuple(Recipient(item.node, item.organisation_type) for item in body.recipients),
        "withheld": tuple(Withheld(item.scope, item.fields, item.node) for item in body.withheld),
    }
    return Terms(**plain, **converted)


def _scopes(asked: Iterable[ConsentScope]) -> Iterable[ScopeGrant]:
    for scope in asked:
        if scope.code not in SCOPES:
            raise InvalidError("The consent is not complete; nothing was recorded.", {"scopes": "unknown"})
        usual = service.default_scope(scope.code)
        step = scope.step or usual.step
        at_offer = usual.at_offer if scope.at_offer is None else scope.at_offer
        yield ScopeGrant(
            scope.code,
            step,
            at_offer if step == "acceptance" else (),
            scope.only,
            scope.withheld,
        )
