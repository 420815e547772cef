"""Forms in steps: what is typed is kept here after every step, sealed, and can be gone on with later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iars_node.drafts import service as drafts
from iars_node.errors import NotFoundError
from iars_node.web.visit import Page, Sheet
from iars_protocol.vocabulary import SCOPES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from iars_node.drafts.model import Draft, DraftKind
    from iars_node.web.visit import Faults, Typed, Visit

LONGEST_KEPT = 20_000
"""What one field keeps at most; a record's own rules are stricter and say so."""


@dataclass(frozen=True)
class Flow:
    """A form in steps: where it is, and each step's name with the words that stand over it."""

    kind: DraftKind
    path: str
    steps: Mapping[str, str]

    def path_of(self, step: str, draft_id: str = "") -> str:
        """Return the address of a step; the first one needs no draft yet."""
        return f"{self.path}/{draft_id}/{step}" if draft_id else self.path

    def after(self, step: str) -> str:
        """Return the step after one."""
        names = list(self.steps)
        return names[min(names.index(step) + 1, len(names) - 1)]

    def before(self, step: str) -> str:
        """Return the step before one; nothing before the first."""
        names = list(self.steps)
        place = names.index(step)
        return names[place - 1] if place else ""

    def check(self, step: str) -> str:
        """Return the step's name, or say that there is none."""
        if step not in self.steps:
            raise NotFoundError("There is no such page.")
        return step


@dataclass(frozen=True)
class Standing:
    """A draft as it stands on a page: the step, what is typed, and what a second window typed meanwhile."""

    flow: Flow
    step: str
    draft: Draft | None
    sheet: Sheet
    theirs: tuple[tuple[str, str], ...] = ()

    @property
    def action(self) -> str:
        """Where the step's form is sent."""
        return self.flow.path_of(self.step, self.draft.id if self.draft else "")

    @property
    def version(self) -> int:
        """The version that the next saving replaces."""
        return self.draft.version if self.draft else 0

    @property
    def back(self) -> str:
        """The address of the step before."""
        before = self.flow.before(self.step)
        return self.flow.path_of(before, self.draft.id) if before and self.draft else ""

    def page(self, template: str, status: int = 200, **values: object) -> Page:
        """Return the step's page."""
        return Page(template, {"standing": self, "sheet": self.sheet, **values}, status)


def kept_draft(visit: Visit, flow: Flow, draft_id: str) -> Draft:
    """Return the reader's own draft of a flow."""
    return drafts.get(visit.work, draft_id, flow.kind)


def shown(flow: Flow, step: str, kept: Draft | None) -> Standing:
    """Return a step as it is looked at."""
    return Standing(flow, step, kept, Sheet(dict(kept.content) if kept else {}))


def keep(visit: Visit, flow: Flow, step: str, draft_id: str, belongs: Callable[[str], bool]) -> Standing:
    """Keep what a step's form says, right or wrong: what is typed is kept before anything is asked of it.

    Where another window of the same account went on meanwhile, nothing is overwritten: the page shows both.
    """
    typed = _typed(visit, belongs)
    if not draft_id:
        kept = drafts.begin(visit.work, flow.kind, typed)
        return Standing(flow, step, kept, Sheet(dict(kept.content)))
    kept = drafts.get(visit.work, draft_id, flow.kind, for_update=True)
    rest = {name: values for name, values in kept.content.items() if not belongs(name)}
    stands = {name: values for name, values in kept.content.items() if belongs(name)}
    if visit.typed("version") not in ("", str(kept.version)) and stands != typed:
        message = visit.gettext("You went on with this in another window. Compare, and send it again.")
        sheet = Sheet({**rest, **typed}, {}, message)
        return Standing(flow, step, kept, sheet, _differences(visit, stands, typed))
    if stands != typed:
        kept = drafts.change(visit.work, kept, {**rest, **typed})
    return Standing(flow, step, kept, Sheet(dict(kept.content)))


def with_faults(visit: Visit, standing: Standing, faults: Faults) -> Standing:
    """Return a step with what is wrong in it."""
    message = visit.gettext("Some answers need another look. What you typed is kept.") if faults else ""
    return Standing(
        standing.flow, standing.step, standing.draft, Sheet(standing.sheet.typed, faults, message)
    )


def _typed(visit: Visit, belongs: Callable[[str], bool]) -> dict[str, list[str]]:
    found = {
        name: [value.strip()[:LONGEST_KEPT] for value in values if value.strip()]
        for name, values in visit.form.items()
        if belongs(name)
    }
    return {name: values for name, values in found.items() if values}


def _differences(visit: Visit, stands: Typed, typed: Typed) -> tuple[tuple[str, str], ...]:
    """Return what the draft holds where it differs from what was typed, as words."""
    names = [name for name in stands if stands[name] != typed.get(name)]
    return tuple((_label(visit, name), ", ".join(stands[name])) for name in names) or (
        (visit.gettext("In the other window"), visit.gettext("Nothing")),
    )


def _label(visit: Visit, name: str) -> str:
    scope, _, rest = name.partition(".")
    if scope in SCOPES:
        return visit.speech.field(scope, rest.partition(".")[0])
    return {
        "service": visit.gettext("Service"),
        "priority": visit.gettext("How urgent"),
        "peer": visit.gettext("Organisation"),
        "scopes": visit.gettext("Parts of the record"),
    }.get(name, visit.gettext("Another answer"))
