"""One part of a case's record: write in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node.cases import service as cases
from iars_node.cases.model import OWN
from iars_node.errors import ConflictError, ForbiddenError, NotFoundError
from iars_node.rights import service as rights
from iars_node.web.pages import Pages
from iars_node.web.people import own_country
from iars_node.web.record_forms import places, read_values, typed_from
from iars_node.web.visit import Page, Redirect, Sheet, UnfinishedError
from iars_protocol.vocabulary import SCOPES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iars_node.cases.model import CaseRecord, Document
    from iars_node.web.visit import Answer, Visit
    from iars_protocol.record import Value

pages = Pages()

PATH = "/cases/{case_id}/scopes/{scope}"


@pages.get(PATH, "case.edit", writes=True)
def show_scope(visit: Visit, case_id: str, scope: str) -> Answer:
    """Show a part's form with what is collected here."""
    _check(visit, scope)
    record = cases.read_case(visit.work, case_id, [scope])
    return _form(record, scope, Sheet(typed_from(places(scope), _own_values(record, scope), visit.speech)))


@pages.post(PATH, "case.edit")
def write_scope(visit: Visit, case_id: str, scope: str) -> Answer:
    """Write what is typed; a colleague who wrote meanwhile is not overwritten unseen."""
    _check(visit, scope)
    record = cases.read_case(visit.work, case_id, [scope])
    values, faults = read_values(places(scope), visit.form, visit.speech, own_country(visit))
    if faults:
        raise visit.unfinished(lambda sheet: _form(record, scope, sheet), faults)
    version = visit.typed("version")
    try:
        with visit.keeping(lambda sheet: _form(record, scope, sheet)):
            if visit.typed("correct"):
                return _correct(visit, record, scope, values.get(scope, {}))
            cases.write_scope(
                visit.work,
                case_id,
                scope,
                values.get(scope, {}),
                country=own_country(visit),
                expected_version=int(version) if version.isascii() and version.isdigit() else 0,
            )
    except UnfinishedError as unfinished:
        raise _with_theirs(unfinished, record, scope) from unfinished
    return Redirect(f"/cases/{case_id}?done=saved&open={scope}#{scope}")


def _correct(visit: Visit, record: CaseRecord, scope: str, values: Mapping[str, Value | None]) -> Answer:
    """Correct what is changed here and at everybody who holds it."""
    own = _own(record, scope)
    if visit.typed("version") != str(own.version if own else 0):
        raise ConflictError("Someone else changed this part of the case first; look at it again.")
    before = {name: held.value for name, held in own.fields.items()} if own else {}
    changed = {name: value for name, value in values.items() if value != before.get(name)}
    if not changed:
        raise ConflictError("The case says this already; nothing was changed.")
    rights.correct(visit.work, record.head.id, {scope: changed})
    return Redirect(f"/cases/{record.head.id}/corrections?done=corrected")


def _check(visit: Visit, scope: str) -> None:
    if scope not in SCOPES:
        raise NotFoundError("There is no such part of a record.")
    if scope not in visit.readable:
        raise ForbiddenError("This account may not see this part of the record.")


def _own(record: CaseRecord, scope: str) -> Document | None:
    view = record.scopes.get(scope)
    documents = view.documents if view else ()
    return next((each for each in documents if each.source == OWN), None)


def _own_values(record: CaseRecord, scope: str) -> dict[str, dict[str, object]]:
    own = _own(record, scope)
    return {scope: {name: held.value for name, held in own.fields.items()}} if own else {}


def _form(record: CaseRecord, scope: str, sheet: Sheet) -> Page:
    own = _own(record, scope)
    return Page(
        "scope.html",
        {
            "case": record.head,
            "scope": scope,
            "sheet": sheet,
            "places": places(scope),
            "version": own.version if own else 0,
            "theirs": {},
        },
    )


def _with_theirs(unfinished: UnfinishedError, record: CaseRecord, scope: str) -> UnfinishedError:
    """Show what stands in the record now beside what was typed: the reader decides, the next save counts."""
    if not isinstance(unfinished.__cause__, ConflictError):
        return unfinished
    page = unfinished.page
    theirs = _own_values(record, scope).get(scope, {})
    return UnfinishedError(Page(page.template, {**page.values, "theirs": theirs}, page.status))
