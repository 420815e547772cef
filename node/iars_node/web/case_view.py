"""What stands around a case's record: who may know what until when, what happened, what is to be done."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from iars_node.attachments import service as attachments
from iars_node.cases import service as cases
from iars_node.consent import service as consents
from iars_node.web.household import members_of
from iars_node.web.labels import HAPPENINGS
from iars_node.web.people import colleagues, organisations
from iars_node.withdrawals import service as withdrawals

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from iars_node.audit.model import Event
    from iars_node.cases.model import Case
    from iars_node.consent.exception import KeptException
    from iars_node.consent.model import Consent
    from iars_node.web.visit import Visit

MOST_HAPPENINGS = 40
_NEWEST = 6
# So few are not worth opening anything for.
_TOO_FEW = 2
_AT_ONCE = timedelta(minutes=1)
PERMITTING = ("given", "renewed")
CURRENT = (*PERMITTING, "requested")
EXCEPTIONAL = ("approved", "pending")


@dataclass(frozen=True, slots=True)
class Permitted:
    """One chip of the consent strip: somebody who may know something, how much, until when."""

    path: str
    whom: str
    parts: int
    until: datetime
    ends_soon: bool
    without_consent: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """An organisation that referred the person here, and whether what the person agreed to still stands."""

    whom: str
    stands: bool


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of the timeline: what was done, by whom, when; with whom and about which parts, if anybody."""

    words: str
    by: str
    at: datetime
    with_whom: str = ""
    parts: tuple[str, ...] = ()
    path: str = ""
    why: str = ""


def around(
    visit: Visit, head: Case, given: Sequence[Consent], without: Sequence[KeptException]
) -> dict[str, Any]:
    """Return what stands around a case's record, as far as the reader's roles show it."""
    names = organisations(visit)
    handed = withdrawals.handed_over(visit.work, head.id) if visit.may("consent.read") else None
    tasks = cases.tasks_of_case(visit.work, head.id)
    happenings = _happenings(visit, head.id, names)
    shown = _NEWEST if len(happenings) > _NEWEST + _TOO_FEW else len(happenings)
    files = attachments.count_attachments(visit.work, head.id) if visit.may("attachment.read") else 0
    return {
        "permitted": [*permitted(visit, given, names), *_without(visit, without, names)],
        "sources": _sources(visit, head.id, names) if visit.may("consent.read") else [],
        "asked": [each for each in given if not each.is_replaced and each.state == "requested"],
        "earlier": [each for each in given if each.is_replaced or each.state_at(visit.now) not in CURRENT],
        "happenings": happenings[:shown],
        "older_happenings": happenings[shown:],
        "handed": handed,
        "responsible": names.get(handed.handover.peer.hex(), "") if handed else "",
        "tasks": [each for each in tasks if each.done_at is None],
        "done_tasks": [each for each in tasks if each.done_at is not None][-5:],
        "task_names": colleagues(
            visit, (person for each in tasks for person in (each.assigned_to, each.done_by))
        ),
        "files": files,
        "household": members_of(visit, head),
    }


def permitted(visit: Visit, given: Sequence[Consent], names: dict[str, str]) -> list[Permitted]:
    """Return the chips of the consents that stand: whom, how much, until when."""
    soon = timedelta(days=visit.node.settings.consent_warning_days)
    return [
        Permitted(
            f"/consents/{each.id}",
            visit.speech.recipient(recipient, names),
            len(each.terms.scopes_for(recipient.node)) if recipient.node else len(each.terms.scopes),
            each.terms.expires,
            each.terms.expires - visit.now < soon,
        )
        for each in given
        if not each.is_replaced and each.state_at(visit.now) in PERMITTING
        for recipient in each.terms.recipients
    ]


def _sources(visit: Visit, case_id: str, names: dict[str, str]) -> list[Source]:
    """Return who referred the person here: they know of it, whatever is agreed to from here."""
    found: dict[str, bool] = {}
    for kept in consents.received_for_case(visit.work, case_id):
        stands = kept.ended_at is None and visit.now.timestamp() < kept.grant.expires
        found[kept.peer.hex()] = found.get(kept.peer.hex(), False) or stands
    return [Source(names.get(node, node[:8]), stands) for node, stands in found.items()]


def _without(visit: Visit, kept: Sequence[KeptException], names: dict[str, str]) -> list[Permitted]:
    return [
        Permitted(
            f"/exceptions/{each.id}",
            names.get(each.terms.recipients[0].node, each.terms.recipients[0].node[:8]),
            len(each.terms.scopes),
            each.terms.expires,
            ends_soon=False,
            without_consent=True,
        )
        for each in kept
        if each.state_at(visit.now) in EXCEPTIONAL and each.terms.expires > visit.now
    ]


def _happenings(visit: Visit, case_id: str, names: dict[str, str]) -> list[Happening]:
    events = [each.event for each in cases.happenings(visit.work, case_id, HAPPENINGS, MOST_HAPPENINGS)]
    people = colleagues(visit, (event.actor_id for event in events if event.actor_kind == "account"))
    return _joined([_happening(visit, event, names, people) for event in events])


def _joined(happenings: Sequence[Happening]) -> list[Happening]:
    """Return what happened with one line for what came at once: a record arrives part by part."""
    found: list[Happening] = []
    for each in happenings:
        last = found[-1] if found else None
        if last is not None and each.parts and last.at - each.at < _AT_ONCE and _is_alike(last, each):
            found[-1] = replace(last, parts=tuple(dict.fromkeys((*last.parts, *each.parts))))
        else:
            found.append(each)
    return found


def _is_alike(one: Happening, other: Happening) -> bool:
    return replace(one, at=other.at, parts=other.parts) == other


def _happening(visit: Visit, event: Event, names: dict[str, str], people: dict[str, str]) -> Happening:
    by = {
        "account": people.get(event.actor_id, visit.gettext("A colleague")),
        "peer": names.get(event.actor_id, event.actor_id[:8]),
        "token": visit.gettext("Another system"),
    }.get(event.actor_kind, visit.gettext("This node"))
    path = f"/referrals/{event.referral_id}" if event.referral_id and visit.may("referral.read") else ""
    return Happening(
        visit.gettext(HAPPENINGS[event.action]),
        by,
        event.at,
        names.get(event.peer_id, "") if event.peer_id and event.peer_id != event.actor_id else "",
        tuple(visit.speech.scope(code) for code in event.scopes if code in visit.readable),
        path,
        visit.speech.label("household_reason", str(event.detail.get("reason", "")))
        if event.action in ("household.linked", "household.unlinked")
        else "",
    )
