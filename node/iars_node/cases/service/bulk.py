"""Opening many cases at once: the same rows as one by one, in a few statements."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from iars_node import audit
from iars_node.cases.derived import DERIVED_SCOPE, derive
from iars_node.cases.model import OWN, Assignment, Case, Document
from iars_node.cases.service.opening import FILE_SCOPE, external_number_context, new_case, new_references
from iars_node.cases.service.writing import moment
from iars_node.cases.store import contents, heads, persons, words
from iars_node.db import new_id
from iars_node.prepared import insert_many
from iars_node.vault.tables import content_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iars_node.cases.store.words import Key
    from iars_node.work import Work
    from iars_protocol.record import Record


@dataclass(frozen=True, slots=True)
class NewCase:
    """A case to be opened: its checked record, the words it is found by, its own file number and stage."""

    record: Record = field(repr=False)
    keys: dict[str, set[Key]] = field(repr=False)
    external_number: str | None = field(repr=False)
    stage: str = "identified"


@dataclass(slots=True)
class _Content:
    """What is to be sealed for many cases, each piece under a key of its own."""

    plain: list[tuple[bytes, bytes]] = field(default_factory=list)
    owners: list[tuple[str, str]] = field(default_factory=list)
    documents: list[Document | None] = field(default_factory=list)

    def add(self, case: Case, scope: str, plain: tuple[bytes, bytes], document: Document | None) -> None:
        """Add a piece of a case."""
        self.plain.append(plain)
        self.owners.append((case.id, scope))
        self.documents.append(document)


def open_cases(
    work: Work, opened: Sequence[NewCase], *, country: str, assignment: Assignment, training: bool
) -> list[Case]:
    """Open many cases of new persons. The caller has checked records, roles and file numbers."""
    content, at = _Content(), moment(work)
    cases: dict[str, NewCase] = {}
    heads_of: list[Case] = []
    for wanted, reference in zip(opened, new_references(work, len(opened)), strict=True):
        case = new_case(work, new_id(), reference, wanted.stage, assignment, training=training)
        heads_of.append(case)
        cases[case.id] = wanted
        for scope, values in with_derived(work, wanted.record, country).items():
            document = _document(work, case.id, scope)
            content.add(case, scope, contents.values_to_seal(document, values, at), document)
        if wanted.external_number:
            plain = wanted.external_number.encode(), external_number_context(case.id)
            content.add(case, FILE_SCOPE, plain, None)
    _write(work, heads_of, cases, content)
    entries = [audit.Entry("case.opened", case_id=case.id, subject=case.person_id) for case in heads_of]
    audit.record_many(work, entries)
    return heads_of


def with_derived(work: Work, record: Record, country: str) -> Record:
    """Return the record with the fields that the node fills itself."""
    derived = derive(record.get("identity", {}), record.get(DERIVED_SCOPE, {}), country, work.now.date())
    return record | {DERIVED_SCOPE: record.get(DERIVED_SCOPE, {}) | derived} if derived else record


def _document(work: Work, case_id: str, scope: str) -> Document:
    return Document(case_id, scope, OWN, "collected", 1, work.now, work.actor.id, "")


def _write(work: Work, opened: list[Case], cases: dict[str, NewCase], content: _Content) -> None:
    keys, documents, found = [], [], []
    numbers: dict[str, tuple[bytes, bytes, bytes]] = {}
    sealed = work.vault.seal_anew(content.plain)
    for (case_id, scope), document, (key_id, octets) in zip(
        content.owners, content.documents, sealed, strict=True
    ):
        key = {"owner_kind": contents.OWNER, "owner_id": case_id, "scope": scope, "source": OWN}
        keys.append({"key_id": key_id} | key)
        if document is None:
            blind = words.external_number_blind(work.vault, cases[case_id].external_number or "")
            numbers[case_id] = (blind, key_id, octets)
        else:
            documents.append(contents.content_row(document, key_id, octets))
            found += words.word_rows(case_id, key_id, cases[case_id].keys.get(scope, ()))
    persons.insert_persons(work.connection, [case.person_id for case in opened], work.now)
    heads.insert_cases(work.connection, opened, numbers)
    insert_many(work.connection, content_key, keys)
    contents.insert_documents(work.connection, documents)
    words.insert_words(work.connection, found)
