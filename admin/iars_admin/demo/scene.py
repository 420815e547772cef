"""What every step of the journey shares: the organisations, what they know, and the checks that must hold."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from iars_admin.demo import evidence, knowledge
from iars_admin.demo.errors import DemoError
from iars_admin.demo.knowledge import Content, texts_of
from iars_node.errors import NotFoundError
from iars_node.referrals import service as referrals

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from iars_admin.demo.evidence import Letter
    from iars_admin.demo.organisation import Organisation
    from iars_admin.demo.telling import Teller
    from iars_admin.demo.year import Lived
    from iars_node.referrals.model import Preview, Referral
    from iars_protocol.record import Record

WAIT_SECONDS = 30
LOOK_EVERY = 0.05


@dataclass(frozen=True, slots=True)
class Check:
    """Something that must hold, and the sentence that says what is wrong if it does not."""

    name: str
    is_held: bool
    sentence: str


@dataclass(slots=True)
class Thread:
    """One referral between two organisations, as the journey follows it.

    `record` is all that the sender held when it referred; `shown` names the fields that its preview let go,
    and `agreed` holds their texts.
    """

    id: str
    reference: str
    service: str
    kind: str
    sender: Organisation
    receiver: Organisation
    shown: set[tuple[str, str]] = field(default_factory=set)
    agreed: list[str] = field(default_factory=list, repr=False)
    record: Record = field(default_factory=dict, repr=False)
    letters: dict[str, Letter] = field(default_factory=dict)


@dataclass(slots=True)
class Scene:
    """The journey so far."""

    teller: Teller
    organisations: Mapping[str, Organisation]
    threads: list[Thread] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    known: dict[tuple[str, str], Content] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    verified: dict[str, dict[str, Any]] = field(default_factory=dict)
    leaks: dict[str, list[str]] = field(default_factory=dict)
    knew: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    erasures: dict[str, list[str]] = field(default_factory=dict)
    logs: dict[str, dict[str, Any]] = field(default_factory=dict)
    caught: dict[str, Any] = field(default_factory=dict)
    # What the year before the journey has left, where the nodes have lived through one.
    lived: Lived | None = None

    def check(self, name: str, *, holds: bool, otherwise: str) -> None:
        """Note whether something holds; what does not is said at once and fails the demo at its end."""
        self.checks.append(Check(name, holds, otherwise))
        if not holds:
            self.teller.say(f"NOT AS EXPECTED: {otherwise}")

    def follow(
        self, sent: Referral, sender: Organisation, receiver: Organisation, shown: Preview, record: Record
    ) -> Thread:
        """Follow a referral that was sent a moment ago."""
        lines = shown.at_offer + shown.on_acceptance
        names = {(line.scope, line.name) for line in lines}
        agreed = [text for line in lines for text in texts_of(line.value)]
        thread = Thread(
            sent.id, sent.reference, sent.service, sent.kind, sender, receiver, names, agreed, record
        )
        self.threads.append(thread)
        return thread

    def wait(
        self, organisation: Organisation, thread: Thread, state: str, *, is_disclosed: bool = False
    ) -> None:
        """Wait until an organisation's copy has reached a state, and every letter its receipt."""

        def arrived() -> bool:
            try:
                with organisation.look() as work:
                    found = referrals.get(work, thread.id)
            except NotFoundError:
                return False
            return found.state == state and found.is_disclosed >= is_disclosed

        self._until(
            arrived, f"{organisation.part.said} did not see referral {thread.reference} {state} in time"
        )
        self._until(
            lambda: all(letter.outcome for letter in self._letters(thread)),
            f"a letter of referral {thread.reference} got no receipt in time",
        )

    def wait_for(self, holds: Callable[[], bool], otherwise: str) -> None:
        """Wait until something holds; what does not come in time ends the demo."""
        self._until(holds, otherwise)

    def _until(self, holds: Callable[[], bool], otherwise: str) -> None:
        until = time.monotonic() + WAIT_SECONDS
        while not holds():
            if time.monotonic() > until:
                raise DemoError(otherwise[0].upper() + otherwise[1:] + ".")
            time.sleep(LOOK_EVERY)

    def _letters(self, thread: Thread) -> list[Letter]:
        pair = ((thread.sender, thread.receiver), (thread.receiver, thread.sender))
        return [letter for one, other in pair for letter in evidence.letters(one, other, thread.id)]

    def tell_letters(self, thread: Thread) -> None:
        """Tell of the letters that are new: who signed them, their size as they travelled, their receipts."""
        found = sorted(self._letters(thread), key=lambda letter: letter.written_at)
        for letter in found:
            if letter.id in thread.letters:
                continue
            thread.letters[letter.id] = letter
            at = f", {letter.receipted_at:%H:%M:%S} UTC" if letter.receipted_at else ""
            self.teller.detail(
                f"letter: {letter.kind} by the {letter.author}, {letter.size:,} bytes sealed; "
                f"receipt by the {letter.issuer}: {letter.outcome}{at}"
            )
            self.check(
                "receipt",
                holds=letter.outcome == "applied" and letter.issuer != letter.author,
                otherwise=f"The {letter.kind} of {thread.reference} was not applied by the other side.",
            )

    def tell_learned(self, organisation: Organisation, thread: Thread) -> None:
        """Tell what an organisation has learned since the last look."""
        place = (organisation.part.key, thread.id)
        now = knowledge.told(organisation, thread.id)
        for line in knowledge.named(knowledge.fresh(self.known.get(place, {}), now)):
            self.teller.detail(f"{organisation.part.said} learned: {line}")
        self.known[place] = now

    def check_learned(self, thread: Thread) -> None:
        """Check that the receiver knows exactly what the sender's preview had shown."""
        now = self.known[(thread.receiver.part.key, thread.id)]
        learned = {(scope, name) for scope, content in now.items() for name in content}
        self.check(
            "preview",
            holds=learned == thread.shown,
            otherwise=f"What was learned by {thread.reference} is not what the preview showed.",
        )

    def tell_preview(self, shown: Preview, record: Record) -> None:
        """Tell what leaves when, and what stays and why."""
        self.teller.detail(
            f"the preview: {len(shown.at_offer)} fields leave with the offer, "
            f"{len(shown.on_acceptance)} more on acceptance, {len(shown.never)} never"
        )
        for line in knowledge.kept_back(shown.never, record):
            self.teller.detail(f"stays, {line}")
