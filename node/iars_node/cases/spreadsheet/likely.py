"""Rows that are probably of a person who is known here, or who stands in an earlier row."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from iars_node.cases.service.duplicates import identities_of, likeness
from iars_node.cases.spreadsheet.model import CaseRow, LikelyRow
from iars_node.cases.store import finding, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from iars_node.cases.store.words import Key
    from iars_node.work import Work
    from iars_protocol.record import Value

MOST_FOUND = 1000
_MOST_PER_KEY = 5
"""A shelter's phone stands in the rows of everyone in it: a few of them are enough to show."""

_TELLING = frozenset({words.WHOLE_NAME, words.DOCUMENT, words.PHONE})


@dataclass(frozen=True, slots=True)
class NewRow:
    """A row whose case is not known here, and the words that it will be found by, by scope."""

    row: CaseRow
    keys: dict[str, set[Key]] = field(repr=False)


class LikelyRows:
    """Collects likely duplicates among new rows: by document, phone, or the sound of the whole name."""

    def __init__(self, work: Work) -> None:
        self.found: list[LikelyRow] = []
        self._work = work
        self._earlier: dict[Key, list[CaseRow]] = defaultdict(list)

    def look_at(self, rows: Sequence[NewRow]) -> None:
        """Compare new rows with the cases here and with earlier rows."""
        if len(self.found) >= MOST_FOUND:
            return
        telling = [(new.row, _telling(new)) for new in rows]
        cases = self._cases({key for _row, keys in telling for key in keys})
        identities = identities_of(self._work, {case for held in cases.values() for case in held})
        for row, mine in telling:
            for case_id, shared in _by_holder(mine, cases).items():
                self._compare(row, (case_id, None), identities.get(case_id, {}), shared)
            self._look_back(row, mine)

    def _look_back(self, row: CaseRow, mine: set[Key]) -> None:
        met = {key: self._earlier[key] for key in mine if key in self._earlier}
        others = {other.place: other for rows in met.values() for other in rows}
        earlier = {key: [other.place for other in rows] for key, rows in met.items()}
        for place, shared in _by_holder(met, earlier).items():
            self._compare(row, (None, place), others[place].record.get("identity", {}), shared)
        for key in mine:
            if len(self._earlier[key]) < _MOST_PER_KEY:
                self._earlier[key].append(row)

    def _cases(self, keys: Iterable[Key]) -> dict[Key, list[str]]:
        found: dict[Key, list[str]] = defaultdict(list)
        wanted = list(keys)
        for key, case_id in finding.cases_by_key(self._work.connection, wanted) if wanted else ():
            if len(found[key]) < _MOST_PER_KEY:
                found[key].append(case_id)
        return found

    def _compare(
        self,
        row: CaseRow,
        other: tuple[str | None, str | None],
        theirs: Mapping[str, Value],
        shared: set[str],
    ) -> None:
        case_id, place = other
        found = likeness("", row.record.get("identity", {}), theirs, shared - {words.WHOLE_NAME})
        if found is not None and len(self.found) < MOST_FOUND:
            self.found.append(LikelyRow(row.sheet, row.number, case_id, place, found.score, found.reasons))


def row_keys(work: Work, row: CaseRow) -> NewRow:
    """Return a new row with the words that its case will be found by."""
    indexed = words.INDEXED_SCOPES & row.record.keys()
    return NewRow(row, {scope: words.keys_of(work.vault, scope, row.record[scope]) for scope in indexed})


def _telling(new: NewRow) -> set[Key]:
    return {key for keys in new.keys.values() for key in keys if key[0] in _TELLING}


def _by_holder(mine: Iterable[Key], holders: Mapping[Key, Sequence[str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for key in mine:
        for holder in holders.get(key, ()):
            found[holder].add(key[0])
    return found
