"""Searching: how long a case worker waits for a page of finds, over ten thousand cases and more."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from statistics import quantiles
from typing import TYPE_CHECKING

from iars_node.cases.model import Assignment
from iars_node.cases.service import search_cases
from iars_node.cases.service.bulk import NewCase, open_cases
from iars_node.work import SYSTEM, Actor
from tests.bench import people
from tests.bench.results import Aim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from iars_node.work import Works
    from tests.bench.results import Results

SIZES = (10_000, 100_000)
FULL_SIZES = (*SIZES, 1_000_000)
CASES_AT_ONCE = 2_000
QUERIES_OF_A_KIND = 60
WARM = 5
COUNTRY = "AL"
AIM = Aim(50)
MILLI = 1e3
WORKER = Actor("account", "0" * 32, frozenset({"case-worker"}))
COMMON = 20


@dataclass(slots=True)
class Filling:
    """A database that grows from one size to the next."""

    works: Works
    references: list[str] = field(default_factory=list)
    count: int = 0

    def grow(self, size: int) -> float:
        """Open cases until there are so many; return how many a second."""
        began, before = time.perf_counter(), self.count
        while self.count < size:
            numbers = range(self.count, min(self.count + CASES_AT_ONCE, size))
            with self.works.write(SYSTEM) as work:
                records = [people.searched_record(number) for number in numbers]
                opened = [NewCase(each, people.words_of(work.vault, each), None) for each in records]
                cases = open_cases(work, opened, country=COUNTRY, assignment=Assignment(), training=False)
            self.references += [case.reference for case in cases[:COMMON]]
            self.count += len(numbers)
        return (self.count - before) / (time.perf_counter() - began)


def measure_search(results: Results, suite: str, name: str, filling: Filling, size: int) -> None:
    """Measure a mix of searches over so many cases."""
    results.say(f"{suite}: {name}, {size:,} cases")
    a_second = filling.grow(size)
    if not filling.works.database.is_sqlite:
        with filling.works.database.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("ANALYZE")
    every: list[float] = []
    for kind, text in _kinds(filling):
        taken = list(_take(filling.works, text))
        every += taken
        results.add(suite, f"{name}, {size:,}: {kind}, p95", _cut(taken, 95), "ms", AIM)
    results.add(suite, f"{name}, {size:,}: all, median", _cut(every, 50), "ms")
    results.add(suite, f"{name}, {size:,}: all, p95", _cut(every, 95), "ms", AIM)
    results.add(suite, f"{name}, {size:,}: cases opened in bulk", a_second, "/s")


def _kinds(filling: Filling) -> Iterator[tuple[str, Callable[[int], str]]]:
    step = filling.count // QUERIES_OF_A_KIND
    families, given = people.FAMILIES, people.GIVEN
    yield "a rare name", lambda number: families[-1 - number]
    yield "a common name", lambda number: given[number % COMMON]
    yield "two common words", lambda number: f"{given[number % COMMON]} {families[number % COMMON]}"
    yield "two words", lambda number: _name(number * step)
    yield "a document", lambda number: people.document_number(number * step)
    yield "a phone", lambda number: people.phone(number * step).removeprefix("+355")
    yield "a reference", lambda number: filling.references[number % len(filling.references)]
    yield "no hit", lambda number: f"Nobody{chr(97 + number % 26)} {given[number % COMMON]}"


def _name(number: int) -> str:
    return f"{people.given_name(number)} {people.family_name(number)}"


def _take(works: Works, text: Callable[[int], str]) -> Iterator[float]:
    for number in range(-WARM, QUERIES_OF_A_KIND):
        began = time.perf_counter()
        # As the page does it: the search is recorded in the audit log, in the same transaction.
        with works.write(WORKER) as work:
            search_cases(work, text(abs(number)), country=COUNTRY)
        if number >= 0:
            yield (time.perf_counter() - began) * MILLI


def _cut(taken: list[float], share: int) -> float:
    return quantiles(taken, n=100)[share - 1]
