"""A referral's way as named steps: those that were taken, and those that are to come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from iars_node.db import EPOCH
from iars_node.web.languages import N_

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iars_node.referrals.model import Referral
    from iars_node.referrals.service.reading import Entry

OFFER = "referral.offer/1"
_AHEAD = {
    "requested": (N_("Answered"), N_("Service begins"), N_("Completed")),
    "accepted": (N_("Service begins"), N_("Completed")),
    "on-hold": (N_("Goes on"), N_("Completed")),
    "in-progress": (N_("Completed"),),
}
_BAD = frozenset(
    {
        "referral.reject/1",
        "referral.fail/1",
        "referral.cancel/1",
        "referral.entered-in-error/1",
        "referral.expire",
    }
)


@dataclass(frozen=True, slots=True)
class Stop:
    """One step of the way. `words` is a message of the catalogue; `entry` is what was taken, if it was."""

    words: str = ""
    at: datetime | None = None
    entry: Entry | None = None
    kind: str = "taken"


def path_of(referral: Referral, entries: Sequence[Entry], *, is_locked: bool = False) -> list[Stop]:
    """Return the way of a referral; of one whose content is locked nothing is ahead but its end."""
    found: list[Stop] = []
    for entry in entries:
        kind = "refused" if entry.step.is_refused else "bad" if entry.step.type in _BAD else "taken"
        found.append(Stop(at=entry.step.at, entry=entry, kind=kind))
        if entry.step.type == OFFER and referral.direction == "out":
            found.append(_arrival(entry))
    ahead = _AHEAD.get(referral.state, ())
    if is_locked and ahead:
        ahead = (N_("Its end"),)
    found += [Stop(words=words, kind="later") for words in ahead]
    return found


def _arrival(offer: Entry) -> Stop:
    receipt = offer.proof.outcome if offer.proof else None
    if receipt is None:
        return Stop(words=N_("On its way; it has not arrived yet"), kind="later")
    at = EPOCH + timedelta(seconds=receipt.at)
    if receipt.outcome == "applied":
        return Stop(words=N_("Arrived at their node"), at=at)
    return Stop(words=N_("Their node did not take it"), at=at, kind="bad")
