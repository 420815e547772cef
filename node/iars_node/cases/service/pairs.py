"""Pairs of cases that look alike: listed until somebody merges them, or says that they are two persons."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from iars_node import audit
from iars_node.accounts.access import require
from iars_node.cases.model import Pair
from iars_node.cases.service.duplicates import identities_of, likeness
from iars_node.cases.service.reading import with_aliases
from iars_node.cases.store import finding, heads, persons, words
from iars_node.errors import ConflictError, InvalidError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iars_node.work import Work

PAIRS_ON_A_PAGE = 20
_ROWS_AT_ONCE = 200
_MOST_LOOKS = 20
_TELLING = (words.DOCUMENT, words.PHONE, words.WHOLE_NAME)
_ID_DIGITS = 32


def duplicate_pairs(work: Work, cursor: str | None = None) -> tuple[list[Pair], str | None]:
    """Return a page of pairs of cases that are probably of one person, and the cursor of the next."""
    require(work.actor, "case.merge")
    after = _read_place(cursor)
    found: list[Pair] = []
    is_more = True
    for _ in range(_MOST_LOOKS):
        rows = finding.sharing_pairs(work.connection, _TELLING, after, _ROWS_AT_ONCE)
        is_more = len(rows) == _ROWS_AT_ONCE
        pairs = [(pair, {row[2] for row in group}) for pair, group in groupby(rows, key=lambda row: row[:2])]
        # The last pair may go on in rows that were not read.
        pairs = pairs[:-1] if is_more and len(pairs) > 1 else pairs
        found += _alike(work, pairs)
        after = pairs[-1][0] if pairs else after
        if not is_more or len(found) >= PAIRS_ON_A_PAGE:
            break
    shown = found[:PAIRS_ON_A_PAGE]
    if len(found) > len(shown):
        after, is_more = (shown[-1].one.id, shown[-1].other.id), True
    audit.record(work, "case.duplicates-listed", detail={"found": len(shown)})
    return shown, f"{after[0]}.{after[1]}" if is_more else None


def say_different(work: Work, one_person: str, other_person: str) -> None:
    """Remember that two persons are not one, so that nobody is asked again."""
    require(work.actor, "case.merge")
    one = persons.survivor(work.connection, one_person)
    other = persons.survivor(work.connection, other_person)
    if one == other:
        raise ConflictError("These two are one person already.")
    if not persons.differ(work.connection, one, other):
        persons.insert_difference(work.connection, one, other, work.now, work.actor.id)
        audit.record(work, "person.told-apart", subject=one, detail={"from": other})


def _alike(work: Work, pairs: Sequence[tuple[tuple[str, str], set[str]]]) -> list[Pair]:
    case_ids = {case_id for pair, _shared in pairs for case_id in pair}
    found = {
        case.id: case
        for case in with_aliases(work, list(heads.find_cases(work.connection, case_ids).values()))
    }
    person_ids = {case.person_id for case in found.values()}
    behind = {person_id: persons.survivor(work.connection, person_id) for person_id in person_ids}
    apart = persons.differences(work.connection, set(behind.values()))
    identities = identities_of(work, case_ids)
    alike = []
    for (one_id, other_id), shared in pairs:
        one, other = found[one_id], found[other_id]
        first, second = sorted((behind[one.person_id], behind[other.person_id]))
        if first == second or (first, second) in apart:
            continue
        mine, theirs = identities.get(one_id, {}), identities.get(other_id, {})
        why = likeness(other_id, mine, theirs, shared - {words.WHOLE_NAME})
        if why is not None:
            alike.append(Pair(one, other, why))
    return alike


def _read_place(cursor: str | None) -> tuple[str, str]:
    if cursor is None:
        return "", ""
    one, _, other = cursor.partition(".")
    if len(one) != _ID_DIGITS or len(other) != _ID_DIGITS:
        raise InvalidError("The list can't continue from there.", {"cursor": "accepted: one given before"})
    return one, other
