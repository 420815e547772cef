"""The audit log on real databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from iars_node import audit
from iars_node.audit import store
from iars_node.audit.model import AuditFilter
from iars_node.errors import ConflictError
from iars_node.work import SYSTEM, Actor

if TYPE_CHECKING:
    from iars_node.clock import SetClock
    from iars_node.work import Works

WORKER = Actor("account", "a" * 32)


def _actions(works: Works, filters: AuditFilter) -> list[str]:
    with works.read(SYSTEM) as work:
        return [found.event.action for found in store.page(work.connection, filters).events]


def test_a_recorded_event_gives_its_leaf_again(works: Works) -> None:
    with works.write(WORKER) as work:
        leaf = audit.record(
            work,
            "referral.offered",
            subject="s1",
            case_id="c" * 32,
            referral_id="r" * 32,
            peer_id="p" * 64,
            scopes=["services", "demographics"],
            purpose="assistance",
            detail={"bytes": 4096, "kind": "service"},
        )
    with works.read(WORKER) as work:
        (found,) = store.every(work.connection)
    assert found.leaf == leaf
    assert audit.is_intact(found)
    assert found.event.scopes == ("demographics", "services")
    assert found.event.actor_id == WORKER.id
    assert not audit.is_intact(replace(found, event=replace(found.event, action="referral.rejected")))


def _fail_after_recording(works: Works) -> None:
    with works.write(WORKER) as work:
        audit.record(work, "case.opened")
        raise ConflictError("Someone else was first.")


def test_an_event_is_rolled_back_with_what_it_describes(works: Works) -> None:
    with pytest.raises(ConflictError):
        _fail_after_recording(works)
    assert _actions(works, AuditFilter()) == []


@pytest.mark.parametrize("change", ["UPDATE audit_event SET action = 'case.read'", "DELETE FROM audit_event"])
def test_the_database_refuses_to_change_the_log(works: Works, change: str) -> None:
    with works.write(WORKER) as work:
        audit.record(work, "case.opened")
    with pytest.raises(DBAPIError, match="append-only"), works.write(WORKER) as work:
        work.connection.execute(text(change))
    assert _actions(works, AuditFilter()) == ["case.opened"]


def test_several_events_are_recorded_in_their_order(works: Works) -> None:
    with works.write(WORKER) as work:
        leaves = audit.record_many(work, [audit.Entry("case.opened"), audit.Entry("consent.given")])
        assert audit.record_many(work, []) == []
    with works.read(WORKER) as work:
        found = list(store.every(work.connection))
    assert [one.leaf for one in found] == leaves
    assert [one.event.action for one in found] == ["case.opened", "consent.given"]


@pytest.fixture
def history(works: Works, clock: SetClock) -> Works:
    """A few events an hour apart, the last by the node itself."""
    entries = [
        audit.Entry("case.opened", case_id="c1"),
        audit.Entry("case.read", case_id="c2"),
        audit.Entry("referral.offered", case_id="c1", referral_id="r1", peer_id="p1"),
        audit.Entry("exchange.withheld", referral_id="r1", peer_id="p1"),
        audit.Entry("exchange.withheld", referral_id="r2", peer_id="p2"),
    ]
    for entry in entries:
        with works.write(WORKER) as work:
            audit.record_many(work, [entry])
        clock.moment += timedelta(hours=1)
    with works.write(SYSTEM) as work:
        audit.record(work, "exchange.parked", peer_id="p2")
    return works


@pytest.mark.parametrize(
    ("filters", "actions"),
    [
        (AuditFilter(case_id="c1"), ["referral.offered", "case.opened"]),
        (AuditFilter(case_id="c1", action="case."), ["case.opened"]),
        (AuditFilter(referral_id="r1"), ["exchange.withheld", "referral.offered"]),
        (AuditFilter(peer_id="p2"), ["exchange.parked", "exchange.withheld"]),
        (AuditFilter(peer_id="p2", action="exchange.parked"), ["exchange.parked"]),
        (AuditFilter(actor_id="node"), ["exchange.parked"]),
        (AuditFilter(action="exchange."), ["exchange.parked", "exchange.withheld", "exchange.withheld"]),
        (AuditFilter(action="case.read"), ["case.read"]),
        (AuditFilter(action="unheard-of."), []),
    ],
)
def test_the_log_is_narrowed_by_what_a_reader_asks(
    history: Works, filters: AuditFilter, actions: list[str]
) -> None:
    assert _actions(history, filters) == actions


def test_the_log_is_narrowed_by_time(history: Works, clock: SetClock) -> None:
    hour = timedelta(hours=1)
    window = AuditFilter(since=clock.moment - 4 * hour, until=clock.moment - 2 * hour)
    assert _actions(history, window) == ["referral.offered", "case.read"]
    assert _actions(history, replace(window, action="case.")) == ["case.read"]


def test_pages_of_a_time_follow_each_other_in_the_order_of_time(history: Works, clock: SetClock) -> None:
    hour = timedelta(hours=1)
    with history.write(WORKER) as work:
        work.now -= 3 * hour
        audit.record_many(work, [audit.Entry("case.read", case_id="late")] * 2)
    window = AuditFilter(since=clock.moment - 4 * hour, until=clock.moment)
    seen: list[int] = []
    cursor: int | None = None
    with history.read(SYSTEM) as work:
        whole = [found.seq for found in store.page(work.connection, window).events]
        while True:
            page = store.page(work.connection, window, cursor, limit=1)
            seen += [found.seq for found in page.events]
            cursor = page.next_cursor
            if cursor is None:
                break
    assert seen == whole == [5, 4, 8, 7, 3, 2]


def test_the_log_is_narrowed_to_a_person(history: Works) -> None:
    with history.write(WORKER) as work:
        audit.record(work, "person.merged", subject="a-person")
        audit.record(work, "person.merged", subject="another")
        audit.record(work, "token.created", subject="a-person")
    of_person = AuditFilter(case_ids=("c1",), person_ids=("a-person",))
    assert _actions(history, of_person) == ["person.merged", "referral.offered", "case.opened"]
    assert _actions(history, replace(of_person, action="case.")) == ["case.opened"]
    assert _actions(history, AuditFilter(person_ids=("nobody",))) == []


@pytest.mark.parametrize("filters", [AuditFilter(), AuditFilter(action="e"), AuditFilter(actor_id=WORKER.id)])
def test_pages_follow_each_other_without_gap_or_overlap(history: Works, filters: AuditFilter) -> None:
    seen: list[int] = []
    cursor: int | None = None
    with history.read(SYSTEM) as work:
        whole = [found.seq for found in store.page(work.connection, filters).events]
        while True:
            page = store.page(work.connection, filters, cursor, limit=2)
            seen += [found.seq for found in page.events]
            cursor = page.next_cursor
            if cursor is None:
                break
    assert seen == whole
