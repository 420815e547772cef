"""Who belongs to a person, and what is still to be done for them: the household and the follow-ups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node.cases import service as cases
from iars_node.cases.model import JOINING_REASONS, LEAVING_REASONS, RELATIONS
from iars_node.consent import service as consents
from iars_node.errors import NotFoundError
from iars_node.web.case_view import permitted
from iars_node.web.household import members_of
from iars_node.web.pages import Pages
from iars_node.web.people import organisations
from iars_node.web.visit import Page, Redirect, Sheet
from iars_protocol.vocabulary import SCOPES

if TYPE_CHECKING:
    from iars_node.cases.model import Case
    from iars_node.web.case_view import Permitted
    from iars_node.web.household import Belonging
    from iars_node.web.visit import Answer, Faults, Visit

pages = Pages()

HOUSEHOLD = "/cases/{case_id}/household"
TASKS = "/cases/{case_id}/tasks"


@pages.get(HOUSEHOLD, "case.read")
def show_household(visit: Visit, case_id: str) -> Answer:
    """Show who belongs to a person's household, and what each of them agreed to."""
    return _household(visit, case_id, Sheet())


def _household(visit: Visit, case_id: str, sheet: Sheet) -> Page:
    head = cases.case_head(visit.work, case_id)
    cases.require_open(visit.work, head)
    members = members_of(visit, head)
    return Page(
        "household.html",
        {
            "case": head,
            "sheet": sheet,
            "members": members,
            "agreed": _agreed(visit, members),
            "relations": visit.speech.choices("relation"),
            "joining": visit.speech.choices("household_joining"),
        },
    )


def _agreed(visit: Visit, members: list[Belonging]) -> dict[str, list[Permitted]]:
    """Return the consents that stand, by case: nobody agrees for another."""
    if not visit.may("consent.read"):
        return {}
    names = organisations(visit)
    return {
        each.case.id: permitted(visit, consents.of_case(visit.work, each.case.id), names)
        for each in members
        if each.case is not None
    }


@pages.post(HOUSEHOLD, "case.edit")
def link(visit: Visit, case_id: str) -> Answer:
    """Put somebody into the person's household by the reference of their case."""

    def again(sheet: Sheet) -> Page:
        return _household(visit, case_id, sheet)

    head = cases.case_head(visit.work, case_id)
    cases.require_open(visit.work, head)
    relation = next(iter(visit.chosen("relation", RELATIONS)), "")
    reason = next(iter(visit.chosen("reason", JOINING_REASONS)), "")
    own = next(iter(visit.chosen("own_relation", RELATIONS)), "") or "head"
    other = _case_of(visit, visit.typed("reference"))
    faults = _faults(visit, head, other)
    for name, code in (("relation", relation), ("reason", reason)):
        if not code:
            faults[name] = visit.gettext("Choose from the list.")
    if faults or other is None:
        raise visit.unfinished(again, faults)
    household_id = _household_of(visit, head, other, own, reason)
    cases.link_household(visit.work, household_id, other.person_id, relation, reason=reason, case_id=case_id)
    return Redirect(f"/cases/{case_id}/household?done=linked")


def _faults(visit: Visit, head: Case, other: Case | None) -> dict[str, str]:
    if other is None:
        return {"reference": visit.gettext("There is no case of this reference.")}
    if other.person_id == head.person_id:
        return {"reference": visit.gettext("This is a case of the same person.")}
    if not cases.is_open_to(visit.work, other):
        return {
            "reference": visit.gettext(
                "This case is somebody else's: ask for it to be assigned to you first."
            )
        }
    return {}


def _case_of(visit: Visit, reference: str) -> Case | None:
    try:
        return cases.case_by_reference(visit.work, reference.upper())
    except NotFoundError:
        return None


def _household_of(visit: Visit, head: Case, other: Case, own: str, reason: str) -> str:
    """Return the household of either of the two, or a new one with the person in it."""
    for one in (head, other):
        for household_id in cases.households_of(visit.work, one.person_id):
            if one is other:
                _link_head(visit, household_id, head, own, reason)
            return household_id
    household_id = cases.open_household(visit.work)
    _link_head(visit, household_id, head, own, reason)
    return household_id


