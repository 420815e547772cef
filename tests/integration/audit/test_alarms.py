"""Alarms: raised once, counted, acknowledged."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from iars_node.audit import alarms, store
from iars_node.audit.model import AuditFilter
from iars_node.errors import NotFoundError
from iars_node.work import SYSTEM, Actor

if TYPE_CHECKING:
    from iars_node.clock import SetClock
    from iars_node.work import Works

ADMINISTRATOR = Actor("account", "a" * 32)


def test_an_open_alarm_counts_up_instead_of_standing_twice(works: Works, clock: SetClock) -> None:
    with works.write(SYSTEM) as work:
        first = alarms.raise_alarm(work, "exchange.parked", "p1", {"error": "refused"})
    clock.moment += timedelta(hours=1)
    with works.write(SYSTEM) as work:
        assert alarms.raise_alarm(work, "exchange.parked", "p1", {"error": "timeout"}) == first
        other = alarms.raise_alarm(work, "exchange.parked", "p2")
    with works.read(SYSTEM) as work:
        found = {alarm.id: alarm for alarm in alarms.open_alarms(work.connection)}
        events = store.page(work.connection, AuditFilter(action="alarm.raised")).events
    assert found.keys() == {first, other}
    assert found[first].times == 2
    assert found[first].detail == {"error": "timeout"}
    assert found[first].last_at - found[first].at == timedelta(hours=1)
    assert [event.event.subject for event in events] == [other, first]


def test_an_acknowledged_alarm_is_closed_and_the_next_one_is_new(works: Works) -> None:
    with works.write(SYSTEM) as work:
        first = alarms.raise_alarm(work, "clock.skewed")
    with works.write(ADMINISTRATOR) as work:
        alarms.acknowledge(work, first)
    with works.write(SYSTEM) as work:
        second = alarms.raise_alarm(work, "clock.skewed")
        assert [alarm.id for alarm in alarms.open_alarms(work.connection)] == [second]
        closed = next(alarm for alarm in alarms.page(work.connection) if alarm.id == first)
        events = store.page(work.connection, AuditFilter(action="alarm.acknowledged")).events
    assert closed.acknowledged_by == ADMINISTRATOR.id
    assert [event.event.subject for event in events] == [first]


def test_an_alarm_is_acknowledged_once(works: Works) -> None:
    with works.write(SYSTEM) as work:
        raised = alarms.raise_alarm(work, "clock.skewed")
        alarms.acknowledge(work, raised)
        with pytest.raises(NotFoundError):
            alarms.acknowledge(work, raised)


def test_alarms_are_paged_from_the_newest(works: Works, clock: SetClock) -> None:
    raised = []
    for number in range(5):
        clock.moment += timedelta(minutes=number % 2)
        with works.write(SYSTEM) as work:
            raised.append(alarms.raise_alarm(work, "exchange.gap", f"p{number}"))
    with works.read(SYSTEM) as work:
        first = alarms.page(work.connection, limit=3)
        second = alarms.page(work.connection, before=first[-1], limit=3)
    assert [alarm.at for alarm in first + second] == sorted((a.at for a in first + second), reverse=True)
    assert {alarm.id for alarm in first + second} == set(raised)


def test_an_unknown_kind_or_free_text_raises_no_alarm(works: Works) -> None:
    with works.write(SYSTEM) as work:
        with pytest.raises(ValueError, match="unknown alarm"):
            alarms.raise_alarm(work, "weather.bad")
        with pytest.raises(ValueError, match="ids, codes"):
            alarms.raise_alarm(work, "exchange.gap", "Ana Hoxha")
        assert alarms.open_alarms(work.connection) == []
