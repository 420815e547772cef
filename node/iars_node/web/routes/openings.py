"""Looking into a case of others: why, and who has looked at that since."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node.cases import service as cases
from iars_node.web.pages import Pages
from iars_node.web.people import colleagues
from iars_node.web.visit import Page, Redirect, Sheet

if TYPE_CHECKING:
    from iars_node.web.visit import Answer, Visit

pages = Pages()

MOST = 100


@pages.get("/cases/{case_id}/look", "case.break-glass")
def show_look(visit: Visit, case_id: str) -> Answer:
    """Ask why somebody must look into a case that is not assigned to them."""
    return _form(visit, case_id, Sheet())


def _form(visit: Visit, case_id: str, sheet: Sheet) -> Page:
    case = cases.case_head(visit.work, case_id)
    return Page(
        "look.html",
        {
            "case": case,
            "sheet": sheet,
            "is_shut": bool(cases.access_to(visit.work, case).shut),
            "hours": int(visit.work.assignment.opening.total_seconds() // 3600),
        },
    )


@pages.post("/cases/{case_id}/look", "case.break-glass")
def look(visit: Visit, case_id: str) -> Answer:
    """Open the case for a time; its owner and the supervisors are told."""
    with visit.keeping(lambda sheet: _form(visit, case_id, sheet)):
        cases.break_glass(visit.work, case_id, visit.typed("reason"))
    return Redirect(f"/cases/{case_id}?done=looking")


@pages.get("/looks", "case.read")
def show_looks(visit: Visit) -> Answer:
    """Show who looked into one's own cases, and to supervisors into any case."""
    found = cases.openings_to_look_at(visit.work, MOST)
    return Page(
        "looks.html",
        {
            "looks": [(each, cases.case_head(visit.work, each.case_id)) for each in found],
            "names": colleagues(visit, (each.account_id for each in found)),
        },
    )


@pages.post("/looks/{opening_id}/seen", "case.read")
def see_look(visit: Visit, opening_id: str) -> Answer:
    """Note that one has looked at why somebody did."""
    cases.review_opening(visit.work, opening_id)
    return Redirect("/looks?done=seen")
