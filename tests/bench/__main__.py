"""Measure how fast IARS is here: `python -m tests.bench [--full] [--only NAME] [--json FILE]`."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from iars_node.clock import SystemClock
from tests.bench import audit, search
from tests.bench.attachments import measure_attachments
from tests.bench.databases import POSTGRESQL, SQLITE, postgresql, works_on
from tests.bench.imports import ROWS, measure_import, write_sheet
from tests.bench.machine import busy_share, describe
from tests.bench.memory import measure_memory
from tests.bench.nodes import pair_of_nodes
from tests.bench.pages import measure_pages
from tests.bench.referrals import Referrals
from tests.bench.results import Results
from tests.bench.withdrawals import measure_withdrawal

if TYPE_CHECKING:
    from collections.abc import Callable

    from iars_node.work import Works

RESULTS = Path("bench-results")
ROUNDS = 3


class Bench:
    """Every suite, each in a folder of its own."""

    def __init__(self, results: Results, folder: Path, *, is_full: bool, rounds: int) -> None:
        self._results = results
        self._folder = folder
        self._rounds = rounds
        self._sizes = search.FULL_SIZES if is_full else search.SIZES
        self._logs = audit.FULL_SIZES if is_full else audit.SIZES

    def suites(self) -> dict[str, Callable[[str], None]]:
        """Return the suites by name, in the order in which they run."""
        return {
            "referrals": self.referrals,
            "referrals-postgresql": self.referrals_postgresql,
            "memory": self.memory,
            "attachments": self.attachments,
            "import": self.imports,
            "audit": self.audit,
            "audit-postgresql": self.audit_postgresql,
            "withdrawal": self.withdrawal,
            "search": self.search,
            "search-postgresql": self.search_postgresql,
            "pages": self.pages,
        }

    def run(self, chosen: list[str]) -> None:
        """Run the suites that were asked for, or all."""
        for name, suite in self.suites().items():
            if not chosen or name in chosen:
                suite(name)
                self._results.show(name)

    def referrals(self, suite: str) -> None:
        """Two nodes on SQLite beside the floor."""
        with pair_of_nodes(self._folder / suite) as pair:
            Referrals(self._results, suite, pair, self._rounds).measure()

    def referrals_postgresql(self, suite: str) -> None:
        """Two nodes on PostgreSQL beside the floor."""
        with postgresql(self._results, suite) as new_url:
            if new_url is not None:
                with pair_of_nodes(self._folder / suite, new_url) as pair:
                    Referrals(self._results, suite, pair, self._rounds).measure()

    def memory(self, suite: str) -> None:
        """What two nodes hold."""
        with pair_of_nodes(self._folder / suite) as pair:
            measure_memory(self._results, suite, pair)

    def attachments(self, suite: str) -> None:
        """Large files from node to node."""
        with pair_of_nodes(self._folder / suite) as pair:
            measure_attachments(self._results, suite, pair)

    def imports(self, suite: str) -> None:
        """A spreadsheet into an empty database of each kind."""
        self._results.say(f"{suite}: {ROWS:,} rows.")
        sheet = self._folder / "cases.xlsx"
        write_sheet(sheet)
        with works_on(self._folder / f"{suite}-sqlite") as works:
            measure_import(self._results, suite, SQLITE, works, sheet)
        with postgresql(self._results, f"{suite} on {POSTGRESQL}") as new_url:
            if new_url is not None:
                with works_on(self._folder / f"{suite}-postgresql", new_url()) as works:
                    measure_import(self._results, suite, POSTGRESQL, works, sheet)

    def audit(self, suite: str) -> None:
        """The log on SQLite: what its tree costs, and filtered pages of a long one."""
        with works_on(self._folder / f"{suite}-tree") as works:
            audit.measure_tree(self._results, suite, SQLITE, works)
        with works_on(self._folder / f"{suite}-pages") as works:
            self._read_logs(suite, SQLITE, works)

    def audit_postgresql(self, suite: str) -> None:
        """The same on PostgreSQL."""
        with postgresql(self._results, suite) as new_url:
            if new_url is None:
                return
            with works_on(self._folder / f"{suite}-tree", new_url()) as works:
                audit.measure_tree(self._results, suite, POSTGRESQL, works)
            with works_on(self._folder / f"{suite}-pages", new_url()) as works:
                self._read_logs(suite, POSTGRESQL, works)

    def _read_logs(self, suite: str, name: str, works: Works) -> None:
        log = audit.LongLog(works, works.clock.now() - timedelta(days=audit.BEGAN_DAYS))
        for size in self._logs:
            audit.measure_pages(self._results, suite, name, log, size)

    def withdrawal(self, suite: str) -> None:
        """A withdrawal that concerns very many recipients, on a database of each kind."""
        with works_on(self._folder / f"{suite}-sqlite") as works:
            measure_withdrawal(self._results, suite, SQLITE, works, self._rounds)
        with postgresql(self._results, f"{suite} on {POSTGRESQL}") as new_url:
            if new_url is not None:
                with works_on(self._folder / f"{suite}-postgresql", new_url()) as works:
                    measure_withdrawal(self._results, suite, POSTGRESQL, works, self._rounds)

    def search(self, suite: str) -> None:
        """Searches on SQLite."""
        with works_on(self._folder / suite) as works:
            filling = search.Filling(works)
            for size in self._sizes:
                search.measure_search(self._results, suite, SQLITE, filling, size)

    def search_postgresql(self, suite: str) -> None:
        """Searches on PostgreSQL."""
        with postgresql(self._results, suite) as new_url:
            if new_url is None:
                return
            with works_on(self._folder / suite, new_url()) as works:
                filling = search.Filling(works)
                for size in self._sizes:
                    search.measure_search(self._results, suite, POSTGRESQL, filling, size)

    def pages(self, suite: str) -> None:
        """The case workers' pages, on a database of each kind."""
        with pair_of_nodes(self._folder / f"{suite}-sqlite") as pair:
            measure_pages(self._results, suite, SQLITE, pair)
        with postgresql(self._results, f"{suite} on {POSTGRESQL}") as new_url:
            if new_url is not None:
                with pair_of_nodes(self._folder / f"{suite}-postgresql", new_url) as pair:
                    measure_pages(self._results, suite, POSTGRESQL, pair)


def main() -> int:
    """Measure, print the tables, write the JSON."""
    arguments = _arguments()
    # Told to stop, it still ends its processes and removes its folder.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(128 + signal.SIGTERM))
    results = Results()
    about = describe() | {"busy before": round(busy_share(), 3)}
    results.say("  ".join(f"{name}: {value}" for name, value in about.items()))
    with tempfile.TemporaryDirectory(prefix="iars-bench-") as folder:
        try:
            Bench(results, Path(folder), is_full=arguments.full, rounds=arguments.rounds).run(arguments.only)
        finally:
            results.write(arguments.json, about | {"busy after": round(busy_share(), 3)})
            results.say(f"Written to {arguments.json}")
    return 0


def _arguments() -> argparse.Namespace:
    names = list(Bench(Results(), Path(), is_full=False, rounds=ROUNDS).suites())
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often floor and nodes take turns")
    parser.add_argument("--full", action="store_true", help="a million cases and events as well")
    parser.add_argument(
        "--only", action="append", default=[], choices=names, metavar="NAME", help=", ".join(names)
    )
    at = SystemClock().now().strftime("%Y-%m-%dT%H%M%SZ")
    parser.add_argument(
        "--json", type=Path, default=RESULTS / f"{at}.json", help="where to write the numbers"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
