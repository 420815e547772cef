"""What accounts announce to the slices that follow."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CameBack:
    """An account is at the pages: it signed in, unlocked its session, or goes on with it."""

    account_id: str
