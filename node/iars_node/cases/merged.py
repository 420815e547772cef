"""One view of a case from several sources: what was collected here first, then what came last."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from iars_node.cases.model import OWN, Document, FieldView, Held, ScopeView
from iars_protocol.record import SCOPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from iars_protocol.record import Record


def merge_documents(documents: Iterable[Document]) -> dict[str, ScopeView]:
    """Merge documents by scope and field, in the order of the vocabulary."""
    by_scope: dict[str, list[Document]] = defaultdict(list)
    for document in documents:
        by_scope[document.scope].append(document)
    return {scope: _scope_view(by_scope[scope]) for scope in SCOPES if scope in by_scope}


def plain_record(views: Mapping[str, ScopeView]) -> Record:
    """Return scope → field → value of a merged view; scopes without a field are absent."""
    found = {
        scope: {name: field.value for name, field in view.fields.items()} for scope, view in views.items()
    }
    return {scope: fields for scope, fields in found.items() if fields}


def _scope_view(documents: list[Document]) -> ScopeView:
    held: dict[str, list[tuple[Document, Held]]] = defaultdict(list)
    for document in documents:
        for name, value in document.fields.items():
            held[name].append((document, value))
    known = SCOPES[documents[0].scope].fields
    # A field that only a sender's newer version knows comes after the known ones.
    names = [*(name for name in known if name in held), *sorted(held.keys() - known.keys())]
    return ScopeView({name: _field_view(held[name]) for name in names}, tuple(documents))


def _field_view(held: list[tuple[Document, Held]]) -> FieldView:
    (document, value), *others = sorted(held, key=_precedence, reverse=True)
    return FieldView(
        value.value,
        document.source,
        document.basis,
        value.at,
        value.by,
        {other.source: entry for other, entry in others},
    )


def _precedence(entry: tuple[Document, Held]) -> tuple[bool, str, str]:
    document, held = entry
    return document.source == OWN, held.at, document.source
