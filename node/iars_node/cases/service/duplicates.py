"""Other cases that are probably of the same person. A person decides; nothing is merged by itself."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from iars_node.cases.likeness import ALIKE_NAME, is_compatible, is_same_date, name_likeness, name_of
from iars_node.cases.merged import merge_documents, plain_record
from iars_node.cases.model import Document, Likeness
from iars_node.cases.store import contents, finding, words

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from iars_node.work import Work
    from iars_protocol.record import Record, Value

_SAME_DOCUMENT, _SAME_PHONE, _SAME_BIRTH_DATE = 98, 85, 6
_MOST_CANDIDATES = 200


def likely_duplicates(work: Work, record: Record, *, without: Collection[str] = ()) -> list[Likeness]:
    """Return cases that may be of the person in the record, the likeliest first.

    `without` leaves cases out, such as the one that the record comes from.
    """
    identity = record.get("identity", {})
    numbers = _number_matches(work, record)
    heard = {key for key in words.keys_of(work.vault, "identity", identity) if key[0] == words.SOUND}
    candidates = (
        finding.sharing(work.connection, heard, min(2, len(heard)), _MOST_CANDIDATES) if heard else {}
    )
    case_ids = (candidates.keys() | numbers.keys()) - set(without)
    identities = identities_of(work, case_ids)
    found = (
        likeness(case_id, identity, identities.get(case_id, {}), numbers[case_id]) for case_id in case_ids
    )
    return sorted((one for one in found if one), key=lambda one: (-one.score, one.case_id))


def likeness(
    case_id: str, mine: Mapping[str, Value], theirs: Mapping[str, Value], shared: Collection[str]
) -> Likeness | None:
    """Compare two identities that may share numbers too; None when nothing speaks for one person."""
    reasons = sorted(shared)
    scores = [_SAME_DOCUMENT if column == words.DOCUMENT else _SAME_PHONE for column in shared]
    births = mine.get("birth_date"), theirs.get("birth_date")
    alike = name_likeness(name_of(mine), name_of(theirs))
    if alike >= ALIKE_NAME and is_compatible(*births):
        reasons.append("name")
        scores.append(alike - _SAME_BIRTH_DATE)
        if is_same_date(*births):
            reasons.append("birth-date")
            scores[-1] += _SAME_BIRTH_DATE
    return Likeness(case_id, max(scores), tuple(reasons)) if scores else None


def identities_of(work: Work, case_ids: Iterable[str]) -> dict[str, Mapping[str, Value]]:
    """Return the merged identity of cases, for comparison only: it is never shown."""
    by_case: dict[str, list[Document]] = defaultdict(list)
    for document in contents.read_documents(
        work.connection, work.vault, list(case_ids), ["identity"], at=work.now
    ):
        by_case[document.case_id].append(document)
    return {
        case_id: plain_record(merge_documents(documents)).get("identity", {})
        for case_id, documents in by_case.items()
    }


def _number_matches(work: Work, record: Record) -> defaultdict[str, set[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    keys = {
        key
        for scope in words.INDEXED_SCOPES & record.keys()
        for key in words.keys_of(work.vault, scope, record[scope])
        if key[0] in (words.DOCUMENT, words.PHONE)
    }
    if keys:
        for (column, _blind), case_id in finding.cases_by_key(work.connection, keys):
            found[case_id].add(column)
    return found
