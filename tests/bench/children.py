"""Processes that take orders: lines of JSON in, lines of JSON out. Each ends with the one that started it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

ANSWER_SECONDS = 960.0
END_SECONDS = 20.0
MEBIBYTE = 1024 * 1024
_PAGE = os.sysconf("SC_PAGE_SIZE")


class ChildError(Exception):
    """A process ended, or did not answer in time; what it last said is in the message."""


class Child:
    """A process of the bench, started as a module and ended by its own id."""

    def __init__(
        self, log: Path, module: str, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> None:
        self._log = log
        with log.open("ab") as opened:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=opened,
                text=True,
                env=_clean_environment() | dict(environment or {}),
            )
        self.ask("wait")

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def ask(self, order: str, **words: Any) -> dict[str, Any]:
        """Give an order and return its answer."""
        entered, left = self._process.stdin, self._process.stdout
        assert entered is not None
        assert left is not None
        # Whatever hangs is ended, so that the line below always returns.
        watch = threading.Timer(ANSWER_SECONDS, self._process.kill)
        watch.start()
        try:
            entered.write(json.dumps({"order": order, **words}) + "\n")
            entered.flush()
            answer = left.readline()
        except BrokenPipeError:
            answer = ""
        finally:
            watch.cancel()
        if not answer:
            raise ChildError(f"{order}: no answer. {self._log.read_text(errors='replace')[-2000:]}")
        found: dict[str, Any] = json.loads(answer)
        return found

    def usage(self) -> Usage:
        """Return what the process has used so far."""
        return Usage.read(self.pid)

    def close(self) -> None:
        """Let the process end; end it where it doesn't."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Usage:
    """What a process has used: seconds of processor time, and the memory it holds now, in MiB."""

    def __init__(self, cpu: float, memory: float) -> None:
        self.cpu = cpu
        self.memory = memory

    @classmethod
    def read(cls, pid: int) -> Self:
        """Read it from the system's own account of the process."""
        folder = Path("/proc") / str(pid)
        # The process's name stands in brackets and may hold spaces; the numbers stand behind it.
        numbers = (folder / "stat").read_text().rpartition(")")[2].split()
        pages = int((folder / "statm").read_text().split()[1])
        ticks = int(numbers[11]) + int(numbers[12])
        return cls(ticks / os.sysconf("SC_CLK_TCK"), pages * _PAGE / MEBIBYTE)


def obey(orders: Mapping[str, Callable[..., dict[str, Any]]]) -> None:
    """Answer orders from standard input until it ends; the child's side of `Child`."""
    for line in sys.stdin:
        words = json.loads(line)
        answer = orders[words.pop("order")](**words)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _clean_environment() -> dict[str, str]:
    # What somebody set for a node of their own must not reach the nodes that are measured.
    return {name: value for name, value in os.environ.items() if not name.startswith("IARS_")}
