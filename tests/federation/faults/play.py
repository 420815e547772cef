"""Workers who refer, answer, write, change their minds and cross each other, while everything fails."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from iars_node.cases import service as cases
from iars_node.errors import ConflictError, NotFoundError, RefusedError
from iars_node.exchange import messages
from iars_node.referrals import service as referrals
from iars_node.referrals import store
from iars_node.referrals.model import Offering
from iars_node.vault.identity import identity_of
from iars_node.work import SYSTEM
from iars_protocol.referral import OPEN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.federation.faults.serving import Served

    from iars_admin.demo.draw import Draw
    from iars_node.referrals.model import Referral
    from iars_node.work import Work

# What a worker does next with a referral, by its side and state: so often of a hundred.
CHOICES: Mapping[tuple[str, str], Mapping[str, int]] = {
    ("out", "requested"): {"cancel": 8, "amend": 10, "note": 10, "mistake": 2, "": 70},
    ("out", "accepted"): {"cancel": 6, "amend": 12, "note": 12, "": 70},
    ("out", "in-progress"): {"cancel": 4, "amend": 10, "note": 16, "mistake": 1, "": 69},
    ("out", "on-hold"): {"cancel": 10, "note": 20, "": 70},
    ("in", "requested"): {"accept": 50, "reject": 10, "cancel": 4, "note": 6, "": 30},
    ("in", "accepted"): {"begin": 30, "appoint": 15, "hold": 5, "cancel": 5, "fail": 5, "": 40},
    ("in", "in-progress"): {"complete": 35, "note": 15, "appoint": 10, "hold": 10, "fail": 5, "": 25},
    ("in", "on-hold"): {"begin": 40, "complete": 20, "": 40},
}
LISTED = 40
OFFERS = 10
"""Of a hundred times, how often a worker refers somebody instead of going on with what there is."""

REFERRALS_OF_A_CASE = 3
# A step may come too late, or while the node may sign nothing, or be about what a restore has taken away.
EXPECTED = (ConflictError, NotFoundError)
PASSING = frozenset({"restoring", "consent-lost"})


@dataclass
class Script:
    """What both sides' workers share: how many referrals there are to make, and when to stop."""

    referrals: int
    until: float
    pause_ms: int
    offered: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> bool:
        """Take one of the referrals that are still to be offered."""
        with self.lock:
            if self.offered >= self.referrals:
                return False
            self.offered += 1
            return True

    def give_back(self) -> None:
        with self.lock:
            self.offered -= 1

    @property
    def share(self) -> float:
        return self.offered / self.referrals


@dataclass(frozen=True)
class Done:
    """One step that a worker was told is done."""

    referral_id: str
    message: bytes
    at: float


class Worker:
    """A worker at one side."""

    def __init__(self, side: Served, other: Served, draw: Draw, script: Script) -> None:
        self.side = side
        self.done: list[Done] = []
        self.cases = 0
        self.refused: Counter[str] = Counter()
        self._other = other
        self._draw = draw
        self._script = script
        self._case: tuple[str, str] = ("", "")
        self._left = 0
        self._written = 0

    def run(self) -> None:
        """Work until everything is offered and closed, or time is over."""
        while time.monotonic() < self._script.until:
            with self.side.gate:
                if not self._act() and self._script.share == 1:
                    return
            time.sleep(self._draw.below(self._script.pause_ms) / 1000)

    def _act(self) -> bool:
        """Do one thing; say whether anything is left to do."""
        known = self._open_referrals()
        try:
            if (not known or self._draw.chance(OFFERS)) and self._script.take():
                self._offer()
            elif known:
                self._step(self._draw.one(known))
        except EXPECTED as error:
            self.refused[error.code] += 1
        except RefusedError as error:
            if error.reason not in PASSING:
                raise
            self.refused[error.reason] += 1
        return bool(known)

    def _open_referrals(self) -> list[Referral]:
        with self.side.node.works.read(SYSTEM) as work:
            return store.page(work.connection, direction=None, states=OPEN, limit=LISTED)

    def _offer(self) -> None:
        try:
            if not self._left:
                self._open_case()
            case_id, consent_id = self._case
            service = self._draw.one(("MED-SCREEN", "MED-CARE"))
            offering = Offering(case_id, consent_id, service, "urgent")
            self._commit(lambda work: referrals.send_referral(work, offering, self._other.id))
            self._left -= 1
        except (RefusedError, *EXPECTED):
            self._script.give_back()
            self._left = 0
            raise

    def _open_case(self) -> None:
        name = f"{self.side.name}-{self._draw.below(10**12)}"
        opened = self.side.open_case(
            {
                "services": {"needs": [{"service": "MED-SCREEN", "priority": "urgent"}]},
                "identity": {"given_name": name, "family_name": "Munteanu", "birth_date": "1999-05"},
                "medical": {"conditions": [f"condition of {name}"]},
            }
        )
        self.cases += 1
        given = self.side.give_consent(opened, self._other, scopes=("services", "identity", "medical"))
        self._case, self._left = (opened.id, given.id), REFERRALS_OF_A_CASE

    def _step(self, current: Referral) -> None:
        choices = CHOICES[current.direction, current.state]
        chosen = self._draw.weighted(choices)
        if chosen:
            use_case: Callable[[Work, Referral], Referral] = getattr(self, f"_{chosen}")
            self._commit(lambda work: use_case(work, current))

    def _commit(self, step: Callable[[Work], Referral]) -> None:
        node = self.side.node
        with node.works.write(SYSTEM) as work:
            moved = step(work)
            head = messages.heads(work.connection, moved.thread)[identity_of(node.vault).node_id]
        self.done.append(Done(moved.id, head, time.monotonic()))

    def _text(self) -> str:
        self._written += 1
        return f"{self.side.name} writes {self._draw.below(10**12)}-{self._written}"

    def _cancel(self, work: Work, current: Referral) -> Referral:
        return referrals.cancel(work, current.id, "person-declined")

    def _mistake(self, work: Work, current: Referral) -> Referral:
        return referrals.enter_in_error(work, current.id)

    def _amend(self, work: Work, current: Referral) -> Referral:
        cases.write_scope(work, current.case_id, "medical", {"conditions": [self._text()]}, country="AL")
        return referrals.amend(work, current.id)

    def _note(self, work: Work, current: Referral) -> Referral:
        return referrals.write_note(work, current.id, [("services", self._text())])

    def _accept(self, work: Work, current: Referral) -> Referral:
        return referrals.accept(work, current.id)

    def _reject(self, work: Work, current: Referral) -> Referral:
        return referrals.reject(work, current.id, "no-capacity")

    def _begin(self, work: Work, current: Referral) -> Referral:
        return referrals.begin(work, current.id)

    def _hold(self, work: Work, current: Referral) -> Referral:
        return referrals.hold(work, current.id, "waiting-capacity")

    def _appoint(self, work: Work, current: Referral) -> Referral:
        return referrals.appoint(work, current.id, "scheduled", work.now)

    def _complete(self, work: Work, current: Referral) -> Referral:
        return referrals.complete(work, current.id, texts=[("services", self._text())])

    def _fail(self, work: Work, current: Referral) -> Referral:
        return referrals.fail(work, current.id, "person-unreachable")
