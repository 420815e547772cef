"""The lines of the work list: what to do, about whom, by when; many that are alike under one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from markupsafe import Markup

    from iars_node.referrals.model import Referral
    from iars_node.web.visit import Visit

FEW = 3
"""As many lines alike are read as they stand."""
ASK_AGAIN, FOLLOW_UP = "ask-again", "follow-up"


@dataclass(frozen=True, slots=True)
class Task:
    """One line: what to do and where, by when or since when, and what tells it from lines that are alike."""

    path: str
    sentence: Markup
    moment: datetime
    sign: str
    tone: str = ""
    is_overdue: bool = False
    is_news: bool = False
    kind: str = ""
    more: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Heap:
    """Lines alike, the soonest first, under one that says how many they are."""

    sentence: str
    tasks: tuple[Task, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """How a line looks: its icon, its colour, and whether its time is over or it is only told."""

    sign: str
    tone: str = ""
    is_overdue: bool = False
    is_news: bool = False


@dataclass(frozen=True, slots=True)
class Lines:
    """What makes the lines of one reader, who knows organisations by their names."""

    visit: Visit
    names: Mapping[str, str]

    def about(self, referral: Referral, message: str, moment: datetime, look: Look) -> Task:
        """Return a line about a referral; the message has places for what it is, with whom, its reference."""
        peer = referral.peer.hex()
        sentence = self.visit.speech.told(
            message,
            organisation=self.names.get(peer, peer[:8]),
            service=self.visit.speech.label("service", referral.service),
            reference=referral.reference,
            state=self.visit.speech.label("referral_state", referral.state),
        )
        path = f"/referrals/{referral.id}"
        return Task(path, sentence, moment, look.sign, look.tone, look.is_overdue, look.is_news)


def gathered(visit: Visit, tasks: Sequence[Task]) -> list[Task | Heap]:
    """Return lines with those of one kind under one, where they are more than a few."""
    heaps = {kind: [each for each in tasks if each.kind == kind] for kind in (ASK_AGAIN, FOLLOW_UP)}
    found: list[Task | Heap] = []
    for task in tasks:
        alike = heaps.get(task.kind, [])
        if len(alike) <= FEW:
            found.append(task)
        elif task is alike[0]:
            found.append(Heap(_said(visit, task.kind, len(alike)), tuple(alike)))
    return found


def _said(visit: Visit, kind: str, number: int) -> str:
    ngettext = visit.speech.language.ngettext
    if kind == ASK_AGAIN:
        return ngettext(
            "Ask %(num)s person again: the consent ends",
            "Ask %(num)s people again: their consents end",
            number,
        )
    return ngettext("%(num)s follow-up", "%(num)s follow-ups", number)
