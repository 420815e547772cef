from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from iars_node.audit import store as audit_store
from iars_node.audit.alarms import open_alarms
from iars_node.audit.model import AuditFilter
from iars_node.cases import service as cases
from iars_node.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from iars_node.holds import service as holds
from iars_node.jobs.model import Worker
from iars_node.jobs.service import run_due, schedule
from iars_node.jobs.tables import job
from iars_node.retention import service as retention
from iars_node.retention.model import RETENTION_JOB
from iars_node.withdrawals.service.clock import is_trusted
from iars_node.work import SYSTEM, Actor

if TYPE_CHECKING:
    from iars_node.cases.model import Case
    from iars_node.clock import SetClock
    from iars_node.work import Works
    from iars_protocol.record import Record

WORKER = Actor("account", "a" * 32, frozenset({"case-worker"}))
OFFICER = Actor("account", "d" * 32, frozenset({"data-protection-officer"}))
RECORD: Record = {
    "identity": {"given_name": "Elira"},
    "demographics": {"gender": "Feminine"},
    "medical": {"conditions": ["asthma"]},
}
UNTIL = timedelta(days=400)


@pytest.fixture
def closed(works: Works) -> Case:
    """A case that was closed just now."""
    with works.write(WORKER) as work:
        opened = cases.open_case(work, country="AL", record=RECORD)
        return cases.close_case(work, opened.id, "returned")


def wait(works: Works, clock: SetClock, length: timedelta) -> None:
    """Let time pass as on a running node, which looks at its clock; then do what is due."""
    end = clock.moment + length
    while clock.moment < end:
        clock.moment = min(clock.moment + timedelta(hours=1), end)
        with works.write(SYSTEM) as work:
            is_trusted(work)


def run(works: Works) -> None:
    with works.write(SYSTEM) as work:
        schedule(work, RETENTION_JOB, work.now)
    run_due(works, Worker("test", {RETENTION_JOB: retention.apply_rules_job}), limit=1)


def held(works: Works, case: Case) -> set[str]:
    with works.read(SYSTEM) as work:
        return set(cases.snapshot(work, case.id))


def test_rules_are_set_by_who_answers_for_data_protection_alone(works: Works) -> None:
    with works.write(WORKER) as work:
        for act in (
            lambda: retention.set_rule(work, "medical", 30),
            lambda: retention.remove_rule(work, "medical"),
            lambda: retention.list_rules(work),
            lambda: retention.preview(work),
            lambda: holds.set_hold(work, "0" * 32, ground="", reason="", until=work.now),
            lambda: holds.lift_hold(work, "0" * 32),
            lambda: holds.standing_holds(work),
        ):
            with pytest.raises(ForbiddenError):
                act()


def test_a_faulty_rule_is_refused_with_what_is_accepted(works: Works) -> None:
    with works.write(OFFICER) as work:
        with pytest.raises(InvalidError) as refused:
            retention.set_rule(work, "secrets", 0, "because")
        assert set(refused.value.faults) == {"scope", "days", "closure_reason"}
        with pytest.raises(NotFoundError):
            retention.remove_rule(work, "medical")
        assert retention.list_rules(work) == []


def test_every_change_of_a_rule_is_recorded_with_what_was_before(works: Works) -> None:
    with works.write(OFFICER) as work:
        retention.set_rule(work, "medical", 30)
        retention.set_rule(work, "medical", 60)
        assert [(rule.scope, rule.days) for rule in retention.list_rules(work)] == [("medical", 60)]
        retention.remove_rule(work, "medical")
        events = audit_store.page(work.connection, AuditFilter(action="retention.rule")).events
    said = [(each.event.action, each.event.subject, dict(each.event.detail)) for each in reversed(events)]
    assert said == [
        ("retention.rule-set", "medical:*", {"days": 30, "before": 0}),
        ("retention.rule-set", "medical:*", {"days": 60, "before": 30}),
        ("retention.rule-removed", "medical:*", {"before": 60}),
    ]


def test_without_a_rule_or_before_its_day_nothing_goes(works: Works, clock: SetClock, closed: Case) -> None:
    wait(works, clock, timedelta(days=29))
    run(works)
    assert held(works, closed) == set(RECORD)
    with works.write(OFFICER) as work:
        retention.set_rule(work, "medical", 30)
        assert retention.preview(work) == []
    run(works)
    assert held(works, closed) == set(RECORD)


