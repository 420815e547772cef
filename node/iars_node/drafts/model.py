"""What an account has begun and not finished, and what it keeps for itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

DraftKind: TypeAlias = Literal["intake", "case", "import", "filter", "mapping"]
Content: TypeAlias = "Mapping[str, list[str]]"

FORGET_KEY_JOB = "draft.forget-key"
EXPIRE_JOB = "draft.expire"

KEPT_DAYS = 30
"""Unfinished work is kept this long after its last change; an abandoned person's words must not stay."""

MOST_OF_A_KIND = 50


@dataclass(frozen=True, slots=True)
class Draft:
    """Something unfinished of one account: what was typed, by field. `outcome` is where it led, once done."""

    id: str
    account_id: str
    kind: DraftKind
    version: int
    created_at: datetime
    updated_at: datetime
    content: Content = field(default_factory=dict, repr=False)
    outcome: str = ""

    def value(self, name: str) -> str:
        """Return what is typed into a field."""
        return next(iter(self.content.get(name, ())), "")
