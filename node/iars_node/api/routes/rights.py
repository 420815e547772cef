"""The person's rights: access report and correction; the record of processing, retention and holds."""

from dataclasses import asdict
from typing import Any

from pydantic import AwareDatetime

from iars_node.api.bodies.rights import (
    AccessReportContent,
    CaseAccess,
    CorrectionContent,
    CorrectionList,
    Disclosed,
    DisclosureLog,
    ErasedHere,
    HeldContent,
    LegalHold,
    LoggedDisclosure,
    NewCorrection,
    ProcessingRecord,
    RetentionDue,
    RetentionRule,
    RetentionState,
    StatedElsewhere,
    ToldRecipient,
)
from iars_node.api.callers import CallerParam
from iars_node.api.operations import Topic
from iars_node.api.routes.parameters import CaseId
from iars_node.cases.model import Document
from iars_node.cases.service import case_head
from iars_node.holds.service import standing_holds
from iars_node.retention import service as retention
from iars_node.rights import exporting, service
from iars_node.rights.model import CaseReport, Disclosure
from iars_node.rights.service.correcting import Corrected

rights = Topic("The person's rights")
processing = Topic("Record of processing")


@rights.read("/cases/{case_id}/access-report", "person.report", errors=(429,))
def read_access_report(
    case_id: CaseId, caller: CallerParam, *, whole_person: bool = True
) -> AccessReportContent:
    """Gather everything that is held about a person, of all their cases or of one. It is recorded."""
    with caller.work() as work:
        found = service.gather_report(work, case_id, whole_person=whole_person)
        return AccessReportContent(
            person_id=found.person_id,
            made_at=found.made_at,
            language=found.language,
            cases=[_of_case(each) for each in found.cases],
        )


@rights.change("POST", "/cases/{case_id}/corrections", "person.correct", status=201)
def correct_fields(case_id: CaseId, body: NewCorrection, caller: CallerParam) -> CorrectionContent:
    """Put fields right, here and at every organisation that holds them under a standing agreement."""
    with caller.work() as work:
        case_head(work, case_id)
        made_id = caller.once(
            work, body, lambda: service.correct(work, case_id, _values(body.fields)).correction.id
        )
        found = service.corrections_of_case(work, case_id)
        return next(_corrected(each) for each in found if each.correction.id == made_id)


@rights.read("/cases/{case_id}/corrections", "case.read")
def list_corrections(case_id: CaseId, caller: CallerParam) -> CorrectionList:
    """List a case's corrections, and who has to be told by other means."""
    with caller.work() as work:
        found = service.corrections_of_case(work, case_id)
        return CorrectionList(corrections=[_corrected(each) for each in found])


@processing.read("/processing", "processing.read")
def read_processing(caller: CallerParam) -> ProcessingRecord:
    """Generate the record of processing as it stands now."""
    with caller.work() as work:
        return ProcessingRecord(**exporting.processing_as_plain(work))


@processing.read("/disclosures", "processing.read")
def read_disclosures(
    caller: CallerParam, *, since: AwareDatetime | None = None, until: AwareDatetime | None = None
) -> DisclosureLog:
    """Read who learned which scopes, when, and under which consent or exception."""
    with caller.work() as work:
        found = exporting.disclosures_as_plain(work, since, until)
        return DisclosureLog(disclosures=[LoggedDisclosure(**entry) for entry in found])


@processing.read("/retention", "retention.read")
def read_retention(caller: CallerParam) -> RetentionState:
    """Read the rules of retention, what they give up now, and the holds; nothing is erased by this."""
    with caller.work() as work:
        return RetentionState(
            rules=[RetentionRule(**asdict(rule)) for rule in retention.list_rules(work)],
            due=[RetentionDue(**asdict(each)) for each in retention.preview(work)],
            holds=[
                LegalHold(
                    **{name: getattr(hold, name) for name in LegalHold.model_fields if name != "scopes"},
                    scopes=list(hold.scopes),
                )
                for hold in standing_holds(work)
            ],
        )


def _values(content: Any) -> Any:  # noqa: ANN401 - JSON becomes values when the use case has checked them
    return content


def _of_case(each: CaseReport) -> CaseAccess:
    return CaseAccess(
        case_id=each.case.id,
        reference=each.case.reference,
        held=[_held(each, document) for document in each.documents],
        unprinted=list(each.unprinted),
        disclosures=[_disclosed(one) for one in each.disclosures],
        erased=[ErasedHere(at=one.at, scopes=list(one.scopes)) for one in each.erasures],
        stated=[
            StatedElsewhere(
                at=report.received_at,
                node=report.peer.hex(),
                outcomes=[{"scope": one.scope, "outcome": one.outcome} for one in report.outcomes],
                still_held=sorted(each.still_held.get(report.grant_id, ())),
            )
            for report in each.statements
        ],
    )


def _held(each: CaseReport, document: Document) -> HeldContent:
    source = each.sources.get(document.source)
    return HeldContent(
        scope=document.scope,
        source=document.source,
        from_node=source.node if source else "",
        basis=document.basis,
        closed=document.closed,
        fields={name: _values(held.value) for name, held in document.fields.items()},
    )


def _disclosed(one: Disclosure) -> Disclosed:
    return Disclosed(
        at=one.at,
        action=one.action.removeprefix("referral."),
        node=one.node,
        referral_id=one.referral_id,
        service=one.service,
        purpose=one.purpose,
        scopes=list(one.scopes),
        basis=one.basis,
        consent_id=one.consent_id,
        grant_id=one.grant_id,
    )


def _corrected(each: Corrected) -> CorrectionContent:
    made = each.correction
    return CorrectionContent(
        id=made.id,
        case_id=made.case_id,
        fields=list(made.fields),
        at=made.at,
        by=made.by,
        told=[
            ToldRecipient(
                **{name: getattr(one, name) for name in ToldRecipient.model_fields if name != "fields"},
                fields=list(one.fields),
            )
            for one in each.told
        ],
    )
