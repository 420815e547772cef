from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from iars_node.accounts import store as account_store
from iars_node.accounts.model import Account, Site, Team
from iars_node.audit import store as audit_store
from iars_node.audit.alarms import open_alarms
from iars_node.audit.model import AuditFilter
from iars_node.cases import service as cases
from iars_node.cases.model import Assignment
from iars_node.errors import ConflictError, ForbiddenError, InvalidError, NotAssignedError
from iars_node.work import SYSTEM, Actor, AssignmentRule, Works

if TYPE_CHECKING:
    from iars_node.cases.model import Case
    from iars_node.clock import SetClock
    from iars_node.db import Database
    from iars_node.vault.vault import Vault
    from iars_protocol.record import Record

REASON = "She stands at the door and her worker is away"
ELIRA: Record = {
    "identity": {"given_name": "Elira", "alias": "Blue bird"},
    "demographics": {"gender": "Feminine"},
    "medical": {"conditions": ["asthma"]},
}


@pytest.fixture
def ruled(database: Database, vault: Vault, clock: SetClock) -> Works:
    """Units of work of a node that keeps cases to those they are assigned to."""
    return Works(database, vault, clock, assignment=AssignmentRule(is_on=True))


def hire(works: Works, letter: str, role: str) -> Actor:
    account = Account(
        letter * 32, f"name-{letter}", "Somebody", "", frozenset({role}), "en", works.clock.now()
    )
    with works.write(SYSTEM) as work:
        account_store.insert_account(work.connection, account, "none")
    return account.actor


@pytest.fixture
def owner(ruled: Works) -> Actor:
    """The case worker whose case it is."""
    return hire(ruled, "a", "case-worker")


@pytest.fixture
def colleague(ruled: Works) -> Actor:
    """A case worker with the same roles, whose case it is not."""
    return hire(ruled, "b", "case-worker")


@pytest.fixture
def supervisor(ruled: Works) -> Actor:
    """A supervisor."""
    return hire(ruled, "c", "supervisor")


@pytest.fixture
def case(ruled: Works, owner: Actor) -> Case:
    """A case that its owner opened."""
    with ruled.write(owner) as work:
        return cases.open_case(work, country="AL", record=ELIRA)


def test_who_is_not_assigned_is_told_what_to_do(ruled: Works, colleague: Actor, case: Case) -> None:
    with ruled.write(colleague) as work, pytest.raises(NotAssignedError, match="break-glass") as refused:
        cases.read_case(work, case.id, ["medical"])
    assert (refused.value.code, refused.value.status, refused.value.case_id) == ("not-assigned", 403, case.id)
    with ruled.write(colleague) as work, pytest.raises(NotAssignedError):
        cases.write_scope(work, case.id, "medical", {"conditions": ["none"]}, country="AL")
    with ruled.write(colleague) as work, pytest.raises(NotAssignedError):
        cases.add_note(work, case.id, "identity", "Called.")


def test_what_is_needed_to_find_ones_way_is_shown_to_every_role_that_reads_it(
    ruled: Works, colleague: Actor, case: Case
) -> None:
    with ruled.write(colleague) as work:
        seen = cases.read_case(work, case.id)
        listed = cases.list_cases(work).found
    assert set(seen.scopes) == {"demographics"}
    assert [found.case.alias for found in listed] == [None]


def test_without_the_rule_roles_alone_decide(works: Works, colleague: Actor, case: Case) -> None:
    with works.write(colleague) as work:
        assert set(cases.read_case(work, case.id).scopes) == set(ELIRA)
    with works.write(colleague) as work, pytest.raises(ConflictError):
        cases.break_glass(work, case.id, REASON)


def test_who_opens_a_case_and_who_supervises_reads_it(
    ruled: Works, owner: Actor, supervisor: Actor, case: Case
) -> None:
    assert case.assigned_to == owner.id
    for actor in (owner, supervisor):
        with ruled.write(actor) as work:
            assert set(cases.read_case(work, case.id).scopes) == set(ELIRA)
            assert cases.list_cases(work).found[0].case.alias == "Blue bird"


