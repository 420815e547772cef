"""A new case, in steps: each is kept as it is left, and the case can be opened at any of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node.cases import service as cases
from iars_node.cases.model import Assignment
from iars_node.db import savepoint
from iars_node.drafts import service as drafts
from iars_node.errors import ConflictError, InvalidError, NotFoundError, RefusedError
from iars_node.web.drafting import Flow, Standing, keep, kept_draft, shown, with_faults
from iars_node.web.languages import N_
from iars_node.web.likely import alike
from iars_node.web.pages import Pages
from iars_node.web.people import own_country
from iars_node.web.record_forms import Place, places, read_values
from iars_node.web.visit import Redirect, Sheet

if TYPE_CHECKING:
    from collections.abc import Callable

    from iars_node.drafts.model import Draft
    from iars_node.web.visit import Answer, Faults, Page, Visit
    from iars_protocol.record import Record

pages = Pages()

FLOW = Flow(
    "case",
    "/cases/new",
    {
        "person": N_("Person"),
        "about": N_("About them"),
        "contact": N_("Contact"),
        "needs": N_("Needs"),
        "check": N_("Check and open"),
    },
)
# What a first meeting gives; everything else has its place in the case.
FIRST_FIELDS = {
    "person": ("identity", ("alias", "given_name", "family_name", "birth_date")),
    "about": ("demographics", ("gender", "citizenships", "languages")),
    "contact": ("contact", ("phone", "safe_channel", "safe_times")),
    "needs": ("services", ("needs", "constraints")),
}
_BESIDE = {"person": ("anyway",), "needs": ("external_number",)}


def _places(visit: Visit, step: str) -> list[Place]:
    if step not in FIRST_FIELDS:
        return []
    scope, names = FIRST_FIELDS[step]
    return places(scope, names) if scope in visit.readable else []


def _belongs(visit: Visit, *steps: str) -> Callable[[str], bool]:
    names = {place.name for step in steps for place in _places(visit, step)}
    beside = {name for step in steps for name in _BESIDE.get(step, ())}

    def belongs(name: str) -> bool:
        # A field of several pieces, such as `services.needs.0.priority`, is named by its beginning.
        return name in beside or ".".join(name.split(".")[:2]) in names

    return belongs


@pages.get("/cases/new", "case.open")
def show_first(visit: Visit) -> Answer:
    """Show the first step; nothing is kept before it is sent."""
    return _page(visit, shown(FLOW, "person", None))


@pages.post("/cases/new", "case.open")
def begin(visit: Visit) -> Answer:
    """Keep the first answers as a draft and go on, or open the case with them at once."""
    return _left(visit, "person", "")


@pages.get("/cases/new/{draft_id}/{step}", "case.open", writes=True)
def show_step(visit: Visit, draft_id: str, step: str) -> Answer:
    """Show a step with what is typed so far."""
    kept = kept_draft(visit, FLOW, draft_id)
    if kept.outcome:
        return Redirect(kept.outcome)
    return _page(visit, shown(FLOW, FLOW.check(step), kept))


@pages.post("/cases/new/{draft_id}/{step}", "case.open")
def save_step(visit: Visit, draft_id: str, step: str) -> Answer:
    """Keep a step's answers, and go on or open the case."""
    kept = kept_draft(visit, FLOW, draft_id)
    if kept.outcome:
        return Redirect(kept.outcome)
    return _left(visit, FLOW.check(step), draft_id)


def _left(visit: Visit, step: str, draft_id: str) -> Answer:
    goes_on = bool(visit.typed("go")) and step != "check"
    # Who opens the case at the first step may have sent every answer with it.
    steps = (step,) if goes_on or draft_id else tuple(FIRST_FIELDS)
    standing = keep(visit, FLOW, step, draft_id, _belongs(visit, *steps))
    if standing.draft is None or standing.theirs:
        return _page(visit, standing, 422)
    if not goes_on:
        return _opened(visit, standing.draft, step)
    if faults := _faults(visit, standing.draft, step):
        return _page(visit, with_faults(visit, standing, faults), 422)
    if step == "person" and (known := _alike(visit, standing.draft)):
        return _page(visit, standing, alike=known)
    return Redirect(FLOW.path_of(FLOW.after(step), standing.draft.id))


def _opened(visit: Visit, kept: Draft, step: str) -> Answer:
    for earlier in FIRST_FIELDS:
        if faults := _faults(visit, kept, earlier):
            return _page(visit, with_faults(visit, shown(FLOW, earlier, kept), faults), 422)
    if known := _alike(visit, kept):
        return _page(visit, shown(FLOW, "person", kept), alike=known)
    try:
        # The draft is committed whatever becomes of the case.
        with savepoint(visit.work.connection):
            opened = cases.open_case(
                visit.work,
                country=own_country(visit),
                record=_record(visit, kept),
                external_number=kept.value("external_number") or None,
                assignment=Assignment(assigned_to=visit.actor.id),
                training=visit.node.settings.training,
            )
    except (InvalidError, ConflictError, RefusedError) as error:
        where = "needs" if kept.value("external_number") else step
        found = visit.sheet_after(error, {})
        sheet = Sheet(dict(kept.content), found.faults, found.message)
        return _page(visit, Standing(FLOW, where, kept, sheet), 422)
    drafts.finish(visit.work, kept, f"/cases/{opened.id}")
    return Redirect(f"/cases/{opened.id}?done=opened")


def _faults(visit: Visit, kept: Draft, step: str) -> Faults:
    return read_values(_places(visit, step), kept.content, visit.speech, own_country(visit))[1]


def _record(visit: Visit, kept: Draft) -> Record:
    wanted = [place for step in FIRST_FIELDS for place in _places(visit, step)]
    values, _faults = read_values(wanted, kept.content, visit.speech, own_country(visit))
    found = {
        scope: {name: value for name, value in fields.items() if value is not None}
        for scope, fields in values.items()
    }
    return {scope: fields for scope, fields in found.items() if fields}


def _alike(visit: Visit, kept: Draft) -> tuple[object, ...]:
    return () if kept.value("anyway") else alike(visit, _record(visit, kept))


def _page(visit: Visit, standing: Standing, status: int = 200, **values: object) -> Page:
    if standing.step == "check":
        if standing.draft is None:
            raise NotFoundError("This draft is not there any more.")
        record = _record(visit, standing.draft)
        return standing.page("case_new_check.html", status, record=record, path_of=_path_of(standing.draft))
    return standing.page(
        "case_new.html", status, places=_places(visit, standing.step), **{"alike": (), **values}
    )


def _path_of(kept: Draft) -> Callable[[str], str]:
    by_scope = {scope: step for step, (scope, _names) in FIRST_FIELDS.items()}
    return lambda scope: FLOW.path_of(by_scope[scope], kept.id)
