"""The person's rights: the report of what is held and who learned it, and corrections at every recipient."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from babel import Locale

from iars_node.cases import service as cases
from iars_node.consent.paper import print_receipt
from iars_node.rights import service as rights
from iars_node.web.access_reports import make_access_report, make_correction_notice
from iars_node.web.pages import Pages
from iars_node.web.people import organisations
from iars_node.web.visit import Document, Page, Redirect

if TYPE_CHECKING:
    from iars_node.consent.receipt import Receipt
    from iars_node.web.visit import Answer, Visit

pages = Pages()


def _report(visit: Visit, case_id: str) -> Receipt:
    zone = ZoneInfo(visit.node.settings.zone)
    return make_access_report(visit.work, case_id, zone, whole_person=visit.query.get("only", "") != "1")


def _paper(made: Receipt) -> Page:
    return Page(
        "consent_paper.html", {"receipt": made, "direction": Locale.parse(made.language).text_direction}
    )


@pages.get("/cases/{case_id}/access-report", "person.report", writes=True)
def show_report(visit: Visit, case_id: str) -> Answer:
    """Show everything that is held about a person, to be printed."""
    return _paper(_report(visit, case_id))


@pages.get("/cases/{case_id}/access-report.pdf", "person.report", writes=True)
def print_report(visit: Visit, case_id: str) -> Answer:
    """Give the report as a PDF."""
    made = _report(visit, case_id)
    return Document(print_receipt(made), "application/pdf", f"{made.number}.pdf")


@pages.get("/cases/{case_id}/corrections", "case.read")
def show_corrections(visit: Visit, case_id: str) -> Answer:
    """Show a case's corrections: what was sent, and who has to be told by other means."""
    return Page(
        "corrections.html",
        {
            "case": cases.case_head(visit.work, case_id),
            "corrections": rights.corrections_of_case(visit.work, case_id),
            "names": organisations(visit),
        },
    )


@pages.get("/corrections/{correction_id}/notice", "person.correct", writes=True)
def show_notice(visit: Visit, correction_id: str) -> Answer:
    """Show the notice for an organisation that could not be sent a correction."""
    return _paper(_notice(visit, correction_id))


@pages.get("/corrections/{correction_id}/notice.pdf", "person.correct", writes=True)
def print_notice(visit: Visit, correction_id: str) -> Answer:
    """Give the notice as a PDF."""
    return Document(print_receipt(_notice(visit, correction_id)), "application/pdf", "notice.pdf")


def _notice(visit: Visit, correction_id: str) -> Receipt:
    return make_correction_notice(visit.work, correction_id, ZoneInfo(visit.node.settings.zone))


@pages.post("/corrections/{correction_id}/told", "person.correct")
def mark_told(visit: Visit, correction_id: str) -> Answer:
    """Note that an organisation was told by other means."""
    told = rights.mark_told(visit.work, correction_id)
    return Redirect(f"/cases/{told.case_id}/corrections?done=noted-told")
