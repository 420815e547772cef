"""A legal hold: a case, or some scopes of it, that nothing may erase until a day, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_protocol.vocabulary import SCOPES, VOCABULARIES

if TYPE_CHECKING:
    from datetime import datetime

GROUNDS = VOCABULARIES["retention_ground"]
LONGEST = timedelta(days=3653)
LONGEST_REASON = 2000


@dataclass(frozen=True, slots=True)
class Hold:
    """One hold. Without scopes it covers the whole case; the reason is sealed at rest."""

    id: str
    case_id: str
    scopes: tuple[str, ...]
    ground: str
    reason: str = field(repr=False)
    set_by: str
    set_at: datetime
    ends_at: datetime
    lifted_at: datetime | None = None
    lifted_by: str | None = None

    def stands(self, now: datetime) -> bool:
        """Say whether it counts at a moment: not over, not lifted."""
        return self.lifted_at is None and now < self.ends_at

    @property
    def covered(self) -> frozenset[str]:
        """The scopes that it keeps."""
        return frozenset(self.scopes or SCOPES)


@dataclass(frozen=True, slots=True)
class HoldLifted:
    """Announced when a hold was lifted before its end: what waited behind it may go on."""

    case_id: str


def faults_of(
    *, scopes: tuple[str, ...], ground: str, reason: str, ends_at: datetime, now: datetime
) -> dict[str, str]:
    """Say what of a hold can't be used, and why."""
    faults = {}
    if not set(scopes) <= SCOPES.keys():
        faults["scopes"] = f"accepted: {', '.join(SCOPES)}; none for the whole case"
    if ground not in GROUNDS:
        faults["ground"] = f"accepted: {', '.join(GROUNDS)}"
    if not 0 < len(reason.strip()) <= LONGEST_REASON:
        faults["reason"] = f"accepted: 1 to {LONGEST_REASON} characters"
    if not now < ends_at <= now + LONGEST:
        faults["until"] = "accepted: a day in the future, ten years ahead at the most"
    return faults
