"""Heads, persons and households."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from iars_node.cases.model import Assignment
from iars_node.cases.service import (
    add_note,
    assign_case,
    case_by_reference,
    case_head,
    cases_of_person,
    close_case,
    household_members,
    households_of,
    link_household,
    merge_persons,
    merges_of,
    open_case,
    open_household,
    person_behind,
    reopen_case,
    set_stage,
    unlink_household,
    unmerge_persons,
)
from iars_node.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError

if TYPE_CHECKING:
    from iars_node.cases.model import Case
    from iars_node.work import Actor, Works


def another(works: Works, worker: Actor) -> Case:
    with works.write(worker) as work:
        return open_case(work, country="AL", record={"identity": {"given_name": "Elvira"}})


def test_a_case_is_closed_with_a_reason_and_reopened(works: Works, worker: Actor, elira: Case) -> None:
    with works.write(worker) as work:
        closed = close_case(work, elira.id, "person-left")
        assert (closed.state, closed.stage, closed.closure_reason) == ("closed", "closed", "person-left")
        with pytest.raises(ConflictError):
            close_case(work, elira.id, "person-left")
        with pytest.raises(ConflictError):
            set_stage(work, elira.id, "sheltered")
        again = reopen_case(work, elira.id, stage="sheltered")
        assert (again.state, again.stage, again.closure_reason) == ("open", "sheltered", None)
        with pytest.raises(ConflictError):
            reopen_case(work, elira.id)
        assert case_head(work, elira.id) == again


def test_codes_outside_their_lists_are_refused(works: Works, worker: Actor, elira: Case) -> None:
    with works.write(worker) as work:
        for change in (close_case, set_stage):
            with pytest.raises(InvalidError):
                change(work, elira.id, "because")
        with pytest.raises(InvalidError):
            set_stage(work, elira.id, "closed")
        with pytest.raises(InvalidError):
            add_note(work, elira.id, "identity", "  ")


def test_two_who_change_a_head_at_once_do_not_overwrite_each_other(
    works: Works, worker: Actor, elira: Case
) -> None:
    with works.write(worker) as work:
        set_stage(work, elira.id, "sheltered", expected_version=elira.version)
    with works.write(worker) as work, pytest.raises(ConflictError):
        set_stage(work, elira.id, "screened", expected_version=elira.version)


def test_only_those_who_may_assign_do(works: Works, worker: Actor, supervisor: Actor, elira: Case) -> None:
    place = Assignment(site_id="1" * 32, team_id="2" * 32, assigned_to=worker.id)
    with works.write(worker) as work, pytest.raises(ForbiddenError):
        assign_case(work, elira.id, place)
    with works.write(supervisor) as work:
        assigned = assign_case(work, elira.id, place)
    assert (assigned.site_id, assigned.team_id, assigned.assigned_to) == ("1" * 32, "2" * 32, worker.id)


def test_a_case_is_found_by_its_reference(works: Works, worker: Actor, elira: Case) -> None:
    with works.write(worker) as work:
        assert case_by_reference(work, elira.reference).id == elira.id
        with pytest.raises(NotFoundError):
            case_by_reference(work, "K-0000000")


def test_merged_persons_are_one_and_both_keep_their_cases(
    works: Works, worker: Actor, supervisor: Actor, elira: Case
) -> None:
    other = another(works, worker)
    with works.write(supervisor) as work:
        merge = merge_persons(work, other.person_id, elira.person_id)
        assert person_behind(work, other.person_id) == elira.person_id
        for person_id in (elira.person_id, other.person_id):
            assert {case.id for case in cases_of_person(work, person_id)} == {elira.id, other.id}
            assert merges_of(work, person_id) == [merge]
        assert case_head(work, other.id).person_id == other.person_id


def test_a_merge_is_undone_without_a_trace_lost(
    works: Works, worker: Actor, supervisor: Actor, elira: Case
) -> None:
    other = another(works, worker)
    with works.write(supervisor) as work:
        merge = merge_persons(work, other.person_id, elira.person_id)
        unmerge_persons(work, merge.id)
        assert person_behind(work, other.person_id) == other.person_id
        assert [case.id for case in cases_of_person(work, elira.person_id)] == [elira.id]
        (kept,) = merges_of(work, elira.person_id)
        assert kept.undone_by == supervisor.id
        with pytest.raises(ConflictError):
            unmerge_persons(work, merge.id)
        with pytest.raises(NotFoundError):
            unmerge_persons(work, "0" * 32)


def test_merges_never_close_a_ring(works: Works, worker: Actor, supervisor: Actor, elira: Case) -> None:
    second, third = another(works, worker), another(works, worker)
    with works.write(supervisor) as work:
        merge_persons(work, second.person_id, elira.person_id)
        merge_persons(work, third.person_id, second.person_id)
        for one, other in ((elira, third), (second, elira), (third, third)):
            with pytest.raises(ConflictError):
                merge_persons(work, one.person_id, other.person_id)
        with pytest.raises(NotFoundError):
            merge_persons(work, "0" * 32, elira.person_id)
    with works.write(worker) as work, pytest.raises(ForbiddenError):
        merge_persons(work, second.person_id, third.person_id)


def test_a_household_links_people_with_a_case_each(works: Works, worker: Actor, elira: Case) -> None:
    child = another(works, worker)
    with works.write(worker) as work:
        household = open_household(work)
        link_household(work, household, elira.person_id, "head", reason="told")
        link_household(work, household, child.person_id, "other", reason="told")
        link_household(work, household, child.person_id, "child", reason="told")
        members = {member.person_id: member.relation for member in household_members(work, household)}
        assert members == {elira.person_id: "head", child.person_id: "child"}
        assert households_of(work, child.person_id) == [household]
        unlink_household(work, household, child.person_id, reason="mistake")
        assert households_of(work, child.person_id) == []
        with pytest.raises(InvalidError):
            link_household(work, household, elira.person_id, "boss", reason="told")
        with pytest.raises(NotFoundError):
            link_household(work, "0" * 32, elira.person_id, "head", reason="told")
        with pytest.raises(NotFoundError):
            link_household(work, household, "0" * 32, "child", reason="told")
