"""What was measured: numbers with their units and aims, as a table for people and as JSON."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# Written to a file there is no edge at which a table must break.
WIDTH = 120


@dataclass(frozen=True, slots=True)
class Aim:
    """What a number should be: at the least, or at the most."""

    value: float
    at_least: bool = False

    def is_met(self, value: float) -> bool:
        """Say whether a number reaches the aim."""
        return value >= self.value if self.at_least else value <= self.value

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.value:g}"


@dataclass(frozen=True, slots=True)
class Result:
    """One number: the median of its rounds where there were several."""

    suite: str
    name: str
    value: float
    unit: str
    rounds: tuple[float, ...] = ()
    aim: Aim | None = None

    @property
    def spread(self) -> str:
        """The lowest and the highest round."""
        return "" if len(self.rounds) < 2 else f"{shown(min(self.rounds))} to {shown(max(self.rounds))}"


@dataclass(slots=True)
class Results:
    """Collects numbers and shows each suite when it is complete."""

    console: Console = field(default_factory=lambda: Console(width=None if sys.stdout.isatty() else WIDTH))
    found: list[Result] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)

    def add(
        self, suite: str, name: str, values: float | Sequence[float], unit: str, aim: Aim | None = None
    ) -> float:
        """Note a number, or the median of several rounds; return it."""
        rounds = (values,) if isinstance(values, int | float) else tuple(values)
        value = float(median(rounds))
        self.found.append(Result(suite, name, value, unit, tuple(map(float, rounds)), aim))
        return value

    def say(self, sentence: str) -> None:
        """Tell what is being done."""
        self.console.print(sentence, style="dim", highlight=False)

    def skip(self, suite: str, reason: str) -> None:
        """Note why a suite was not measured."""
        self.skipped[suite] = reason
        self.console.print(f"{suite}: left out. {reason}", style="yellow", highlight=False)

    def show(self, suite: str) -> None:
        """Print one suite as a table."""
        table = Table(title=suite, title_justify="left", header_style="bold")
        for heading in ("what", "median", "unit", "lowest to highest", "aim"):
            table.add_column(heading, justify="right" if heading == "median" else "left")
        for result in self.found:
            if result.suite == suite:
                aim = "" if result.aim is None else _judged(result.aim, result.value)
                table.add_row(result.name, shown(result.value), result.unit, result.spread, aim)
        if table.row_count:
            self.console.print(table)

    def write(self, path: Path, about: dict[str, Any]) -> None:
        """Write everything as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        entries = [
            asdict(result)
            | {"aim": None if result.aim is None else str(result.aim)}
            | {"met": None if result.aim is None else result.aim.is_met(result.value)}
            for result in self.found
        ]
        content = {"about": about, "results": entries, "skipped": self.skipped}
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def _judged(aim: Aim, value: float) -> str:
    return f"[green]{aim} met[/]" if aim.is_met(value) else f"[red]{aim} missed[/]"


def shown(value: float) -> str:
    """Write a number with three meaningful digits."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
