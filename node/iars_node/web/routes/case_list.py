"""The list of cases: search in any script, plain choices that stand in the address, saved filters."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from iars_node.cases import service as cases
from iars_node.cases.model import Filters
from iars_node.consent import service as consents
from iars_node.consent.receipt import NUMBER
from iars_node.drafts import service as drafts
from iars_node.errors import InvalidError, NotFoundError
from iars_node.web.languages import N_
from iars_node.web.pages import Pages
from iars_node.web.people import colleagues, own_country
from iars_node.web.visit import Page, Redirect, Sheet, with_query
from iars_protocol.vocabulary import SERVICES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from iars_node.cases.model import Page as Found
    from iars_node.drafts.model import Draft
    from iars_node.web.visit import Answer, Visit

pages = Pages()

SHOWN = {
    "open": N_("Open"),
    "mine": N_("Mine"),
    "team": N_("My team"),
    "closed": N_("Closed"),
    "all": N_("All"),
}
TRAINING = {"no": N_("Real cases"), "yes": N_("Training cases")}
LONGEST_TEXT = 200
LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What the list is narrowed to. Codes alone: all of it may stand in an address."""

    show: str = "open"
    service: str = ""
    country: str = ""
    training: str = ""

    @property
    def codes(self) -> dict[str, str]:
        """What stands in the address: nothing of what is usual."""
        return {
            "show": "" if self.show == "open" else self.show,
            "service": self.service,
            "country": self.country,
            "training": self.training,
        }

    def path(self, **changed: str) -> str:
        """Return the list's address, with some choices made otherwise."""
        return with_query("/cases", **replace(self, **changed).codes)

    def onward(self, cursor: str) -> str:
        """Return the address of the next page."""
        return with_query("/cases", **{**self.codes, "from": cursor})

    @property
    def is_usual(self) -> bool:
        """Whether nothing is chosen beyond what every reader sees first."""
        return not any(self.codes.values())


def _narrowing(visit: Visit, said: Callable[[str], str]) -> Narrowing:
    service, country = said("service"), said("country").upper()
    return Narrowing(
        said("show") if said("show") in SHOWN else "open",
        service if service in SERVICES else "",
        country if country in visit.speech.countries else "",
        said("training") if said("training") in TRAINING else "",
    )


def _filters(visit: Visit, chosen: Narrowing) -> Filters:
    is_own = chosen.show in ("mine", "team", "open")
    found = Filters(
        state="open" if is_own else "closed" if chosen.show == "closed" else None,
        assigned_to=visit.actor.id if chosen.show == "mine" else None,
        team_ids=_teams(visit) if chosen.show == "team" else None,
        training={"yes": True, "no": False}.get(chosen.training),
    )
    return cases.narrowed_to(visit.work, found, service=chosen.service, citizenship=chosen.country)


def _teams(visit: Visit) -> frozenset[str]:
    return visit.account.team_ids if visit.account else frozenset()


@pages.get("/cases", "case.search", writes=True)
def show_cases(visit: Visit) -> Answer:
    """List cases, those that changed last first."""
    chosen = _narrowing(visit, lambda name: visit.query.get(name, ""))
    cursor = visit.query.get("from") or None
    found = cases.list_cases(visit.work, filters=_filters(visit, chosen), cursor=cursor)
    return _list(visit, found, chosen)


@pages.post("/cases/search", "case.search")
def search(visit: Visit) -> Answer:
    """Find cases. What is looked for is a form's content: it stands in no address and in no log."""
    # A search is over open and closed cases: who looks for somebody wants to find them.
    chosen = replace(_narrowing(visit, visit.typed), show="all")
    text = visit.typed("text")
    if not text:
        return Redirect("/cases")
    if NUMBER.fullmatch(text.upper()) and visit.may("consent.read"):
        with suppress(NotFoundError):
            return Redirect(f"/consents/{consents.find_by_number(visit.work, text).id}")
    return _searched(visit, text, chosen, visit.typed("from") or None)


def _searched(visit: Visit, text: str, chosen: Narrowing, cursor: str | None = None) -> Page:
    filters = _filters(visit, chosen)
    try:
        found = cases.search_cases(
            visit.work, text[:LONGEST_TEXT], country=own_country(visit), filters=filters, cursor=cursor
        )
    except InvalidError:
        return _list(visit, None, chosen, text)
    return _list(visit, found, chosen, text)


@pages.post("/cases/filters", "case.search")
def save_filter(visit: Visit) -> Answer:
    """Keep what the list is narrowed to under a name, for this account alone."""
    chosen = _narrowing(visit, visit.typed)
    text, name = visit.typed("text")[:LONGEST_TEXT], visit.typed("name")
    content = {key: [value] for key, value in {**chosen.codes, "text": text}.items() if value}
    if not name or len(name) > LONGEST_NAME:
        faults = {"name": visit.gettext("Write a name of at most 60 characters.")}
        raise visit.unfinished(lambda sheet: _again(visit, chosen, text, sheet), faults)
    with visit.keeping(lambda sheet: _again(visit, chosen, text, sheet)):
        kept = drafts.begin(visit.work, "filter", {**content, "name": [name]})
    return _applied(visit, kept)


@pages.post("/cases/filters/{draft_id}", "case.search")
def use_filter(visit: Visit, draft_id: str) -> Answer:
    """Apply a saved filter whose words stand in no address."""
    return _applied(visit, drafts.get(visit.work, draft_id, "filter"))


@pages.post("/cases/filters/{draft_id}/delete", "case.search")
def delete_filter(visit: Visit, draft_id: str) -> Answer:
    """Delete a saved filter."""
    drafts.discard(visit.work, drafts.get(visit.work, draft_id, "filter"))
    return Redirect("/cases?done=saved")


def _applied(visit: Visit, kept: Draft) -> Answer:
    chosen = _narrowing(visit, kept.value)
    if text := kept.value("text"):
        return _searched(visit, text, replace(chosen, show="all"))
    return Redirect(chosen.path())


def _again(visit: Visit, chosen: Narrowing, text: str, sheet: Sheet) -> Page:
    if text:
        page = _searched(visit, text, chosen)
    else:
        page = _list(visit, cases.list_cases(visit.work, filters=_filters(visit, chosen)), chosen)
    return Page(page.template, {**page.values, "sheet": sheet})


def _list(visit: Visit, found: Found | None, chosen: Narrowing, text: str = "") -> Page:
    shown = found.found if found else ()
    kept = drafts.unfinished(visit.work, ["filter"]) if visit.account else []
    return Page(
        "cases.html",
        {
            "found": shown,
            "more": found.cursor if found else None,
            "chosen": chosen,
            "choices": _choices(visit),
            "training_choices": TRAINING,
            "saved": [(each, _narrowing(visit, each.value).path()) for each in kept],
            "sheet": Sheet(),
            "text": text,
            "names": colleagues(visit, (each.case.assigned_to for each in shown)),
            "is_first": not visit.query.get("from"),
            "by_service": "services" in visit.readable,
            "by_country": "demographics" in visit.readable,
        },
    )


def _choices(visit: Visit) -> Mapping[str, str]:
    return {code: words for code, words in SHOWN.items() if code != "team" or _teams(visit)}
