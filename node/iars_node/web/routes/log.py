"""The audit log, for administrators and auditors: the newest first, narrowed by a few choices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from iars_node.audit import store
from iars_node.audit.model import AuditFilter
from iars_node.audit.service import record
from iars_node.cases.service.tracing import records_of_person
from iars_node.errors import NotFoundError
from iars_node.web.languages import alphabetical
from iars_node.web.log_words import LOG_TOPICS, LOG_WORDS
from iars_node.web.pages import Pages
from iars_node.web.people import colleagues, organisations
from iars_node.web.visit import Page, Redirect, Sheet, with_query

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iars_node.web.visit import Answer, Faults, Visit

pages = Pages()

KINDS: Mapping[str, None] = MappingProxyType(dict.fromkeys([*LOG_TOPICS, *LOG_WORDS]))
"""What the log is narrowed to: a topic, or one action of it."""
NAMES = ("kind", "peer", "person", "since", "until")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a reader has chosen, as it stands in the address: codes, ids and days, nobody's name."""

    kind: str = ""
    peer: str = ""
    person: str = ""
    since: str = ""
    until: str = ""

    def to_query(self) -> dict[str, str]:
        """Return the choices that were made."""
        return {name: getattr(self, name) for name in NAMES if getattr(self, name)}


@pages.get("/log", "audit.read", writes=True)
def show_log(visit: Visit) -> Answer:
    """Show the events that the address asks for; reading them is an event too."""
    peers = organisations(visit)
    wanted = Wanted(
        kind=visit.asked("kind", KINDS),
        peer=visit.asked("peer", peers),
        person=visit.query.get("person", ""),
        since=_text(_day(visit.query.get("since", ""))),
        until=_text(_day(visit.query.get("until", ""))),
    )
    typed = {name: [value] for name, value in wanted.to_query().items()}
    return _page(visit, wanted, Sheet(typed), peers)


@pages.post("/log", "audit.read")
def narrow(visit: Visit) -> Answer:
    """Narrow the log. What is looked for is a form's content; only a person's id goes into the address."""
    peers = organisations(visit)
    faults: Faults = {}
    for name in ("since", "until"):
        if visit.typed(name) and _day(visit.typed(name)) is None:
            faults[name] = visit.gettext("Write a day.")
    person = visit.typed("person")
    if person:
        try:
            person = records_of_person(visit.work, person)[0][0]
        except NotFoundError:
            faults["person"] = visit.gettext("There is no person or case of this reference.")
    if faults:
        raise visit.unfinished(lambda sheet: _page(visit, Wanted(), sheet, peers), faults)
    kind = next(iter(visit.chosen("kind", KINDS)), "")
    peer = next(iter(visit.chosen("peer", peers)), "")
    chosen = Wanted(kind, peer, person, visit.typed("since"), visit.typed("until"))
    return Redirect(with_query("/log", **chosen.to_query()))


def _page(visit: Visit, wanted: Wanted, sheet: Sheet, peers: dict[str, str]) -> Page:
    cursor = visit.query.get("from", "")
    found = store.page(
        visit.work.connection,
        _filter(visit, wanted),
        int(cursor) if cursor.isdecimal() and len(cursor) < 19 else None,  # noqa: PLR2004 - what a column holds
    )
    older = {**wanted.to_query(), "from": str(found.next_cursor)}
    events = [recorded.event for recorded in found.events]
    kinds, words = _said(visit, LOG_TOPICS), _said(visit, LOG_WORDS)
    record(visit.work, "audit.read", detail={"count": len(events)})
    return Page(
        "log.html",
        {
            "sheet": sheet,
            "events": found.events,
            "names": colleagues(visit, (one.actor_id for one in events)),
            "peers": peers,
            "kinds": kinds,
            "words": words,
            "actions": {name: _within(topic, words) for topic, name in kinds.items()},
            "scopes": lambda codes: visit.speech.listed([visit.speech.scope(code) for code in codes]),
            "chosen": wanted.to_query(),
            "more": "" if found.next_cursor is None else with_query("/log", **older),
        },
    )


def _said(visit: Visit, words: Mapping[str, str]) -> dict[str, str]:
    """Return words in the reader's language, in the order of its alphabet."""
    said = {code: visit.gettext(word) for code, word in words.items()}
    return dict(sorted(said.items(), key=lambda entry: alphabetical(entry[1])))


def _within(topic: str, words: Mapping[str, str]) -> dict[str, str]:
    return {code: word for code, word in words.items() if code.startswith(f"{topic}.")}


def _filter(visit: Visit, wanted: Wanted) -> AuditFilter:
    person_ids, case_ids = records_of_person(visit.work, wanted.person) if wanted.person else ((), ())
    since, until = _day(wanted.since), _day(wanted.until)
    return AuditFilter(
        peer_id=wanted.peer,
        action=f"{wanted.kind}." if wanted.kind in LOG_TOPICS else wanted.kind,
        since=None if since is None else _begin(visit, since),
        # The last day is one of those that are shown.
        until=None if until is None else _begin(visit, until + timedelta(days=1)),
        case_ids=case_ids,
        person_ids=person_ids,
    )


def _begin(visit: Visit, day: date) -> datetime:
    return datetime.combine(day, time.min, visit.speech.moments.zone)


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if date(1970, 1, 2) <= found < date(9999, 1, 1) else None


def _text(day: date | None) -> str:
    return "" if day is None else day.isoformat()
