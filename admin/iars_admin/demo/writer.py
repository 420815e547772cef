"""Who an invented person is, and what writes that person's record."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iars_admin.demo.draw import Draw
    from iars_admin.demo.origins import Origin
    from iars_admin.demo.stories import Storyteller

HOME = "AL"
GROWN = 18


@dataclass(frozen=True, slots=True)
class Sketch:
    """Who a person is, before the record is written. `role`: mother, child, alone (a child), adult."""

    origin: Origin = field(repr=False)
    role: str
    gender: str
    age: int
    given: str = field(repr=False)
    family: str = field(repr=False)
    children: int
    there: str

    @property
    def is_minor(self) -> bool:
        """Whether the person is a child."""
        return self.age < GROWN


@dataclass(frozen=True, slots=True)
class Writer:
    """Everything that a scope of a record is written from. `ended`: the month, from 0; `months`: how long."""

    draw: Draw
    sketch: Sketch
    number: str
    stage: str
    year: int
    tell: Storyteller
    ended: int
    months: int

    @property
    def is_national(self) -> bool:
        """Whether the person is a citizen of the shelter's country."""
        return self.sketch.origin.code == HOME

    def month(self, back: int) -> str:
        """Return a month so many months before the end."""
        months = self.year * 12 + self.ended - back
        return f"{months // 12}-{months % 12 + 1:02}"
