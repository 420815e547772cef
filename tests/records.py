"""One of each record that an address can name, with a mark of its own planted in every scope."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node.accounts import store as account_store
from iars_node.accounts.model import Account
from iars_node.cases import service as cases
from iars_node.db import new_id
from iars_node.holds.model import GROUNDS
from iars_node.holds.service import set_hold
from iars_node.referrals import service as referrals
from iars_node.rights.service import correct
from iars_node.work import SYSTEM, Actor
from iars_protocol.vocabulary import SCOPES
from tests.federation.excepting import record as record_exception
from tests.federation.neighbours import settle
from tests.pages import everybodys_hash

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iars_node.web.pages import Entry
    from iars_protocol.record import Record
    from tests.federation.neighbours import Neighbour
    from tests.pages import World

# Two halves, so that nothing but a scope's own text can hold the whole word.
_FIELDS = {
    "services": ("constraints", ["{}"]),
    "demographics": ("languages", None),
    "identity": ("given_name", "{}"),
    "contact": ("address", "{}"),
    "legal": ("lawyer", "{}"),
    "travel": ("itinerary", "{}"),
    "family": ("children_details", "{}"),
    "exploitation": ("narrative", "{}"),
    "medical": ("medical_notes", "{}"),
    "psychosocial": ("assessment", "{}"),
    "safety": ("threats", "{}"),
}
# Of this scope no field holds a free text: only its note carries a mark.
NO_TEXT = frozenset({"demographics"})
NOBODY = "0" * 32
ALIAS = "Planted Stone"
WHERES = ("Field", "Note", "Sent", "Received", "Thread")
"""Where a mark can stand: a field, a note, a sentence sent along, and what the other organisation sent."""


def mark(scope: str, where: str = "Field") -> str:
    """Return the word that stands in a scope and nowhere else."""
    return f"Mark{scope.title()}{where}"


def marked_record(where: str = "Field") -> Record:
    """Return a record with a mark in every scope that holds a text."""
    made: dict[str, dict[str, object]] = {}
    for scope, (field, shape) in _FIELDS.items():
        if scope in NO_TEXT:
            made[scope] = {field: ["ro"]}
        else:
            word = mark(scope, where)
            made[scope] = {field: [word] if isinstance(shape, list) else word}
    made["identity"]["alias"] = ALIAS
    made["services"]["needs"] = [{"service": "MED-SCREEN", "priority": "urgent"}]
    return made  # type: ignore[return-value]  # a plain record


@dataclass(frozen=True)
class Records:
    """What is there: ids by the place that they take in an address, and what a step of referring chose."""

    ids: Mapping[str, str]
    chosen: str
    received: str

    def path(self, entry: Entry) -> str:
        """Return a page's address with the records in it; of what was not made, an id that names nothing."""
        return self.fill(entry.path)

    def fill(self, path: str) -> str:
        """Return a path with the records in it."""
        return re.sub(r"{(\w+)(:\w+)?}", lambda found: self.ids.get(found[1], NOBODY), path)

    def knows(self, path: str) -> bool:
        """Say whether every place of a path is one of a record that was made here."""
        return all(place in self.ids for place in re.findall(r"{(\w+)", path))


async def one_of_each(world: World) -> Records:
    """Make a case with a mark in every scope, and a record of every kind about it; refer both ways."""
    shelter, mission = world.shelter, world.mission
    every = tuple(SCOPES)
    case = shelter.open_case(marked_record())
    with shelter.node.works.write(SYSTEM) as work:
        for scope in every:
            cases.add_note(work, case.id, scope, mark(scope, "Note"))
    given = shelter.give_consent(case, mission, scopes=every, is_onward_allowed=True, feedback=every)
    sent = shelter.refer(case, given, mission, texts=tuple((scope, mark(scope, "Sent")) for scope in every))
    kept = record_exception(shelter, case, mission)
    officer = Actor("account", new_id(), frozenset({"supervisor"}))
    with shelter.node.works.write(officer) as work:
        until = work.now + timedelta(days=30)
        hold = set_hold(
            work, case.id, ground=next(iter(GROUNDS)), reason="A claim is being heard.", until=until
        )
    other = mission.open_case(marked_record("Received"))
    agreed = mission.give_consent(other, shelter, scopes=every, feedback=every)
    texts = tuple((scope, mark(scope, "Thread")) for scope in every)
    received = mission.refer(other, agreed, shelter, texts=texts)
    await settle(mission, shelter)
    mission.act(referrals.accept, sent.id)
    await settle(mission, shelter)
    with shelter.node.works.write(SYSTEM) as work:
        told = correct(work, case.id, {"services": {"constraints": [mark("services"), "female staff"]}}).told
    ids = {
        "case_id": case.id,
        "consent_id": given.id,
        "correction_id": told[0].id if told else NOBODY,
        "exception_id": kept.id,
        "hold_id": hold.id,
        "referral_id": sent.id,
        "scope": "services",
    }
    chosen = f"service=MED-SCREEN&priority=urgent&peer={mission.id.hex()}&consent={given.id}&stay=1"
    return Records(ids, chosen, received.id)


def new_account(side: Neighbour, name: str, roles: frozenset[str]) -> str:
    """Add an account with these roles, or with none; return its id."""
    with side.node.works.write(SYSTEM) as work:
        added = Account(new_id(), name, name.title(), "", roles, "en", work.now)
        account_store.insert_account(work.connection, added, everybodys_hash())
    return added.id
