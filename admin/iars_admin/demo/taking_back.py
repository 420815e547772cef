"""She withdraws: every recipient answers for itself, signed, what it has destroyed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_admin.demo import closing, knowledge
from iars_node.referrals import service as referrals
from iars_node.withdrawals import service as withdrawals
from iars_protocol.record import SCOPES

if TYPE_CHECKING:
    from iars_admin.demo.scene import Scene, Thread
    from iars_node.withdrawals.service import Asked

WITHDRAWN = ("ARR-RECEPTION", "FUP-PSY")
"""What she takes back: what went to Moscow, and what went on from there. The screening in Tirana stands."""


def withdraw(scene: Scene) -> None:
    """Take back what went to Moscow and on to the NGO; hear from both that it is destroyed."""
    scene.teller.chapter("7. She withdraws")
    scene.teller.detail(
        "A node waits 48 hours before it destroys, so that a stolen key can't wipe the files of people in "
        "care. These nodes are for training and wait not at all: erasure_hold_hours = 0 in their settings."
    )
    scene.knew = {key: closing.known_fields(scene, key) for key in scene.organisations}
    threads = [one for one in scene.threads if one.service in WITHDRAWN]
    # Before the first: what is taken back in Moscow is taken back further down the chain by itself.
    before = {one.id: set(knowledge.told(one.receiver, one.id)) for one in threads}
    for thread in threads:
        consent_id = _withdraw(scene, thread)
        _hear(scene, thread, consent_id, before[thread.id])


def _withdraw(scene: Scene, thread: Thread) -> str:
    sender = thread.sender
    with sender.work() as work:
        consent_id = referrals.get(work, thread.id).consent_id
        withdrawals.withdraw(work, [consent_id])
    scene.teller.say(
        f"{sender.part.worker_name}, records at {sender.part.said} that she no longer wants anything shared "
        f"with {thread.receiver.part.said}. Nobody asks her why; the node tells {thread.receiver.part.said}."
    )
    return consent_id


def _hear(scene: Scene, thread: Thread, consent_id: str, before: set[str]) -> None:
    receiver = thread.receiver

    def answers() -> list[Asked]:
        with thread.sender.look() as work:
            return withdrawals.asked_of_consent(work, consent_id)

    scene.wait_for(
        lambda: all(one.reports for one in answers()),
        f"{receiver.part.said} did not answer the withdrawal in time",
    )
    outcomes = [each for one in answers() for report in one.reports for each in report.outcomes]
    erased = {each.scope for each in outcomes if each.outcome == "erased"}
    scene.erasures[thread.id] = sorted(erased)
    labels = ", ".join(scope.label.lower() for scope in SCOPES.values() if scope.code in erased)
    scene.teller.say(
        f"{receiver.part.begins} states, signed and dated, that it has destroyed its keys to: {labels}."
    )
    scene.teller.detail(
        "It is that organisation's statement. It also names the day from which no backup of the keys is left."
    )
    scene.check(
        "erasure",
        holds=bool(before) and before <= erased and len(erased) == len(outcomes),
        otherwise=f"{receiver.part.begins} did not state the erasure of all that it had received.",
    )
    scene.check(
        "nothing-left",
        holds=not knowledge.told(receiver, thread.id),
        otherwise=f"{receiver.part.begins} still shows what it was told.",
    )
