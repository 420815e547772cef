"""Reading cases: for a person, within the scopes of the roles; and whole, for the cut.

Every reading by a person is an audit event, so it needs a writing unit of work.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from iars_node import audit
from iars_node.accounts.access import readable_scopes, require
from iars_node.accounts.opened import note_opened
from iars_node.cases.derived import DERIVED_FROM, DERIVED_SCOPE, current_age_band
from iars_node.cases.merged import merge_documents, plain_record
from iars_node.cases.model import MOST_SENSITIVE, OWN, CaseRecord
from iars_node.cases.service.access import case_at, scopes_to_read
from iars_node.cases.service.assignment import access_to, accesses, refuse_shut
from iars_node.cases.service.opening import external_number
from iars_node.cases.service.writing import plain_values
from iars_node.cases.store import contents, heads, notes, persons
from iars_node.errors import NotFoundError
from iars_protocol.record import SCOPES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from iars_node.cases.model import Case, Document, ScopeView
    from iars_node.work import Work
    from iars_protocol.record import Record


def read_case(work: Work, case_id: str, scopes: Iterable[str] | None = None) -> CaseRecord:
    """Return a case as the actor may see it; reading a most sensitive scope is recorded by name."""
    require(work.actor, "case.read")
    head = case_at(work, case_id)
    asked = scopes_to_read(work, scopes)
    if scopes is not None:
        refuse_shut(work, head, asked)
    access = access_to(work, head)
    readable = asked & access.scopes
    note_opened(work, case_id)
    views = merge_documents(_documents(work, case_id, readable))
    _record_reading(work, case_id, views.keys(), access.opening)
    alias = views["identity"].fields.get("alias") if "identity" in views else None
    return CaseRecord(
        head if alias is None else replace(head, alias=str(alias.value)),
        views,
        notes.read_notes(work.connection, work.vault, case_id, readable, at=work.now),
        external_number(work, case_id),
    )


def snapshot(work: Work, case_id: str, sources: Collection[str] | None = None) -> Record:
    """Return everything of a case that this node may disclose: scope → field → value, merged.

    It is cut by the consent afterwards and is not limited to what the actor may read: whoever shows it
    to a person limits it to the scopes of the roles, and whoever discloses it records the disclosure.
    `sources` narrows it to some sources, such as own collection only.
    """
    case_at(work, case_id)
    documents = _documents(work, case_id, frozenset(SCOPES))
    if sources is not None:
        documents = [document for document in documents if document.source in sources]
    return plain_record(merge_documents(documents))


def snapshot_sources(work: Work, case_id: str) -> dict[str, tuple[str, ...]]:
    """Return the sources whose values the snapshot of a case shows, by scope; own collection first."""
    return _shown_sources(merge_documents(_documents(work, case_id, frozenset(SCOPES))))


def _shown_sources(views: Mapping[str, ScopeView]) -> dict[str, tuple[str, ...]]:
    found = {scope: {field.source for field in view.fields.values()} for scope, view in views.items()}
    return {
        scope: tuple(sorted(sources, key=lambda source: (source != OWN, source)))
        for scope, sources in found.items()
        if sources
    }


def disclosable(
    work: Work, case_id: str, sources: Collection[str]
) -> tuple[Record, dict[str, tuple[str, ...]]]:
    """Return the snapshot of some sources together with the sources that each scope of it shows."""
    case_at(work, case_id)
    # What is kept on a legal ground although its consent ended is read here and never passed on.
    documents = [
        found
        for found in _documents(work, case_id, frozenset(SCOPES))
        if found.source in sources and found.basis != "retained"
    ]
    views = merge_documents(documents)
    return plain_record(views), _shown_sources(views)


def case_head(work: Work, case_id: str) -> Case:
    """Return a case's head, without any content."""
    return case_at(work, case_id)


def case_by_reference(work: Work, reference: str) -> Case:
    """Return the head of the case with a reference such as `K-4F7Q`."""
    case_id = heads.find_by_reference(work.connection, reference)
    if case_id is None:
        raise NotFoundError("There is no such case.")
    return case_at(work, case_id)


def cases_of_person(work: Work, person_id: str) -> list[Case]:
    """Return every case of a person, of those merged with that person too, the newest first."""
    require(work.actor, "case.read")
    same = persons.all_of(work.connection, person_id)
    return with_aliases(work, heads.cases_of_persons(work.connection, same))


def with_aliases(work: Work, cases: list[Case]) -> list[Case]:
    """Return the heads with their aliases, where the actor may read the identity."""
    if not cases or "identity" not in readable_scopes(work.actor):
        return cases
    access = accesses(work, cases)
    case_ids = [case.id for case in cases if "identity" in access[case.id].scopes]
    by_case: dict[str, list[Document]] = defaultdict(list)
    for document in contents.read_documents(work.connection, work.vault, case_ids, ["identity"], at=work.now):
        by_case[document.case_id].append(document)
    return [replace(case, alias=_alias(by_case[case.id])) for case in cases]


def _alias(documents: list[Document]) -> str | None:
    if not documents:
        return None
    alias = merge_documents(documents)["identity"].fields.get("alias")
    return None if alias is None else str(alias.value)


def _documents(work: Work, case_id: str, scopes: frozenset[str]) -> list[Document]:
    # The age band is taken anew at each reading: a child of last year may be an adult today.
    needed = scopes | DERIVED_FROM if DERIVED_SCOPE in scopes else scopes
    found = contents.read_documents(work.connection, work.vault, [case_id], needed, at=work.now)
    identity = next((one for one in found if one.scope == "identity" and one.source == OWN), None)
    band = current_age_band(plain_values(identity), work.now.date())
    return [_with_age_band(one, band) for one in found if one.scope in scopes]


def _with_age_band(document: Document, band: str | None) -> Document:
    held = document.fields.get("age_band")
    is_own = document.scope == DERIVED_SCOPE and document.source == OWN
    if not is_own or held is None or band is None or held.value == band:
        return document
    return replace(document, fields={**document.fields, "age_band": replace(held, value=band)})


def _record_reading(work: Work, case_id: str, scopes: Iterable[str], opening: str) -> None:
    under = {"opening": opening} if opening else {}
    sensitive = {scope for scope in scopes if SCOPES[scope].level == MOST_SENSITIVE}
    entries = [audit.Entry("case.read", case_id=case_id, scopes=set(scopes) - sensitive, detail=under)]
    if sensitive:
        entries.append(audit.Entry("case.scope-read", case_id=case_id, scopes=sensitive, detail=under))
    audit.record_many(work, entries)
