"""Writing into a case: what was collected here, and what came under a grant."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from typing import TYPE_CHECKING, cast

from iars_node import audit
from iars_node.cases.checks import changed, check_own, check_received
from iars_node.cases.derived import DERIVED_FROM, DERIVED_SCOPE, derive
from iars_node.cases.model import OWN, Basis, Document, Held
from iars_node.cases.service.access import case_to_change, require_scopes
from iars_node.cases.store import contents, heads, words
from iars_node.errors import ConflictError, InvalidError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from iars_node.work import Work
    from iars_protocol.record import Record, Value


def write_scope(  # noqa: PLR0913 - the country and the version are said by name
    work: Work,
    case_id: str,
    scope: str,
    fields: Mapping[str, Value | None],
    *,
    country: str,
    expected_version: int | None = None,
) -> Document:
    """Write own values into a scope, None to take one away; return the scope's own document.

    `country` is the node's, by which nationals are told from third-country nationals. With
    `expected_version` the writing fails when someone else wrote first.
    """
    check_own({scope: fields})
    require_scopes(work, "case.edit", [scope], case_id)
    case_to_change(work, case_id)
    own = own_documents(work, case_id, {scope, *DERIVED_FROM})
    current = own.get(scope) or new_document(work, case_id, scope, OWN, "collected")
    if expected_version is not None and expected_version != current.version:
        raise ConflictError("Someone else changed this part of the case first; look at it again.")
    written = put(work, current, fields)
    own[scope] = written
    touched = _write_derived(work, case_id, own, country) if scope in DERIVED_FROM else set()
    if written.version != current.version:
        touched.add(scope)
    if touched:
        _note_change(work, "case.changed", case_id, touched)
    return own.get(scope, written)


def write_record(work: Work, case_id: str, record: Record, *, country: str) -> set[str]:
    """Write own values into several scopes of a case at once; return the scopes that changed."""
    check_own(record)
    require_scopes(work, "case.edit", record, case_id)
    case_to_change(work, case_id)
    own = own_documents(work, case_id, {*record, *DERIVED_FROM})
    touched = set()
    for scope, fields in record.items():
        current = own.get(scope) or new_document(work, case_id, scope, OWN, "collected")
        own[scope] = put(work, current, fields)
        if own[scope].version != current.version:
            touched.add(scope)
    touched |= _write_derived(work, case_id, own, country)
    if touched:
        _note_change(work, "case.changed", case_id, touched)
    return touched


def receive_scope(  # noqa: PLR0913 - where it came from and on what basis are said by name
    work: Work,
    case_id: str,
    scope: str,
    source: str,
    content: Mapping[str, object],
    *,
    by: str,
    basis: Basis = "granted",
    replace_all: bool = False,
    ends_at: datetime | None = None,
) -> Document:
    """Keep content of a scope that came under a grant, beside what was collected here.

    `source` is the grant's id and `by` the peer's. Fields that this node does not know survive. With
    `replace_all`, fields that are no longer sent are dropped. At `ends_at` it locks by itself.
    """
    if source == OWN:
        raise InvalidError("Received content names its grant.", {"source": "accepted: a grant's id"})
    check_received(scope, content)
    case_to_change(work, case_id)
    found = contents.read_document(work.connection, work.vault, case_id, scope, source, at=work.now)
    current = found or new_document(work, case_id, scope, source, basis)
    current = replace(current, basis=basis, ends_at=ends_at)
    # Checked above where the vocabulary knows the field; an unknown one is any plain value.
    wanted = cast("dict[str, Value | None]", dict(content))
    if replace_all:
        wanted |= {name: None for name in current.fields if name not in content}
    written = put(work, current, wanted, by=by)
    _note_change(work, "case.content-received", case_id, {scope})
    return written


def own_documents(work: Work, case_id: str, scopes: set[str]) -> dict[str, Document]:
    """Return the own documents of a case by scope."""
    found = contents.read_documents(work.connection, work.vault, [case_id], scopes, at=work.now)
    return {document.scope: document for document in found if document.source == OWN}


def new_document(work: Work, case_id: str, scope: str, source: str, basis: Basis) -> Document:
    """Return the document that is not yet there: version 0, no fields."""
    return Document(case_id, scope, source, basis, 0, work.now, work.actor.id, "", {})


def ensure_document(  # noqa: PLR0913, PLR0917 - a document's place, by whom and until when
    work: Work, case_id: str, scope: str, source: str, by: str, ends_at: datetime | None = None
) -> None:
    """Refuse a locked scope, and begin one without a document: notes and attachments follow its lock."""
    basis: Basis = "collected" if source == OWN else "granted"
    found = contents.read_document(work.connection, work.vault, case_id, scope, source, at=work.now)
    if found is not None and found.closed == "locked":
        raise ConflictError("This part of the case is locked; nothing can be written into it.")
    if found is None or found.closed:
        begun = found or new_document(work, case_id, scope, source, basis)
        begun = replace(
            begun,
            version=begun.version + 1,
            updated_at=work.now,
            updated_by=by,
            closed="",
            fields={},
            ends_at=ends_at,
        )
        contents.write_document(work.connection, work.vault, begun)


def put(work: Work, current: Document, fields: Mapping[str, Value | None], by: str = "") -> Document:
    """Store a document with changed values and index it; return it as it is when nothing changed."""
    if current.closed == "locked":
        raise ConflictError("This part of the case is locked; nothing can be written into it.")
    wanted = changed({name: held.value for name, held in current.fields.items()}, fields)
    if not wanted:
        return current
    author = by or work.actor.id
    at = moment(work)
    merged = dict(current.fields)
    for name, value in wanted.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = Held(value, at, author)
    written = replace(
        current, version=current.version + 1, updated_at=work.now, updated_by=author, closed="", fields=merged
    )
    key_id = contents.write_document(work.connection, work.vault, written)
    index(work, written, key_id)
    return written


def index(work: Work, document: Document, key_id: bytes) -> None:
    """Index a document's words, if its scope has fields that are searched."""
    if document.scope in words.INDEXED_SCOPES:
        values = {name: held.value for name, held in document.fields.items()}
        keys = words.keys_of(work.vault, document.scope, values)
        words.replace_words(work.connection, document.case_id, key_id, keys)


def moment(work: Work) -> str:
    """Return the work's moment as documents hold it: UTC, to the second."""
    return work.now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def plain_values(document: Document | None) -> dict[str, Value]:
    """Return a document's field values; none for a document that is not there."""
    return {} if document is None else {name: held.value for name, held in document.fields.items()}


def _write_derived(work: Work, case_id: str, own: dict[str, Document], country: str) -> set[str]:
    identity, demographics = own.get("identity"), own.get(DERIVED_SCOPE)
    derived = derive(plain_values(identity), plain_values(demographics), country, work.now.date())
    if demographics is None and not derived:
        return set()
    current = demographics or new_document(work, case_id, DERIVED_SCOPE, OWN, "collected")
    wanted = {"age_band": derived.get("age_band"), "track": derived.get("track")}
    if identity is None or identity.closed:
        # What an erased identity once said of the age stays as it was said.
        del wanted["age_band"]
    own[DERIVED_SCOPE] = put(work, current, wanted)
    return {DERIVED_SCOPE} if own[DERIVED_SCOPE].version != current.version else set()


def _note_change(work: Work, action: str, case_id: str, scopes: set[str]) -> None:
    heads.touch_cases(work.connection, [case_id], work.now)
    audit.record(work, action, case_id=case_id, scopes=scopes)