def test_the_preview_lists_and_erases_nothing_and_the_job_erases_what_it_listed(
    works: Works, clock: SetClock, closed: Case
) -> None:
    with works.write(WORKER) as work:
        still_open = cases.open_case(work, country="AL", record=RECORD)
    with works.write(OFFICER) as work:
        retention.set_rule(work, "medical", 30)
    wait(works, clock, timedelta(days=30))
    with works.write(OFFICER) as work:
        due = retention.preview(work)
    assert [(each.case_id, each.scope, each.days, each.held_until) for each in due] == [
        (closed.id, "medical", 30, None)
    ]
    assert held(works, closed) == set(RECORD)
    run(works)
    assert held(works, closed) == {"identity", "demographics"}
    assert held(works, still_open) == set(RECORD)
    with works.write(OFFICER) as work:
        assert retention.preview(work) == []
        applied = audit_store.page(work.connection, AuditFilter(action="retention.applied")).events
    assert [(each.event.case_id, each.event.scopes, each.event.detail) for each in applied] == [
        (closed.id, ("medical",), {"reason": "returned"})
    ]


def test_a_rule_for_the_closure_reason_counts_before_the_general_one(
    works: Works, clock: SetClock, closed: Case
) -> None:
    with works.write(OFFICER) as work:
        retention.set_rule(work, "medical", 10)
        retention.set_rule(work, "medical", 40, "returned")
    wait(works, clock, timedelta(days=20))
    run(works)
    assert "medical" in held(works, closed)
    wait(works, clock, timedelta(days=20))
    run(works)
    assert "medical" not in held(works, closed)


def test_a_reopened_case_is_counted_anew(works: Works, clock: SetClock, closed: Case) -> None:
    with works.write(OFFICER) as work:
        retention.set_rule(work, "medical", 30)
    wait(works, clock, timedelta(days=20))
    with works.write(WORKER) as work:
        assert cases.reopen_case(work, closed.id).closed_at is None
        again = cases.close_case(work, closed.id, "returned")
    assert again.closed_at == clock.moment
    wait(works, clock, timedelta(days=20))
    run(works)
    assert "medical" in held(works, closed)


def test_a_hold_keeps_what_a_rule_gives_up_until_it_ends_or_is_lifted(
    works: Works, clock: SetClock, closed: Case
) -> None:
    with works.write(OFFICER) as work:
        retention.set_rule(work, "medical", 30)
        retention.set_rule(work, "identity", 30)
        hold = holds.set_hold(
            work, closed.id, ground="judicial-order", reason="Order 12/26",
            until=work.now + timedelta(days=50), scopes=["medical"],
        )  # fmt: skip
        rows = work.connection.exec_driver_sql("SELECT * FROM legal_hold").all()
    assert "Order" not in str(rows)
    wait(works, clock, timedelta(days=31))
    with works.write(OFFICER) as work:
        by_scope = {each.scope: each.held_until for each in retention.preview(work)}
    assert by_scope == {"medical": hold.ends_at, "identity": None}
    run(works)
    assert held(works, closed) == {"medical", "demographics"}
    with works.write(OFFICER) as work:
        holds.lift_hold(work, hold.id)
        with pytest.raises(ConflictError):
            holds.lift_hold(work, hold.id)
        assert [each.lifted_by for each in holds.holds_of_case(work, closed.id)] == [OFFICER.id]
    run(works)
    assert held(works, closed) == {"demographics"}


def test_a_hold_needs_a_ground_a_reason_and_an_end(works: Works, closed: Case) -> None:
    with works.write(OFFICER) as work, pytest.raises(InvalidError) as refused:
        holds.set_hold(work, closed.id, ground="none", reason=" ", until=work.now, scopes=["secrets"])
    assert set(refused.value.faults) == {"ground", "reason", "until", "scopes"}


def test_a_clock_that_jumped_gives_nothing_up(works: Works, clock: SetClock, closed: Case) -> None:
    with works.write(OFFICER) as work:
        retention.set_rule(work, "medical", 30)
    wait(works, clock, timedelta(hours=1))
    clock.moment += UNTIL
    run(works)
    assert held(works, closed) == set(RECORD)
    with works.read(SYSTEM) as work:
        assert "clock.skewed" in {alarm.kind for alarm in open_alarms(work.connection)}


def test_the_job_looks_again_the_next_day(works: Works, clock: SetClock) -> None:
    run(works)
    with works.read(SYSTEM) as work:
        due = work.connection.execute(
            select(job.c.due_at).where(job.c.kind == RETENTION_JOB, job.c.due_at > work.now)
        ).scalar_one()
    assert due == clock.moment + timedelta(days=1)
