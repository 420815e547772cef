"""Telling the journey as it happens: short plain lines, each with the time since the beginning."""

from __future__ import annotations

import textwrap
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH = 110
INDENT = 9


class Teller:
    """Writes for a person on standard output; a program that asked for JSON hears nothing."""

    def __init__(self, *, is_silent: bool) -> None:
        console = Console(highlight=False, quiet=is_silent)
        self._console = (
            console if console.is_terminal else Console(highlight=False, quiet=is_silent, width=WIDTH)
        )
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """The seconds since the beginning."""
        return time.monotonic() - self._began

    def chapter(self, title: str) -> None:
        """Begin a chapter."""
        self._console.print()
        self._console.print(Text(title, style="bold"))

    def say(self, sentence: str) -> None:
        """Tell what happened now."""
        first, *others = self._wrapped(sentence)
        self._console.print(Text.assemble((f"{self.seconds:6.1f} s ", "dim"), first))
        self._lines(others, "")

    def detail(self, sentence: str) -> None:
        """Add a detail to what was told last."""
        first, *others = self._wrapped(sentence)
        self._lines([first, *(f"  {line}" for line in others)], "cyan")

    def _wrapped(self, sentence: str) -> list[str]:
        return textwrap.wrap(sentence, self._console.width - INDENT - 2, break_on_hyphens=False) or [""]

    def _lines(self, lines: Sequence[str], style: str) -> None:
        for line in lines:
            self._console.print(Text(" " * INDENT + line, style=style))

    def table(self, title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Show a table."""
        shown = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
        for heading in headings:
            shown.add_column(heading, overflow="fold")
        for row in rows:
            shown.add_row(*(Text(cell) for cell in row))
        self._console.print()
        self._console.print(shown)
