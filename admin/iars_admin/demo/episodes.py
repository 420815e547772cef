"""The referrals of the year: who asks whom for what, week by week, and what becomes of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_admin.demo.cast import CENTRE, LOCAL_NGO, MISSION, SHELTER
from iars_node.consent import service as consents
from iars_node.consent.model import Recipient, Terms
from iars_node.referrals import service as referrals
from iars_node.referrals.model import Offering
from iars_protocol.vocabulary import SERVICES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from iars_admin.demo.organisation import Organisation
    from iars_node.referrals.model import Referral
    from iars_node.work import Work

WEEKS = 52
# Every how many weeks, from which on, who asks whom, for what in turn.
_WAYS = (
    (1, 2, SHELTER.key, MISSION.key, ("MED-SCREEN", "TRN-ASSIST", "RET-REPAT")),
    (4, 3, MISSION.key, SHELTER.key, ("SHELTER", "SOC-SUPPORT")),
    (5, 4, SHELTER.key, CENTRE.key, ("MED-CARE", "PSY-SUPPORT")),
    (6, 5, CENTRE.key, LOCAL_NGO.key, ("FUP-PSY", "RI-COUNSEL")),
    (7, 6, LOCAL_NGO.key, CENTRE.key, ("PSY-SUPPORT", "MED-CARE")),
)
_ENDINGS = (
    "completed", "completed", "rejected", "completed", "cancelled", "completed", "expired", "failed",
    "completed", "entered-in-error", "completed",
)  # fmt: skip
_STANDING = ("accepted", "in-progress", "on-hold")
STANDING_WEEKS = 3
_BESIDE = {"MED": "medical", "PSY": "psychosocial", "FUP": "psychosocial"}
_SAID = (("services", "What was asked for is done; the person may come back whenever they like."),)


@dataclass(frozen=True, slots=True)
class Episode:
    """One referral: who asks whom for what, how urgently, and the state in which it is left."""

    sender: str
    receiver: str
    service: str
    priority: str
    ending: str


@dataclass(slots=True)
class Running:
    """An episode on its way."""

    episode: Episode
    sender: Organisation
    receiver: Organisation
    referral: Referral


def of_week(week: int) -> Iterator[Episode]:
    """Yield the episodes that begin in a week; those of the last weeks are left open."""
    for every, first, sender, receiver, services in _WAYS:
        if week >= WEEKS - STANDING_WEEKS:
            # Towards the end all go at once, so that every desk has something of each kind.
            ending = _STANDING[(week + first) % len(_STANDING)]
            yield Episode(sender, receiver, services[week % len(services)], "urgent", ending)
        elif week >= first and not (week - first) % every:
            turn = (week - first) // every
            ending = _ENDINGS[(turn + first) % len(_ENDINGS)]
            priority = "urgent" if turn % 3 else "normal"
            yield Episode(sender, receiver, services[turn % len(services)], priority, ending)


def of_today() -> Iterator[Episode]:
    """Yield the episodes that nobody has answered yet."""
    for _every, _first, sender, receiver, services in _WAYS:
        for number, service in enumerate(services):
            yield Episode(sender, receiver, service, "normal" if number else "urgent", "requested")


def of_outage() -> Iterator[Episode]:
    """Yield the episodes that begin while no line works: nobody can answer them in time."""
    for _every, _first, sender, receiver, services in _WAYS:
        yield Episode(sender, receiver, services[0], "emergency", "expired")


def begin(
    episode: Episode, sender: Organisation, receiver: Organisation, case_id: str, until: datetime
) -> Running:
    """Ask the person, and offer the referral."""
    with sender.work() as work:
        given = consents.give_consent(work, case_id, _terms(episode, receiver, until))
        offering = Offering(case_id, given.id, episode.service, episode.priority)
        sent = referrals.send_referral(work, offering, receiver.node_id)
    return Running(episode, sender, receiver, sent)


def _terms(episode: Episode, receiver: Organisation, until: datetime) -> Terms:
    codes = ["services", "demographics", "identity"]
    if beside := _BESIDE.get(episode.service.partition("-")[0]):
        codes.append(beside)
    return Terms(
        purposes=(SERVICES[episode.service].purpose,),
        scopes=tuple(consents.default_scope(code) for code in codes),
        recipients=(Recipient(node=receiver.node_id.hex()),),
        expires=until,
        notice_language="en",
        how_obtained="written" if episode.priority == "normal" else "verbal",
        paper="In the safe of the house." if episode.priority == "normal" else "",
        with_interpreter=episode.priority == "urgent",
        feedback=("services",),
        retention_days=180,
    )


def answer(running: Running) -> None:
    """Take the step of the next day: an answer, or what happens in its place."""
    ending = running.episode.ending
    if ending == "rejected":
        _receive(running, lambda work, one: referrals.reject(work, one, "no-capacity", "No bed before May."))
    elif ending == "cancelled":
        _send(running, lambda work, one: referrals.cancel(work, one, "person-declined"))
    elif ending == "entered-in-error":
        _send(running, lambda work, one: referrals.enter_in_error(work, one, "Meant for somebody else."))
    elif ending not in ("expired", "requested"):
        _receive(running, lambda work, one: referrals.accept(work, one, training=True))


def care(running: Running) -> None:
    """Take the steps of the days after the acceptance."""
    if running.episode.ending not in ("in-progress", "on-hold", "completed", "failed"):
        return
    with running.receiver.work() as work:
        at = work.now + timedelta(hours=20)
        referrals.appoint(work, running.referral.id, "scheduled", at)
        referrals.begin(work, running.referral.id)


def finish(running: Running) -> None:
    """Take the last step of the week."""
    ending = running.episode.ending
    if ending == "on-hold":
        _receive(running, lambda work, one: referrals.hold(work, one, "waiting-documents"))
    elif ending == "failed":
        _receive(running, lambda work, one: referrals.fail(work, one, "no-show"))
    elif ending == "completed":
        _receive(running, lambda work, one: referrals.complete(work, one, texts=_SAID))


def _receive(running: Running, step: Callable[[Work, str], object]) -> None:
    with running.receiver.work() as work:
        step(work, running.referral.id)


def _send(running: Running, step: Callable[[Work, str], object]) -> None:
    with running.sender.work() as work:
        step(work, running.referral.id)
