"""Unfinished intakes and new cases that are certainly of a person: told to them, erased with what is theirs.

A draft names no case, so it is recognised by what is typed in it. Only what leaves no doubt counts: to tell
somebody what was written down of another person would be worse than to leave it out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node import audit
from iars_node.cases.likeness import ALIKE_NAME, is_compatible, is_same_date, name_likeness, name_of
from iars_node.cases.merged import merge_documents, plain_record
from iars_node.cases.store import contents, heads, persons, words
from iars_node.drafts import store as drafts
from iars_protocol.record import SCOPES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from iars_node.drafts.model import Draft
    from iars_node.work import Work
    from iars_protocol.record import Record

KINDS = ("intake", "case")
_COMPARED = ("identity", "contact")


def drafts_of_person(work: Work, person_id: str) -> list[Draft]:
    """Return every account's unfinished drafts that are certainly of a person, the newest first."""
    same = persons.all_of(work.connection, persons.survivor(work.connection, person_id))
    records = [_compared(work, case.id) for case in heads.cases_of_persons(work.connection, same)]
    return [
        each
        for each in drafts.unfinished(work.connection, work.vault, KINDS)
        if any(_is_same(work, _record_of(each), known) for known in records)
    ]


def fields_of(draft: Draft) -> dict[str, dict[str, list[str]]]:
    """Return what is typed into a draft, by scope and field, as it was typed."""
    found: dict[str, dict[str, list[str]]] = {}
    for name, values in draft.content.items():
        scope, _, rest = name.partition(".")
        if scope in SCOPES and rest:
            found.setdefault(scope, {}).setdefault(rest.partition(".")[0], []).extend(values)
    return found


def erase_drafts(work: Work, case_id: str, scopes: Collection[str]) -> None:
    """Destroy the drafts of a case's person that hold something of these scopes.

    They are recognised by the identity that the case still shows: it has to be asked before that is gone.
    """
    case = heads.find_case(work.connection, case_id)
    found = [] if case is None else drafts_of_person(work, case.person_id)
    gone = [each for each in found if fields_of(each).keys() & set(scopes)]
    # The keys first, as with every erasure: should this be undone, the rows are left and open for nobody.
    work.vault.erase_content_keys([drafts.key_of(work.connection, each.id) for each in gone], at=work.now)
    for each in gone:
        drafts.remove(work.connection, each.id)
        audit.record(work, "case.draft-erased", case_id=case_id, subject=each.id)


def _compared(work: Work, case_id: str) -> Record:
    found = contents.read_documents(work.connection, work.vault, [case_id], list(_COMPARED), at=work.now)
    return plain_record(merge_documents(found))


def _record_of(draft: Draft) -> Record:
    return {
        scope: {name: values[0] for name, values in fields.items() if values}
        for scope, fields in fields_of(draft).items()
        if scope in _COMPARED
    }


def _is_same(work: Work, mine: Record, theirs: Record) -> bool:
    if _numbers(work, mine, words.DOCUMENT) & _numbers(work, theirs, words.DOCUMENT):
        return True
    one, other = mine.get("identity", {}), theirs.get("identity", {})
    if name_likeness(name_of(one), name_of(other)) < ALIKE_NAME:
        return False
    births = one.get("birth_date"), other.get("birth_date")
    # A family shares a telephone, and a town a name: only the two together tell one person.
    has_phone = bool(_numbers(work, mine, words.PHONE) & _numbers(work, theirs, words.PHONE))
    return is_same_date(*births) or (has_phone and _may_be_one(births))


def _may_be_one(births: tuple[object, object]) -> bool:
    try:
        return is_compatible(*births)  # type: ignore[arg-type]  # whatever was typed
    except ValueError:
        return False


def _numbers(work: Work, record: Mapping[str, Mapping[str, object]], column: str) -> set[words.Key]:
    return {
        key
        for scope in words.INDEXED_SCOPES & record.keys()
        for key in words.keys_of(work.vault, scope, record[scope])  # type: ignore[arg-type]  # plain texts
        if key[0] == column
    }
