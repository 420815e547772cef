"""The audit log: what the tree adds to an event, and how long a filtered page of a long log takes."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from statistics import quantiles
from typing import TYPE_CHECKING

from iars_node import audit
from iars_node.audit import log_store, store
from iars_node.audit.actions import ACTIONS
from iars_node.audit.model import AuditFilter, Event, leaf_hash
from iars_node.audit.sequencing import sequence, sign_head
from iars_node.audit.tables import audit_event
from iars_node.db import new_id
from iars_node.prepared import insert_many
from iars_node.vault.identity import create_identity
from iars_node.work import SYSTEM, Actor
from iars_protocol.listing import Listing
from tests.bench.results import Aim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from iars_node.work import Works
    from tests.bench.results import Results

SIZES = (100_000,)
FULL_SIZES = (*SIZES, 1_000_000)
EVENTS = 10_000
EVENTS_AT_ONCE = 20
ROUNDS = 3
MICRO, MILLI = 1e6, 1e3
PAGES_OF_A_KIND = 40
WARM = 3
ROWS_AT_ONCE = 5_000
ACCOUNTS, PEERS, CASES = 60, 40, 20_000
AIM = Aim(100)
WORKER = Actor("account", "0" * 32, frozenset({"auditor"}))
PROFILE = Listing("", 0, 0, {"en": "A shelter"}, "NGO", "AL", "Europe/Tirane", ("sq",), ("SHELTER",))
BEGAN_DAYS = 365


def measure_tree(results: Results, suite: str, name: str, works: Works) -> None:
    """Measure events with and without the tree, in turns, and the tree alone."""
    create_identity(works.vault, PROFILE, endpoints=["https://shelter"], now=works.clock.now())
    plain: list[float] = []
    with_tree: list[float] = []
    _record(works, EVENTS_AT_ONCE * 10)
    _into_tree(works)
    for _ in range(ROUNDS):
        taken = _timed(lambda: _record(works, EVENTS))
        plain.append(taken / EVENTS * MICRO)
        sequenced = _timed(lambda: _into_tree(works))
        with_tree.append((taken + sequenced) / EVENTS * MICRO)
    tree = [both - alone for both, alone in zip(with_tree, plain, strict=True)]
    results.add(suite, f"{name}: an event, plain insert", plain, "µs")
    results.add(suite, f"{name}: an event, with the tree and its head", with_tree, "µs")
    results.add(suite, f"{name}: what the tree adds", tree, "µs")
    with works.read(SYSTEM) as work:
        newest = log_store.newest_log(work.connection)
        assert newest is not None
        proofs = [_timed(lambda: _prove(work, newest)) * MICRO for _ in range(ROUNDS * 10)]
    results.add(suite, f"{name}: a proof of inclusion, of {newest.size:,}", proofs, "µs")


def _record(works: Works, count: int) -> None:
    entry = audit.Entry("case.read", case_id=new_id(), scopes=("identity", "medical"))
    for _ in range(count // EVENTS_AT_ONCE):
        with works.write(WORKER) as work:
            audit.record_many(work, [entry] * EVENTS_AT_ONCE)


def _into_tree(works: Works) -> None:
    taken = 1
    while taken:
        with works.write(SYSTEM) as work:
            taken = sequence(work)
            sign_head(work)


def _prove(work: object, newest: log_store.Log) -> None:
    tree = log_store.tree(work.connection, newest)  # type: ignore[attr-defined]
    tree.inclusion(secrets.randbelow(newest.size), newest.size)


def _timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


@dataclass(slots=True)
class LongLog:
    """A log of a year that grows from one size to the next."""

    works: Works
    began: datetime
    count: int = 0

    def grow(self, size: int) -> None:
        """Write events until there are so many, spread over the year and over everybody."""
        actions = sorted(ACTIONS)
        # As a node writes them: reading and exchanging is most of it.
        often = ["case.read", "case.searched", "exchange.envelope-received", "exchange.receipt-received"]
        while self.count < size:
            numbers = range(self.count, min(self.count + ROWS_AT_ONCE, size))
            rows = [self._row(number, actions, often) for number in numbers]
            with self.works.write(SYSTEM) as work:
                insert_many(work.connection, audit_event, rows)
            self.count += len(numbers)
        if not self.works.database.is_sqlite:
            with self.works.database.engine.connect() as connection:
                connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("ANALYZE")

    def _row(self, number: int, actions: list[str], often: list[str]) -> dict[str, object]:
        action = actions[number // 10 % len(actions)] if number % 10 == 0 else often[number % len(often)]
        salt = bytes(32)
        event = Event(
            f"{number:032x}",
            self.began + timedelta(seconds=number * 86_400 * BEGAN_DAYS // FULL_SIZES[-1]),
            "account",
            f"{number * 7 % ACCOUNTS:032x}",
            action,
            case_id=f"{number * 31 % CASES:032x}",
            peer_id=f"{number * 13 % PEERS:064x}" if action.startswith("exchange.") else "",
        )
        leaf = leaf_hash(salt, event.id.encode())
        # Reading does not look at the leaf: none is computed over a million contents.
        return {"seq": number + 1, **store._row(event, salt, leaf)}  # noqa: SLF001 - as it writes them


def measure_pages(results: Results, suite: str, name: str, log: LongLog, size: int) -> None:
    """Measure filtered pages of a log of so many events."""
    results.say(f"{suite}: {name}, {size:,} events")
    log.grow(size)
    every: list[float] = []
    for kind, filters in _kinds(log):
        taken = list(_take(log.works, filters))
        every += taken
        results.add(suite, f"{name}, {size:,}: {kind}, p95", _cut(taken, 95), "ms", AIM)
    results.add(suite, f"{name}, {size:,}: all, p95", _cut(every, 95), "ms", AIM)


def _kinds(log: LongLog) -> Iterator[tuple[str, Callable[[int], AuditFilter]]]:
    day = timedelta(days=1)
    last = log.began + timedelta(seconds=log.count * 86_400 * BEGAN_DAYS // FULL_SIZES[-1])
    whole = last - log.began

    def account(number: int) -> str:
        return f"{number % ACCOUNTS:032x}"

    yield "the newest", lambda _number: AuditFilter()
    yield "an account", lambda number: AuditFilter(actor_id=account(number))
    yield (
        "an account's rare act",
        lambda number: AuditFilter(actor_id=account(number), action="backup.restored"),
    )
    yield (
        "an account, a day",
        lambda number: _within(AuditFilter(actor_id=account(number)), log.began, number),
    )
    yield "a peer", lambda number: AuditFilter(peer_id=f"{number % PEERS:064x}")
    yield "a case", lambda number: AuditFilter(case_id=f"{number * 17 % CASES:032x}")
    yield (
        "a person with three cases",
        lambda number: AuditFilter(
            case_ids=tuple(f"{(number + each) % CASES:032x}" for each in range(3)), person_ids=(new_id(),)
        ),
    )
    yield "a rare act", lambda _number: AuditFilter(action="backup.restored")
    yield "a topic", lambda _number: AuditFilter(action="exchange.")
    yield "a day of the past", lambda number: _within(AuditFilter(), log.began, number)
    yield "a topic, a day of the past", lambda number: _within(AuditFilter(action="key."), log.began, number)
    yield "a month of the past", lambda _number: AuditFilter(since=log.began, until=log.began + whole / 12)
    yield "all of the past but the last day", lambda _number: AuditFilter(until=last - day)
    yield "nothing in a day", lambda _number: AuditFilter(since=last + day, until=last + 2 * day)


def _within(filters: AuditFilter, began: datetime, number: int) -> AuditFilter:
    since = began + timedelta(days=number % 30)
    return replace(filters, since=since, until=since + timedelta(days=1))


def _take(works: Works, filters: Callable[[int], AuditFilter]) -> Iterator[float]:
    for number in range(-WARM, PAGES_OF_A_KIND):
        with works.read(WORKER) as work:
            began = time.perf_counter()
            store.page(work.connection, filters(abs(number)))
            taken = time.perf_counter() - began
        if number >= 0:
            yield taken * MILLI


def _cut(taken: list[float], share: int) -> float:
    return quantiles(taken, n=100)[share - 1]
