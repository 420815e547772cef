"""Likely duplicates: pairs that look alike, side by side, merged or told apart by a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iars_node.cases import service as cases
from iars_node.errors import ConflictError, NotFoundError
from iars_node.web.pages import Pages
from iars_node.web.people import colleagues
from iars_node.web.visit import Page, Redirect, Sheet
from iars_protocol.vocabulary import SCOPES

if TYPE_CHECKING:
    from iars_node.cases.model import CaseRecord, Merge
    from iars_node.web.visit import Answer, Visit

pages = Pages()

_PAIR = "/duplicates/{case_id}/{other_id}"
_MOST_LEVEL = 4
"""What is most sensitive is not laid side by side: it is opened on a case's own page, by name."""


@dataclass(frozen=True, slots=True)
class Row:
    """One field of two cases: what each says, as lines, and whether it is the same."""

    scope: str
    name: str
    one: list[str]
    other: list[str]

    @property
    def is_same(self) -> bool:
        """Whether both say the same."""
        return self.one == self.other


@pages.get("/duplicates", "case.merge", writes=True)
def show_pairs(visit: Visit) -> Answer:
    """List pairs of cases that are probably of one person, and why."""
    found, more = cases.duplicate_pairs(visit.work, visit.query.get("from") or None)
    return Page("duplicates.html", {"pairs": found, "more": more, "is_first": not visit.query.get("from")})


@pages.get(_PAIR, "case.merge", writes=True)
def show_pair(visit: Visit, case_id: str, other_id: str) -> Answer:
    """Show two cases side by side, as far as the reader's roles show them."""
    return _pair(visit, case_id, other_id, Sheet())


@pages.post(_PAIR + "/merge", "case.merge")
def merge(visit: Visit, case_id: str, other_id: str) -> Answer:
    """Make two persons one: every case and its history stays, and it can be undone."""

    def again(sheet: Sheet) -> Page:
        return _pair(visit, case_id, other_id, sheet)

    one, other = cases.case_head(visit.work, case_id), cases.case_head(visit.work, other_id)
    kept = {case_id: (other, one), other_id: (one, other)}.get(visit.typed("keep"))
    if kept is None:
        raise visit.unfinished(again, {"keep": visit.gettext("Choose which of the two goes on.")})
    if not visit.typed("sure"):
        raise visit.unfinished(again, {"sure": visit.gettext("Tick this when you are sure.")})
    leaving, staying = kept
    with visit.keeping(again):
        cases.merge_persons(visit.work, leaving.person_id, staying.person_id)
    return Redirect(f"/duplicates/{case_id}/{other_id}?done=merged")


@pages.post(_PAIR + "/apart", "case.merge")
def tell_apart(visit: Visit, case_id: str, other_id: str) -> Answer:
    """Remember that these are two persons: the pair is not shown again."""
    one, other = cases.case_head(visit.work, case_id), cases.case_head(visit.work, other_id)
    with visit.keeping(lambda sheet: _pair(visit, case_id, other_id, sheet)):
        cases.say_different(visit.work, one.person_id, other.person_id)
    return Redirect("/duplicates?done=apart")


@pages.post(_PAIR + "/undo", "case.merge")
def undo(visit: Visit, case_id: str, other_id: str) -> Answer:
    """Undo a merge: the two are two again."""
    standing = _merge_of(visit, case_id, other_id)
    if standing is None:
        raise ConflictError("This merge was undone before.")
    cases.unmerge_persons(visit.work, standing.id)
    return Redirect(f"/duplicates/{case_id}/{other_id}?done=parted")


def _merge_of(visit: Visit, case_id: str, other_id: str) -> Merge | None:
    persons = {cases.case_head(visit.work, each).person_id for each in (case_id, other_id)}
    found = [
        merge
        for person in persons
        for merge in cases.merges_of(visit.work, person)
        if merge.undone_at is None and {merge.from_person, merge.into_person} == persons
    ]
    return found[0] if found else None


def _pair(visit: Visit, case_id: str, other_id: str, sheet: Sheet) -> Page:
    if case_id == other_id:
        raise NotFoundError("There is no such page.")
    records = [_read(visit, each) for each in (case_id, other_id)]
    heads = [record.head for record in records]
    behind = {cases.person_behind(visit.work, head.person_id) for head in heads}
    return Page(
        "duplicate.html",
        {
            "sheet": sheet,
            "one": heads[0],
            "other": heads[1],
            "path": f"/duplicates/{case_id}/{other_id}",
            "rows": _rows(visit, *records),
            "closed": [
                visit.speech.scope(code) for code in SCOPES if code in visit.readable and _is_closed(code)
            ],
            "names": colleagues(visit, (head.assigned_to for head in heads)),
            "is_one": len(behind) == 1,
            "merge": _merge_of(visit, case_id, other_id),
        },
    )


def _is_closed(code: str) -> bool:
    return SCOPES[code].level > _MOST_LEVEL


def _read(visit: Visit, case_id: str) -> CaseRecord:
    access = cases.access_to(visit.work, cases.case_head(visit.work, case_id))
    wanted = [code for code in SCOPES if code in access.scopes and not _is_closed(code)]
    return cases.read_case(visit.work, case_id, wanted)


def _rows(visit: Visit, one: CaseRecord, other: CaseRecord) -> list[Row]:
    found = []
    for code, scope in SCOPES.items():
        views = [record.scopes.get(code) for record in (one, other)]
        fields = [view.fields if view else {} for view in views]
        for name in scope.fields:
            if name in fields[0] or name in fields[1]:
                said = [
                    visit.speech.value(code, name, held[name].value) if name in held else []
                    for held in fields
                ]
                found.append(Row(code, name, said[0], said[1]))
    return found
