"""Draws that a seed repeats: the same seed tells the same stories on every machine."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ItemT = TypeVar("ItemT")

_HUNDRED = 100


class Draw:
    """A hash in counting mode. It is for invented stories; nothing secret is ever drawn here."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._count = 0

    def branch(self, name: str) -> Draw:
        """Return draws of their own, so that one more draw here changes nothing there."""
        return Draw(f"{self._seed}/{name}")

    def below(self, limit: int) -> int:
        """Return a number from 0 to `limit` - 1."""
        self._count += 1
        drawn = hashlib.sha256(f"{self._seed}#{self._count}".encode()).digest()
        return int.from_bytes(drawn[:8], "big") % limit

    def number(self, least: int, most: int) -> int:
        """Return a number from `least` to `most`."""
        return least + self.below(most - least + 1)

    def chance(self, percent: int) -> bool:
        """Say yes in so many cases of a hundred."""
        return self.below(_HUNDRED) < percent

    def one(self, items: Sequence[ItemT]) -> ItemT:
        """Return one of the items."""
        return items[self.below(len(items))]

    def some(self, items: Sequence[ItemT], least: int, most: int) -> list[ItemT]:
        """Return so many different items, in the order in which they stand."""
        wanted = min(self.number(least, most), len(items))
        chosen = set(self.shuffled(range(len(items)))[:wanted])
        return [item for index, item in enumerate(items) if index in chosen]

    def shuffled(self, items: Sequence[ItemT]) -> list[ItemT]:
        """Return the items in another order."""
        found = list(items)
        for last in range(len(found) - 1, 0, -1):
            other = self.below(last + 1)
            found[last], found[other] = found[other], found[last]
        return found

    def weighted(self, weights: Mapping[str, int]) -> str:
        """Return one of the names, each as often as its weight says."""
        place = self.below(sum(weights.values()))
        for name, weight in weights.items():
            if place < weight:
                return name
            place -= weight
        raise AssertionError(place)
