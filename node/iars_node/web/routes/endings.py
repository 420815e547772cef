"""What has ended of what a case received: closed at once, erased later, kept only on a legal ground."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node.cases import service as cases
from iars_node.web.declaring import declared
from iars_node.web.pages import Pages
from iars_node.web.people import organisations
from iars_node.web.visit import Page, Redirect, Sheet
from iars_node.withdrawals import service as withdrawals
from iars_protocol.vocabulary import SCOPES

if TYPE_CHECKING:
    from iars_node.web.visit import Answer, Visit

pages = Pages()


@pages.get("/cases/{case_id}/endings", "consent.read")
def show_endings(visit: Visit, case_id: str) -> Answer:
    """Show what is closed, until when, and what is kept on which ground."""
    return _page(visit, case_id, Sheet())


def _page(visit: Visit, case_id: str, sheet: Sheet) -> Page:
    return Page(
        "endings.html",
        {
            "sheet": sheet,
            "case": cases.case_head(visit.work, case_id),
            "endings": withdrawals.endings_of_case(visit.work, case_id),
            "names": organisations(visit),
            "grounds": visit.speech.choices("retention_ground"),
            "scope_names": {code: visit.speech.scope(code) for code in SCOPES},
        },
    )


@pages.post("/cases/{case_id}/endings", "erasure.decide")
def retain(visit: Visit, case_id: str) -> Answer:
    """Keep something on a declared legal ground."""

    def again(sheet: Sheet) -> Page:
        return _page(visit, case_id, sheet)

    known = {held.ending.id for held in withdrawals.endings_of_case(visit.work, case_id)}
    if visit.typed("ending") not in known:
        return Redirect(f"/cases/{case_id}/endings")
    said = declared(visit, again)
    with visit.keeping(again):
        withdrawals.retain(visit.work, visit.typed("ending"), said.scopes, said.ground, said.until)
    return Redirect(f"/cases/{case_id}/endings?done=retained")
