"""A household as a page: who belongs, what each agreed to, and what another's case shows of itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.pages import Reader, World, copied, make_world, words

from iars_node.accounts import store as account_store
from iars_node.audit import store as audit_store
from iars_node.audit.model import AuditFilter
from iars_node.cases import service as cases
from iars_node.cases.model import Assignment
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from iars_node.cases.model import Case
    from iars_node.clock import SetClock

TOLD = {"relation": "child", "own_relation": "head", "reason": "told"}


@pytest.fixture
def guarded(tmp_path: Path, clock: SetClock, sqlite_template: Path) -> Iterator[World]:
    """Organisations where a case is for those it is assigned to."""
    made = make_world(tmp_path / "guarded", clock, copied(sqlite_template), assignment_rule=True)
    yield made
    made.close()


def assigned(world: World, name: str, alias: str) -> Case:
    case = world.shelter.open_case({"identity": {"alias": alias}})
    with world.shelter.node.works.write(SYSTEM) as work:
        account = account_store.account_by_name(work.connection, name)
        assert account
        return cases.assign_case(work, case.id, Assignment(assigned_to=account.id))


def linked(world: World, mother: Case, child: Case) -> str:
    with world.shelter.node.works.write(SYSTEM) as work:
        household = cases.open_household(work)
        cases.link_household(work, household, mother.person_id, "head", reason="told")
        cases.link_household(work, household, child.person_id, "child", reason="told")
    return household


def events(world: World, action: str) -> list[tuple[str, object]]:
    with world.shelter.node.works.read(SYSTEM) as work:
        found = audit_store.page(work.connection, AuditFilter(action=action), limit=10).events
    return [(each.event.case_id, each.event.detail["reason"]) for each in found]


def test_a_household_is_linked_by_the_references_of_cases(either_world: World) -> None:
    world = either_world
    mother, child = world.shelter.open_case(), world.shelter.open_case({"identity": {"alias": "Little bird"}})
    besa = Reader(world.shelter).enter()
    path = f"/cases/{mother.id}/household"
    wrong = besa.post(path, {"reference": "K-0000", "relation": "child"})
    assert wrong.status_code == 422
    assert "There is no case of this reference." in wrong.text
    assert 'href="#f-reason"' in wrong.text
    assert 'value="K-0000"' in wrong.text
    itself = besa.post(path, {**TOLD, "reference": mother.reference})
    assert "This is a case of the same person." in itself.text
    done = besa.post(path, {**TOLD, "reference": child.reference.lower()})
    assert done.headers["location"] == f"{path}?done=linked"
    page = besa.get(f"/cases/{mother.id}").text
    assert f'href="/cases/{child.id}"' in page
    assert "Little bird" in page
    assert "Linked somebody of the household" in words(page)
    assert "The person says so" in words(page)
    assert f'href="/cases/{mother.id}"' in besa.get(f"/cases/{child.id}").text
    assert "Refer several together" in words(besa.get(path).text)


def test_nobody_is_taken_out_without_a_reason(world: World, besa: Reader) -> None:
    mother, child = world.shelter.open_case(), world.shelter.open_case({"identity": {"alias": "Little bird"}})
    linked(world, mother, child)
    path = f"/cases/{mother.id}/household"
    leave = re.findall(r'href="([^"]*/household/leave\?person=[0-9a-f]{32})"', besa.get(path).text)
    assert len(leave) == 2
    asked = besa.get(f"{path}/leave?person={child.person_id}")
    assert "Little bird" in asked.text
    typed = {"person": child.person_id}
    for reason in ("", "because", "told"):
        assert besa.post(f"{path}/leave", {**typed, "reason": reason}).status_code == 422
    assert f'href="/cases/{child.id}"' in besa.get(path).text
    assert besa.post(f"{path}/leave", {**typed, "reason": "danger"}).status_code == 303
    assert f'href="/cases/{child.id}"' not in besa.get(path).text
    assert events(world, "household.unlinked") == [(mother.id, "danger")]
    assert "One is a danger to another" in words(besa.get(f"/cases/{mother.id}").text)
    assert besa.post(f"{path}/leave", {**typed, "reason": "danger"}).status_code == 404


def test_each_has_consents_of_their_own(world: World, besa: Reader) -> None:
    mother, child = world.shelter.open_case(), world.shelter.open_case({"identity": {"alias": "Little bird"}})
    linked(world, mother, child)
    given = world.shelter.give_consent(mother, world.mission)
    page = besa.get(f"/cases/{mother.id}/household").text
    assert f'href="/consents/{given.id}"' in page
    assert f'href="/cases/{child.id}/consents/new"' in page
    assert f'href="/cases/{mother.id}/consents/new"' not in page
    assert words(page).count("Nothing agreed") == 1


def test_who_may_read_a_case_reads_its_household_and_changes_nothing(world: World) -> None:
    mother, child = world.shelter.open_case(), world.shelter.open_case({"identity": {"alias": "Little bird"}})
    linked(world, mother, child)
    path = f"/cases/{mother.id}/household"
    mira = Reader(world.shelter).enter("mira")
    page = mira.get(path)
    assert (page.status_code, child.reference in page.text) == (200, True)
    for action in ("/household/leave", 'name="reference"'):
        assert (action in page.text) is (
            mira.get(f"{path}/leave?person={child.person_id}").status_code == 200
        )
    assert Reader(world.shelter).get(path).headers["location"].startswith("/sign-in")


def test_a_case_that_one_may_not_open_is_another_case_and_nothing_else(guarded: World) -> None:
    own, theirs = assigned(guarded, "besa", "Stone"), assigned(guarded, "mira", "Little bird")
    linked(guarded, own, theirs)
    given = guarded.shelter.give_consent(theirs, guarded.mission)
    besa = Reader(guarded.shelter).enter()
    for path in (f"/cases/{own.id}/household", f"/cases/{own.id}"):
        page = besa.get(path).text
        assert "Another case" in words(page)
        secrets = (theirs.id, theirs.reference, theirs.person_id, "Little bird", given.id)
        # What the person's own timeline says of who was linked names nobody.
        assert [secret for secret in secrets if secret in page] == []
    assert theirs.reference not in besa.get(f"/cases/{own.id}/refer/several").text


def test_the_household_of_another_s_case_is_not_shown_nor_changed(guarded: World) -> None:
    own, theirs = assigned(guarded, "besa", "Stone"), assigned(guarded, "mira", "Little bird")
    third = guarded.shelter.open_case({"identity": {"alias": "Third"}})
    household = linked(guarded, theirs, third)
    besa = Reader(guarded.shelter).enter()
    path = f"/cases/{theirs.id}/household"
    to_reason = f"/cases/{theirs.id}/look"
    assert besa.get(path).headers["location"] == to_reason
    assert besa.post(path, {**TOLD, "reference": own.reference}).headers["location"] == to_reason
    typed = {"person": third.person_id, "reason": "danger"}
    assert besa.post(f"{path}/leave", typed).headers["location"] == to_reason
    page = words(besa.get(f"/cases/{theirs.id}").text)
    assert "Shown to those whose case this is." in page
    assert third.reference not in page
    refused = besa.post(f"/cases/{own.id}/household", {**TOLD, "reference": theirs.reference})
    assert (refused.status_code, "somebody else" in refused.text) == (422, True)
    own_path = f"/cases/{own.id}/household/leave"
    assert besa.post(own_path, {"person": theirs.person_id, "reason": "danger"}).status_code == 404
    assert besa.get(f"{own_path}?person=").status_code == 404
    with guarded.shelter.node.works.read(SYSTEM) as work:
        assert len(cases.household_members(work, household)) == 2


def test_a_member_of_another_s_case_is_not_taken_out(guarded: World) -> None:
    own, theirs = assigned(guarded, "besa", "Stone"), assigned(guarded, "mira", "Little bird")
    household = linked(guarded, own, theirs)
    besa = Reader(guarded.shelter).enter()
    path = f"/cases/{own.id}/household/leave"
    for person in (theirs.person_id, ""):
        assert besa.post(path, {"person": person, "reason": "danger"}).status_code == 404
    with guarded.shelter.node.works.read(SYSTEM) as work:
        assert len(cases.household_members(work, household)) == 2
