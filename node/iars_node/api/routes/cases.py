"""Cases: find, open, read by scopes, write a scope, close and reopen."""

from typing import Annotated, Any, Literal

from fastapi import Path, Query, Response

from iars_node.api.bodies.cases import (
    CaseContent,
    CaseHead,
    CaseNote,
    CasePage,
    CaseSearch,
    Closing,
    FieldContent,
    FoundCase,
    NewCase,
    Reopening,
    ScopeChange,
    ScopeContent,
    ScopeVersion,
)
from iars_node.api.callers import Caller, CallerParam
from iars_node.api.operations import Topic
from iars_node.api.routes.parameters import CaseId, IfMatch, Scopes
from iars_node.api.versions import check_version, entity_tag, read_version, required_version
from iars_node.cases import service
from iars_node.cases.model import OWN, Assignment, Case, CaseRecord, Filters, Note, Page, ScopeView
from iars_node.cases.service.writing import own_documents
from iars_node.vault.identity import identity_of
from iars_node.work import Work

cases = Topic("Cases")


@cases.read("/cases", "case.search")
def list_cases(  # noqa: PLR0913 - a list is narrowed by these, all by name
    caller: CallerParam,
    *,
    state: Literal["open", "closed"] | None = None,
    stage: Annotated[str | None, Query(max_length=40)] = None,
    assigned_to: Annotated[str | None, Query(max_length=32)] = None,
    scopes: Scopes = "",
    cursor: Annotated[str | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 25,
) -> CasePage:
    """List cases, those that changed last first."""
    with caller.work() as work:
        shown = caller.scopes(scopes)
        filters = Filters(state=state, stage=stage, assigned_to=assigned_to)
        return _page(service.list_cases(work, filters=filters, cursor=cursor, limit=limit), shown)


@cases.ask("/cases/search", "case.search")
def search_cases(body: CaseSearch, caller: CallerParam) -> CasePage:
    """Search cases by name, alias, document, phone, reference or own file number."""
    with caller.work() as work:
        shown = caller.scopes(",".join(body.scopes))
        country = identity_of(work.vault).listing.country
        page = service.search_cases(work, body.text, country=country, cursor=body.cursor, limit=body.limit)
        return _page(page, shown)


@cases.change("POST", "/cases", "case.open", errors=(404,), status=201)
def open_case(body: NewCase, caller: CallerParam, response: Response) -> CaseHead:
    """Open a case; writing content into it also needs the action `case.edit` and its scopes."""
    with caller.work() as work:
        case_id = caller.once(work, body, lambda: _open(work, body, caller).id)
        response.headers["Location"] = f"/api/v1/cases/{case_id}"
        return head_of(service.case_head(work, case_id))


def _open(work: Work, body: NewCase, caller: Caller) -> Case:
    return service.open_case(
        work,
        country=identity_of(work.vault).listing.country,
        record=_record(body.record),
        external_number=body.external_number,
        person_id=body.person_id,
        stage=body.stage,
        assignment=Assignment(body.site_id, body.team_id, body.assigned_to),
        training=caller.node.settings.training,
    )


def _record(content: Any) -> Any:  # noqa: ANN401 - JSON becomes values when the use case has checked them
    return content


@cases.read("/cases/{case_id}", "case.read", errors=(429,))
def read_case(case_id: CaseId, caller: CallerParam, scopes: Scopes = "") -> CaseContent:
    """Read a case: its head, and the content of the scopes that are named."""
    with caller.work() as work:
        wanted = caller.scopes(scopes)
        found = service.read_case(work, case_id, wanted)
        return CaseContent(
            case=head_of(found.head),
            external_number=found.external_number,
            scopes={scope: _scope(found, scope) for scope in sorted(wanted)},
        )


@cases.change("PATCH", "/cases/{case_id}/scopes/{scope}", "case.edit", errors=(412, 428))
def write_scope(  # noqa: PLR0913 - a request has these pieces
    case_id: CaseId,
    scope: Annotated[str, Path(max_length=40, examples=["contact"])],
    body: ScopeChange,
    caller: CallerParam,
    *,
    response: Response,
    if_match: IfMatch = None,
) -> ScopeVersion:
    """Write values into a scope of a case; 0 is the version of a scope that is still empty."""
    with caller.work() as work:
        caller.scopes(scope)
        service.case_head(work, case_id)
        named = required_version(if_match)
        current = own_documents(work, case_id, {scope}).get(scope)
        check_version(named, current.version if current else 0)
        country = identity_of(work.vault).listing.country
        written = service.write_scope(
            work, case_id, scope, _record(body.fields), country=country, expected_version=named
        )
        response.headers["ETag"] = entity_tag(written.version)
        return ScopeVersion(case_id=case_id, scope=scope, version=written.version)


@cases.change("POST", "/cases/{case_id}/close", "case.close", errors=(412,))
def close_case(case_id: CaseId, body: Closing, caller: CallerParam, if_match: IfMatch = None) -> CaseHead:
    """Close a case; its content stays."""
    with caller.work() as work:
        named = _named_version(work, case_id, if_match)
        caller.once(
            work, body, lambda: service.close_case(work, case_id, body.reason, expected_version=named).id
        )
        return head_of(service.case_head(work, case_id))


@cases.change("POST", "/cases/{case_id}/reopen", "case.close", errors=(412,))
def reopen_case(case_id: CaseId, body: Reopening, caller: CallerParam, if_match: IfMatch = None) -> CaseHead:
    """Reopen a closed case at a stage."""
    with caller.work() as work:
        named = _named_version(work, case_id, if_match)
        caller.once(
            work,
            body,
            lambda: service.reopen_case(work, case_id, stage=body.stage, expected_version=named).id,
        )
        return head_of(service.case_head(work, case_id))


def _named_version(work: Work, case_id: str, if_match: str | None) -> int | None:
    named = read_version(if_match)
    check_version(named, service.case_head(work, case_id).version)
    return named


def head_of(case: Case, *, with_alias: bool = False) -> CaseHead:
    """Return a case's head; its alias only where the identity was asked for."""
    values = {name: getattr(case, name) for name in CaseHead.model_fields}
    return CaseHead(**{**values, "alias": case.alias if with_alias else None})


def _page(page: Page, shown: frozenset[str]) -> CasePage:
    with_alias = "identity" in shown
    found = [
        FoundCase(case=head_of(one.case, with_alias=with_alias), is_exact=one.is_exact) for one in page.found
    ]
    return CasePage(cases=found, cursor=page.cursor)


def _scope(found: CaseRecord, scope: str) -> ScopeContent:
    view = found.scopes.get(scope) or ScopeView({}, ())
    own = [document.version for document in view.documents if document.source == OWN]
    return ScopeContent(
        version=own[0] if own else 0,
        fields={
            name: FieldContent(
                value=_record(held.value), source=held.source, basis=held.basis, at=held.at, by=held.by
            )
            for name, held in view.fields.items()
        },
        notes=[_note(note) for note in found.notes if note.scope == scope],
        locked=[document.source for document in view.documents if document.closed == "locked"],
        erased=[document.source for document in view.documents if document.closed == "erased"],
    )


def _note(note: Note) -> CaseNote:
    return CaseNote(id=note.id, source=note.source, at=note.at, author=note.author, text=note.text)