def test_a_team_shares_its_cases_and_a_site_those_that_no_team_has(
    ruled: Works, colleague: Actor, supervisor: Actor, case: Case
) -> None:
    site, team = "5" * 32, "6" * 32
    with ruled.write(SYSTEM) as work:
        account_store.insert_site(work.connection, Site(site, "House"))
        account_store.insert_team(work.connection, Team(team, site, "Night"))
        account_store.set_members(work.connection, colleague.id, [team])
    places = [(Assignment(team_id=team), True), (Assignment(site_id=site), True)]
    places += [(Assignment(site_id=site, assigned_to="9" * 32), False), (Assignment(), False)]
    for assignment, is_open in places:
        with ruled.write(supervisor) as work:
            cases.assign_case(work, case.id, assignment)
        with ruled.write(colleague) as work:
            assert ("medical" in cases.read_case(work, case.id).scopes) == is_open, assignment


def test_a_token_reads_cases_of_others_only_with_that_action(ruled: Works, case: Case) -> None:
    scopes = frozenset({"medical", "demographics"})
    token = Actor("token", "t" * 32, actions=frozenset({"case.read"}), scopes=scopes)
    with ruled.write(token) as work, pytest.raises(NotAssignedError):
        cases.read_case(work, case.id, ["medical"])
    allowed = replace(token, actions=frozenset({"case.read", "case.read-any"}))
    with ruled.write(allowed) as work:
        assert "medical" in cases.read_case(work, case.id, ["medical"]).scopes


def test_breaking_the_glass_needs_the_right_and_a_reason(ruled: Works, colleague: Actor, case: Case) -> None:
    auditor = hire(ruled, "d", "auditor")
    with ruled.write(auditor) as work, pytest.raises(ForbiddenError):
        cases.break_glass(work, case.id, REASON)
    with ruled.write(colleague) as work, pytest.raises(InvalidError):
        cases.break_glass(work, case.id, " short ")
    with ruled.write(SYSTEM) as work:
        assert not open_alarms(work.connection)


def test_the_glass_is_broken_for_a_time_and_every_reading_under_it_is_recorded(
    ruled: Works, colleague: Actor, case: Case, clock: SetClock
) -> None:
    with ruled.write(colleague) as work:
        opened = cases.break_glass(work, case.id, REASON)
        assert opened.ends_at - opened.opened_at == timedelta(hours=3)
        cases.read_case(work, case.id, ["medical"])
        events = audit_store.page(work.connection, AuditFilter(case_id=case.id)).events
        alarms = [(alarm.kind, alarm.subject) for alarm in open_alarms(work.connection)]
    found = {each.event.action: each.event for each in events}
    assert found["case.opened-unassigned"].subject == opened.id
    assert found["case.scope-read"].scopes == ("medical",)
    assert found["case.scope-read"].detail == {"opening": opened.id}
    assert alarms == [("case.opened-unassigned", opened.id)]
    assert "door" not in str(events)
    clock.moment += timedelta(hours=3)
    with ruled.write(colleague) as work, pytest.raises(NotAssignedError):
        cases.read_case(work, case.id, ["medical"])


def test_an_opening_is_shown_to_the_owner_and_a_supervisor_until_they_have_seen_it(
    ruled: Works, owner: Actor, colleague: Actor, supervisor: Actor, case: Case
) -> None:
    with ruled.write(colleague) as work:
        opened = cases.break_glass(work, case.id, REASON)
        assert cases.openings_to_look_at(work, 10) == []
        with pytest.raises(ForbiddenError):
            cases.review_opening(work, opened.id)
        with pytest.raises(ForbiddenError):
            cases.openings_of_case(work, case.id)
    for actor in (owner, supervisor):
        with ruled.write(actor) as work:
            assert [each.reason for each in cases.openings_to_look_at(work, 10)] == [REASON]
            cases.review_opening(work, opened.id)
            assert cases.openings_to_look_at(work, 10) == []
            assert [each.id for each in cases.openings_of_case(work, case.id)] == [opened.id]


def test_the_reason_stands_nowhere_readable(ruled: Works, colleague: Actor, case: Case) -> None:
    with ruled.write(colleague) as work:
        cases.break_glass(work, case.id, REASON)
        rows = work.connection.exec_driver_sql("SELECT * FROM case_opening").all()
    assert "door" not in str(rows)