def _link_head(visit: Visit, household_id: str, head: Case, own: str, reason: str) -> None:
    cases.link_household(visit.work, household_id, head.person_id, own, reason=reason, case_id=head.id)


@pages.get(f"{HOUSEHOLD}/leave", "case.edit")
def show_leaving(visit: Visit, case_id: str) -> Answer:
    """Ask why somebody does not belong to the household any more."""
    return _leaving(visit, case_id, visit.query.get("person", ""), Sheet())


def _leaving(visit: Visit, case_id: str, person_id: str, sheet: Sheet) -> Page:
    head = cases.case_head(visit.work, case_id)
    cases.require_open(visit.work, head)
    found = next((each for each in members_of(visit, head) if each.person_id == person_id), None)
    if found is None or not person_id:
        raise NotFoundError("There is no such person.")
    reasons = visit.speech.choices("household_leaving")
    return Page("household_leave.html", {"case": head, "sheet": sheet, "member": found, "reasons": reasons})


@pages.post(f"{HOUSEHOLD}/leave", "case.edit")
def unlink(visit: Visit, case_id: str) -> Answer:
    """Take somebody out of the household."""
    person_id = visit.typed("person")
    reason = next(iter(visit.chosen("reason", LEAVING_REASONS)), "")
    if not reason:
        faults = {"reason": visit.gettext("Choose from the list.")}
        raise visit.unfinished(lambda sheet: _leaving(visit, case_id, person_id, sheet), faults)
    found = _leaving(visit, case_id, person_id, Sheet()).values["member"]
    cases.unlink_household(visit.work, found.household_id, found.person_id, reason=reason, case_id=case_id)
    return Redirect(f"/cases/{case_id}/household?done=linked")


@pages.get(f"{TASKS}/new", "case.edit")
def show_task(visit: Visit, case_id: str) -> Answer:
    """Ask what is to be done, by when, by whom."""
    typed = {"scope": ["services"], "assigned_to": [visit.actor.id]}
    return _task(visit, case_id, Sheet(typed))


def _task(visit: Visit, case_id: str, sheet: Sheet) -> Page:
    head = cases.case_head(visit.work, case_id)
    readable = cases.access_to(visit.work, head).scopes
    return Page(
        "task.html",
        {
            "case": head,
            "sheet": sheet,
            "choices": {code: visit.speech.scope(code) for code in SCOPES if code in readable},
            "people": cases.assignable(visit.work),
        },
    )


@pages.post(f"{TASKS}/new", "case.edit")
def add_task(visit: Visit, case_id: str) -> Answer:
    """Keep a follow-up."""

    def again(sheet: Sheet) -> Page:
        return _task(visit, case_id, sheet)

    scope = next(iter(visit.chosen("scope", SCOPES)), "")
    due = visit.last_moment("due")
    faults: Faults = {}
    if not scope:
        faults["scope"] = visit.gettext("Choose from the list.")
    if due is None or due <= visit.now:
        faults["due"] = visit.gettext("Write today or a later day.")
    if not visit.typed("text"):
        faults["text"] = visit.gettext("Write what is to be done.")
    if faults or due is None:
        raise visit.unfinished(again, faults)
    with visit.keeping(again):
        cases.add_task(
            visit.work,
            case_id,
            scope,
            visit.typed("text"),
            due_at=due,
            assigned_to=visit.typed("assigned_to"),
        )
    return Redirect(f"/cases/{case_id}?done=task-added#tasks")


@pages.post(f"{TASKS}/{{task_id}}", "case.edit")
def finish_task(visit: Visit, case_id: str, task_id: str) -> Answer:
    """Note that a follow-up is done."""
    cases.finish_task(visit.work, case_id, task_id)
    return Redirect(f"/cases/{case_id}?done=task-done#tasks")
