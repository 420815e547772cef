"""What is left after a handover; ending a permission to pass on; what others state that they erased."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node.cases import service as cases
from iars_node.consent import onward
from iars_node.errors import NotFoundError
from iars_node.referrals.handover_rules import THEY_TAKE, YOU_LEAVE
from iars_node.web.declaring import declared
from iars_node.web.pages import Pages
from iars_node.web.people import colleagues, organisations, own_name
from iars_node.web.visit import Document, Page, Redirect, Sheet
from iars_node.withdrawals import service as withdrawals
from iars_protocol.vocabulary import SCOPES

if TYPE_CHECKING:
    from iars_node.consent.onward_model import KeptPermission
    from iars_node.web.visit import Answer, Visit

pages = Pages()

BUNDLE = "application/jsonl"


@pages.get("/cases/{case_id}/handed-over", "consent.read")
def show_handed_over(visit: Visit, case_id: str) -> Answer:
    """Show to whom a case was handed over, what of it is still here and what is kept."""
    return _handed_over(visit, case_id, Sheet())


@pages.post("/cases/{case_id}/handed-over", "erasure.decide")
def keep(visit: Visit, case_id: str) -> Answer:
    """Keep a part of a case that was handed over, because a law requires it."""

    def again(sheet: Sheet) -> Page:
        return _handed_over(visit, case_id, sheet)

    said = declared(visit, again)
    with visit.keeping(again):
        withdrawals.keep_after_handover(visit.work, case_id, said.scopes, said.ground, said.until)
    return Redirect(f"/cases/{case_id}/handed-over?done=kept")


def _handed_over(visit: Visit, case_id: str, sheet: Sheet) -> Page:
    found = withdrawals.handed_over(visit.work, case_id)
    people = colleagues(visit, [each.decided_by for each in found.kept] if found else [])
    return Page(
        "handed_over.html",
        {
            "sheet": sheet,
            "case": cases.case_head(visit.work, case_id),
            "found": found,
            "names": {**organisations(visit), **people},
            "grounds": visit.speech.choices("retention_ground"),
            "scope_names": {code: visit.speech.scope(code) for code in SCOPES},
            "letting_go": YOU_LEAVE,
            "taking_over": THEY_TAKE,
        },
    )


@pages.get("/cases/{case_id}/onward/{onward_id}/end", "consent.withdraw")
def show_ending(visit: Visit, case_id: str, onward_id: str) -> Answer:
    """Say what ending a permission to pass on does; no reason is asked."""
    return _ending(visit, case_id, onward_id, Sheet())


@pages.post("/cases/{case_id}/onward/{onward_id}/end", "consent.withdraw")
def end_permission(visit: Visit, case_id: str, onward_id: str) -> Answer:
    """End a permission to pass on, and nothing else: what the holder received itself stays with it."""
    _permission(visit, case_id, onward_id)
    with visit.keeping(lambda sheet: _ending(visit, case_id, onward_id, sheet)):
        withdrawals.withdraw_onward(visit.work, onward_id)
    visit.work.after_commit.append(visit.node.sender.wake)
    return Redirect(f"/cases/{case_id}/sharing?done=ended" if visit.may("consent.read") else "/?done=ended")


def _permission(visit: Visit, case_id: str, onward_id: str) -> KeptPermission:
    found = onward.given_permission(visit.work, onward_id)
    if found.case_id != case_id:
        raise NotFoundError("There is no permission of this id.")
    return found


def _ending(visit: Visit, case_id: str, onward_id: str, sheet: Sheet) -> Page:
    return Page(
        "onward_end.html",
        {
            "sheet": sheet,
            "case": cases.case_head(visit.work, case_id),
            "permission": _permission(visit, case_id, onward_id),
            "names": organisations(visit),
        },
    )


@pages.get("/cases/{case_id}/erasures", "consent.read")
def show_erasures(visit: Visit, case_id: str) -> Answer:
    """Show what each organisation states about what it erased, with its dates; made to be printed."""
    asked = withdrawals.asked_of_case(visit.work, case_id)
    return Page(
        "erasures.html",
        {
            "case": cases.case_head(visit.work, case_id),
            "reports": withdrawals.reports_of_case(visit.work, case_id),
            "waiting": [each.notice for each in asked if each.notice.outcome == "waiting"],
            "proofs": {message: proved for each in asked for message, proved in each.proofs.items()},
            "names": organisations(visit),
            "own_name": own_name(visit),
        },
    )


@pages.get("/cases/{case_id}/erasures/{report_id}", "consent.read")
def give_proof(visit: Visit, case_id: str, report_id: str) -> Answer:
    """Give a statement's proof as a file that anybody verifies without this node."""
    for asked in withdrawals.asked_of_case(visit.work, case_id):
        for report in asked.reports:
            if report.message.hex() == report_id and report.message in asked.proofs:
                lines = withdrawals.proof_lines(visit.work, report, asked.proofs[report.message])
                return Document(b"".join(lines), BUNDLE, f"erasure-{report_id[:16]}.jsonl")
    raise NotFoundError("There is no proof of this statement yet.")
