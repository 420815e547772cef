"""Locking and erasing what a case holds from one source: own collection, or one received grant."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from iars_node import audit
from iars_node.cases.events import ContentErased
from iars_node.cases.service.access import case_to_change
from iars_node.cases.service.unfinished import erase_drafts
from iars_node.cases.service.writing import index
from iars_node.cases.store import contents, heads, notes, tasks, words
from iars_node.vault.content_keys import find_keys, forget_keys, keys_among
from iars_node.vault.model import OWN
from iars_protocol.record import SCOPES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from iars_node.cases.model import Basis, Document
    from iars_node.cases.store.contents import Place
    from iars_node.exchange.model import PutBack
    from iars_node.work import Work


def lock_content(work: Work, case_id: str, source: str, scopes: Collection[str] | None = None) -> set[str]:
    """Lock a source's scopes at once: nobody reads, finds or discloses them; return those locked.

    The roles are not asked: consent ends by a withdrawal, by the clock, or by a peer's word.
    """
    case_to_change(work, case_id)
    found = [
        place for place in contents.places(work.connection, case_id, source, scopes) if not place.is_locked
    ]
    contents.set_lock(work.connection, found, work.now)
    words.remove_words(work.connection, [place.key_id for place in found])
    return _recorded(work, "case.locked", case_id, found)


def unlock_content(work: Work, case_id: str, source: str, scopes: Collection[str] | None = None) -> set[str]:
    """Unlock a source's scopes whose keys were not destroyed, and make them findable again."""
    case_to_change(work, case_id)
    found = [place for place in contents.places(work.connection, case_id, source, scopes) if place.is_locked]
    contents.set_lock(work.connection, found, None)
    for place in found:
        document = contents.read_document(
            work.connection, work.vault, case_id, place.scope, source, at=work.now
        )
        if document is not None and not document.closed:
            index(work, document, place.key_id)
    return _recorded(work, "case.unlocked", case_id, found)


def retain_content(  # noqa: PLR0913 - on what basis and until when are said by name
    work: Work,
    case_id: str,
    source: str,
    scopes: Collection[str],
    *,
    basis: Basis = "retained",
    until: datetime | None = None,
) -> set[str]:
    """Hold a source's scopes on another basis from now on, such as a legal ground; at its end they lock."""
    case_to_change(work, case_id)
    found = contents.places(work.connection, case_id, source, scopes)
    contents.set_basis(work.connection, found, basis, until)
    return _recorded(work, "case.retained", case_id, found)


def content_keys(
    work: Work, case_id: str, source: str, scopes: Collection[str] | None = None
) -> dict[str, bytes]:
    """Return the keys of what a case holds from a source, by scope: its fields, notes and attachments."""
    return {
        key.scope: key.key_id
        for key in find_keys(work.connection, contents.OWNER, case_id)
        if key.source == source and (scopes is None or key.scope in scopes)
    }


def erase_content(work: Work, case_id: str, source: str, scopes: Collection[str] | None = None) -> set[str]:
    """Destroy the keys of a source's scopes, with their words and notes; return the scopes erased.

    The keys go first, outside the transaction, and can't come back. Commit the intent in an earlier
    unit of work; when this one fails half-way, run it again: twice is as once.
    """
    case_to_change(work, case_id)
    keys = content_keys(work, case_id, source, scopes)
    if source == OWN:
        erase_drafts(work, case_id, keys)
    work.vault.erase_content_keys(keys.values(), at=work.now)
    _take_out(work, case_id, source, keys, work.now)
    # A new collection of the same scope gets a new key; the old one must not be named again.
    forget_keys(work.connection, keys.values())
    return {scope for scope in keys if scope in SCOPES}


def take_out_erased(work: Work, _put_back: PutBack) -> None:
    """Take out of a database that was put back what the key store's ledger names as erased.

    It opens for nobody, but its words would still be found, and what is collected anew would be sealed under
    a key that is gone. Keys of what came under a grant stay named until its end is known here again: what
    comes back from a peer meanwhile must not get a new one.
    """
    erased = {erasure.key_id: erasure.at for erasure in work.vault.ledger()}
    found: dict[tuple[str, str], dict[str, bytes]] = defaultdict(dict)
    for key in keys_among(work.connection, list(erased)):
        if key.owner_kind == contents.OWNER:
            found[key.owner_id, key.source][key.scope] = key.key_id
    for (case_id, source), keys in found.items():
        _take_out(work, case_id, source, keys, max(erased[key_id] for key_id in keys.values()))
        if source == OWN:
            forget_keys(work.connection, keys.values())


def _take_out(work: Work, case_id: str, source: str, keys: Mapping[str, bytes], at: datetime) -> None:
    words.remove_words(work.connection, keys.values())
    notes.remove_notes(work.connection, keys.values())
    tasks.remove_tasks(work.connection, keys.values())
    found = [place for place in contents.places(work.connection, case_id, source) if place.scope in keys]
    contents.empty(work.connection, found, at)
    _recorded(work, "case.erased", case_id, found)
    work.announce(ContentErased(case_id, source, frozenset(keys), frozenset(keys.values())))


def erased_or_locked(work: Work, case_id: str) -> list[Document]:
    """Return the tombstones and locked documents of a case: where they stood, never what they held."""
    found = contents.read_documents(work.connection, work.vault, [case_id], list(SCOPES), at=work.now)
    return [document for document in found if document.closed]


def _recorded(work: Work, action: str, case_id: str, found: Collection[Place]) -> set[str]:
    touched = {place.scope for place in found}
    if touched:
        heads.touch_cases(work.connection, [case_id], work.now)
        audit.record(work, action, case_id=case_id, scopes=touched)
    return touched
