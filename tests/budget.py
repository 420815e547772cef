"""What each suite costs: a table at the end of every run, the source of the one in CONTRIBUTING.md."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest
    from _pytest.terminal import TerminalReporter


class Budget:
    """Adds up the seconds of each folder below `tests/`."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.tests: dict[str, int] = defaultdict(int)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count one phase of one test."""
        parts = report.nodeid.split("::")[0].split("/")
        suite = parts[1] if len(parts) > 2 else "."
        self.seconds[suite] += report.duration
        self.tests[suite] += report.when == "call"

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        """Print the table."""
        terminalreporter.section("budget per suite")
        for suite, seconds in sorted(self.seconds.items(), key=lambda row: -row[1]):
            terminalreporter.write_line(f"{suite:<14}{seconds / 60:6.2f} min {self.tests[suite]:6d} tests")
