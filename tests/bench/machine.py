"""The machine that is measured on, and how much else it does meanwhile."""

from __future__ import annotations

import os
import platform
import sqlite3
import sys
import time
from pathlib import Path

from iars_node.clock import SystemClock

SAMPLE_SECONDS = 1.0


def busy_share(seconds: float = SAMPLE_SECONDS) -> float:
    """Return which share of all processors others use while this process waits."""
    before = _times()
    time.sleep(seconds)
    after = _times()
    busy, every = (late - early for early, late in zip(before, after, strict=True))
    return busy / every if every else 0.0


def describe() -> dict[str, object]:
    """Return what decides how fast anything is here."""
    return {
        "at": SystemClock().now().isoformat(timespec="seconds"),
        "processors": os.cpu_count(),
        "processor": _model(),
        # Which one: the same version built without profiles is a fifth slower, the floor loses less by it.
        "python": f"{sys.version.split()[0]} {sys.base_prefix}",
        "sqlite": sqlite3.sqlite_version,
        "system": platform.platform(),
    }


def _times() -> tuple[int, int]:
    numbers = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    idle = numbers[3] + numbers[4]
    return sum(numbers) - idle, sum(numbers)


def _model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
