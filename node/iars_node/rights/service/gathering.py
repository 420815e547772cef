"""The access report: everything that a person may ask about, gathered within what its maker may read."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node import audit
from iars_node.accounts.access import may, require
from iars_node.attachments.service import list_attachments
from iars_node.audit.model import AuditFilter
from iars_node.audit.reading import all_pages
from iars_node.cases import service as cases
from iars_node.cases.store import contents
from iars_node.consent import service as consents
from iars_node.consent import store as consent_store
from iars_node.consent.texts import languages
from iars_node.db import EPOCH
from iars_node.rights.model import AccessReport, CaseReport, Erasure, Source, Unfinished
from iars_node.rights.service.disclosures import disclosures_of_case
from iars_node.vault.identity import identity_of
from iars_node.withdrawals import store as withdrawal_store
from iars_node.withdrawals.service import still_held
from iars_protocol.vocabulary import SCOPES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iars_node.cases.model import Case
    from iars_node.consent.model import Consent
    from iars_node.work import Work


def gather_report(work: Work, case_id: str, *, whole_person: bool = True, language: str = "") -> AccessReport:
    """Gather what is told to a person: of all their cases, or of one. Its making is recorded.

    It holds no more content than its maker may read; that there is more is said. Without a language it is in
    the one in which the person was last read a notice, or else in one that they speak.
    """
    require(work.actor, "person.report")
    asked = cases.case_head(work, case_id)
    person_id = cases.person_behind(work, asked.person_id)
    wanted = cases.cases_of_person(work, person_id) if whole_person else [asked]
    found = tuple(_case_report(work, case) for case in wanted)
    code = language if language in languages() else _language_of(work, found)
    entries = [
        audit.Entry("case.reported", case_id=each.case.id, scopes=_scopes_of(each), subject=person_id)
        for each in found
    ]
    unfinished = _unfinished(work, asked) if whole_person else ()
    whole: dict[str, str | int] = {
        "cases": len(found),
        "whole": int(whole_person),
        "language": code,
        "drafts": len(unfinished),
    }
    audit.record_many(
        work, [audit.Entry("person.access-reported", subject=person_id, detail=whole), *entries]
    )
    return AccessReport(person_id, work.now, code, found, unfinished)


def _unfinished(work: Work, asked: Case) -> tuple[Unfinished, ...]:
    readable = cases.readable_here(work, asked.id)
    return tuple(
        Unfinished(
            each.updated_at,
            {scope: typed for scope, typed in cases.fields_of(each).items() if scope in readable},
        )
        for each in cases.drafts_of_person(work, asked.person_id)
    )


def _scopes_of(report: CaseReport) -> set[str]:
    return {document.scope for document in report.documents if not document.closed}


def _case_report(work: Work, case: Case) -> CaseReport:
    record = cases.read_case(work, case.id)
    documents = tuple(document for view in record.scopes.values() for document in view.documents)
    held = {place.scope for place in contents.places(work.connection, case.id) if place.scope in SCOPES}
    readable = cases.readable_here(work, case.id)
    return CaseReport(
        case=case,
        documents=documents,
        notes=(
            *((note.scope, note.at, note.text) for note in record.notes if note.text),
            *(
                (task.scope, task.created_at, task.text)
                for task in cases.tasks_of_case(work, case.id)
                if task.text
            ),
        ),
        files=_files(work, case.id),
        unprinted=tuple(scope for scope in SCOPES if scope in held - readable),
        consents=tuple(_consents(work, case.id)),
        sources=_sources(work, case.id),
        disclosures=tuple(disclosures_of_case(work, case.id)),
        erasures=_erasures(work, case.id),
        statements=tuple(withdrawal_store.reports_of_case(work.connection, case.id)),
        still_held=still_held(work, case.id),
    )


def _files(work: Work, case_id: str) -> tuple[tuple[str, str], ...]:
    if not may(work.actor, "attachment.read"):
        return ()
    found = list_attachments(work, case_id)
    return tuple((each.scope, each.content.name) for each in found if each.content is not None)


def _consents(work: Work, case_id: str) -> list[Consent]:
    return consents.of_case(work, case_id)


def _sources(work: Work, case_id: str) -> dict[str, Source]:
    return {
        kept.id: Source(
            kept.id,
            kept.peer.hex(),
            kept.recorded_at,
            EPOCH + timedelta(seconds=kept.grant.expires),
            kept.ended_at,
        )
        for kept in consent_store.grants_of_case(work.connection, case_id)
        if kept.direction == "in"
    }


def _erasures(work: Work, case_id: str) -> tuple[Erasure, ...]:
    found = all_pages(work.connection, AuditFilter(action="case.erased", case_id=case_id))
    told = [Erasure(each.event.at, each.event.scopes) for each in found if each.event.scopes]
    return tuple(reversed(told))


def _language_of(work: Work, found: Sequence[CaseReport]) -> str:
    given = [each for report in found for each in report.consents]
    read = [each.terms.notice_language for each in sorted(given, key=lambda one: one.given_at, reverse=True)]
    own = identity_of(work.vault).listing.languages
    spoken = [str(code) for report in found for code in _spoken(report)]
    known = languages()
    return next((code for code in (*read, *spoken, *own) if code in known), "en")


def _spoken(report: CaseReport) -> list[str]:
    held = [doc.fields["languages"].value for doc in report.documents if "languages" in doc.fields]
    return [str(code) for value in held if isinstance(value, list) for code in value]
