"""What a command shows: tables for people, JSON for programs, progress on a terminal only."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

TRAINING = "TRAINING: made-up people only"
PIPE_WIDTH = 160

# What could move the cursor or turn the writing round, in names that others chose.
_FORBIDDEN = dict.fromkeys(
    (*range(9), *range(11, 32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A)),
    "\N{REPLACEMENT CHARACTER}",
)


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with what is counted: 1 key, 2 keys; `many` where an s at the end is not enough."""
    return f"{number} {one if number == 1 else many or one + 's'}"


class Screen:
    """Writes for a person, or for a program."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.zone = ZoneInfo("UTC")
        self.is_training = False
        self._is_marked = False

    def show_list(
        self, entries: Sequence[Mapping[str, Any]], columns: Mapping[str, str], *, none: str
    ) -> None:
        """Show records: whole as JSON, or some columns under their headings."""
        if self.as_json:
            self._write_json([dict(entry) for entry in entries])
            return
        if not entries:
            self.say(none)
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in columns.values():
            table.add_column(heading, overflow="fold")
        for entry in entries:
            table.add_row(*(self._text(entry.get(name)) for name in columns))
        self._print(table)

    def show_one(self, entry: Mapping[str, Any], labels: Mapping[str, str]) -> None:
        """Show one record: whole as JSON, or some of its parts, each under its label."""
        if self.as_json:
            self._write_json(dict(entry))
            return
        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_column(style="bold")
        table.add_column(overflow="fold")
        for name, label in labels.items():
            if entry.get(name) not in (None, "", [], (), {}):
                table.add_row(label, self._text(entry[name]))
        self._print(table)

    def done(self, sentence: str, entry: Mapping[str, Any] | None = None) -> None:
        """Say what was done, or give its outcome to a program."""
        if self.as_json:
            self._write_json(dict(entry or {}))
        else:
            self.say(sentence)

    def say(self, sentence: str) -> None:
        """Write a sentence for a person; a program reads nothing of it."""
        if not self.as_json:
            self._print(_harmless(sentence))

    def heading(self, text: str) -> None:
        """Write a heading for a person."""
        if not self.as_json:
            self._print("")
            _console().print(_harmless(text), style="bold", markup=False, highlight=False)

    @contextmanager
    def progress(self, label: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        """Show how far something is, on a terminal; yield what takes the number done so far."""
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TaskProgressColumn())
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
            task = shown.add_task(label, total=total)
            yield lambda done: shown.update(task, completed=done)

    def _print(self, what: Table | str) -> None:
        console = _console()
        if self.is_training and not self._is_marked:
            self._is_marked = True
            console.print(f" {TRAINING} ", style="black on yellow", markup=False, highlight=False)
        console.print(what, markup=False, highlight=False)

    def _write_json(self, value: object) -> None:
        if self.is_training and not self._is_marked:
            self._is_marked = True
            sys.stderr.write(f"{TRAINING}\n")
        sys.stdout.write(json.dumps(value, ensure_ascii=False, default=plain) + "\n")

    def _text(self, value: object) -> str:
        if isinstance(value, datetime):
            return value.astimezone(self.zone).strftime("%Y-%m-%d %H:%M")
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, dict):
            return _harmless(", ".join(f"{name}: {self._text(entry)}" for name, entry in value.items()))
        if isinstance(value, (list, tuple, set, frozenset)):
            return _harmless(", ".join(self._text(entry) for entry in value))
        if isinstance(value, bytes):
            return value.hex()
        return "" if value is None else _harmless(str(value))


def plain(value: object) -> object:
    """Turn what JSON lacks into what programs expect."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"no JSON for {type(value).__name__}")


def _harmless(text: str) -> str:
    return text.translate(_FORBIDDEN)


def _console() -> Console:
    # Made anew each time: it must write where standard output points at this moment.
    console = Console()
    return console if console.is_terminal else Console(width=PIPE_WIDTH)
