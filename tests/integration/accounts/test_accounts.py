"""Accounts, sites and teams on real databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from iars_node.accounts import service, sessions, sign_in, store, teams
from iars_node.accounts.model import Account, Browser, NewAccount, SignedIn, SignInRefused
from iars_node.audit import store as audit_store
from iars_node.audit.model import AuditFilter
from iars_node.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable

    from iars_node.work import Work, Works

PASSWORD = "correct horse battery"
ADDRESS = Browser("192.0.2.7")


def test_an_account_is_found_by_its_id_and_by_its_name_in_any_case(
    works: Works, case_worker: Account
) -> None:
    with works.read(SYSTEM) as work:
        assert service.find_account(work, case_worker.id) == case_worker
        assert service.find_account_by_name(work, " BESA ") == case_worker
        with pytest.raises(NotFoundError):
            service.find_account(work, "unknown")
        assert store.display_names(work.connection, [case_worker.id]) == {case_worker.id: "Besa Dema"}
    assert service.actor(case_worker).language == "sq"


def test_a_name_is_taken_once(works: Works, case_worker: Account) -> None:
    with works.write(SYSTEM) as work, pytest.raises(ConflictError):
        service.create_account(work, NewAccount("Besa", "Other", frozenset({"auditor"}), PASSWORD))
    assert case_worker.name == "besa"


def test_faults_are_told_by_field_and_nothing_is_made(works: Works) -> None:
    wanted = NewAccount("a b", "", frozenset({"auditor"}), "short")
    with works.write(SYSTEM) as work, pytest.raises(InvalidError) as caught:
        service.create_account(work, wanted)
    assert caught.value.faults.keys() == {"name", "display_name", "password"}
    with works.read(SYSTEM) as work:
        assert store.accounts(work.connection) == []


@pytest.mark.parametrize("roles", [frozenset[str](), frozenset({"king"})])
def test_roles_come_from_the_list(works: Works, roles: frozenset[str]) -> None:
    with works.write(SYSTEM) as work, pytest.raises(InvalidError) as caught:
        service.create_account(work, NewAccount("anna", "Anna", roles, PASSWORD))
    assert caught.value.faults.keys() == {"roles"}


def test_only_an_administrator_manages_accounts(works: Works, case_worker: Account) -> None:
    acts: list[Callable[[Work], object]] = [
        lambda work: service.create_account(work, NewAccount("x1", "X", frozenset({"auditor"}), PASSWORD)),
        lambda work: service.set_roles(work, case_worker.id, ["administrator"]),
        lambda work: service.set_teams(work, case_worker.id, []),
        lambda work: service.disable(work, case_worker.id),
        lambda work: service.enable(work, case_worker.id),
        lambda work: teams.create_site(work, "Tirana"),
        lambda work: teams.create_team(work, "s", "Intake"),
        lambda work: teams.close_site(work, "s"),
        lambda work: teams.close_team(work, "t"),
    ]
    for act in acts:
        with works.write(case_worker.actor) as work, pytest.raises(ForbiddenError):
            act(work)


def test_everybody_changes_the_own_account_and_nobody_another_s(
    works: Works, administrator: Account, case_worker: Account
) -> None:
    with works.write(case_worker.actor) as work:
        changed = service.change_account(
            work, case_worker.id, display_name="B. Dema", email="b@example.org", language="fr"
        )
        service.set_password(work, case_worker.id, "another long sentence")
        with pytest.raises(ForbiddenError):
            service.set_password(work, administrator.id, "another long sentence")
        with pytest.raises(ForbiddenError):
            service.change_account(work, administrator.id, display_name="X", email="", language="en")
    assert (changed.display_name, changed.email, changed.language) == ("B. Dema", "b@example.org", "fr")


def test_new_roles_count_from_the_next_request(
    works: Works, administrator: Account, case_worker: Account
) -> None:
    signed_in = sign_in.authenticate(works, "besa", PASSWORD, ADDRESS)
    assert isinstance(signed_in, SignedIn)
    with works.write(administrator.actor) as work:
        service.set_roles(work, case_worker.id, ["auditor", "reception"])
    with works.read(SYSTEM) as work:
        _session, actor = sessions.session_actor(work, signed_in.token)
    assert actor.roles == {"auditor", "reception"}


def test_the_last_administrator_stays(works: Works, administrator: Account, case_worker: Account) -> None:
    with works.write(administrator.actor) as work:
        with pytest.raises(ConflictError):
            service.set_roles(work, administrator.id, ["auditor"])
        with pytest.raises(ConflictError):
            service.disable(work, administrator.id)
        service.set_roles(work, case_worker.id, ["case-worker", "administrator"])
        service.set_roles(work, administrator.id, ["auditor"])
    with works.write(SYSTEM) as work, pytest.raises(ConflictError):
        service.disable(work, case_worker.id)


def test_a_disabled_account_can_do_nothing_until_it_is_enabled(
    works: Works, administrator: Account, case_worker: Account
) -> None:
    with works.write(administrator.actor) as work:
        service.disable(work, case_worker.id)
        service.disable(work, case_worker.id)
        with pytest.raises(NotFoundError):
            service.find_account_by_name(work, "besa")
    assert sign_in.authenticate(works, "besa", PASSWORD, ADDRESS) == SignInRefused("wrong")
    with works.write(administrator.actor) as work:
        service.enable(work, case_worker.id)
    assert isinstance(sign_in.authenticate(works, "besa", PASSWORD, ADDRESS), SignedIn)


def test_teams_place_an_account_at_sites(works: Works, administrator: Account, case_worker: Account) -> None:
    with works.write(administrator.actor) as work:
        tirana, vlore = teams.create_site(work, "Tirana"), teams.create_site(work, "Vlorë")
        intake, night = (
            teams.create_team(work, tirana.id, "Intake"),
            teams.create_team(work, vlore.id, "Night"),
        )
        placed = service.set_teams(work, case_worker.id, [intake.id, night.id])
        assert placed.site_ids == {tirana.id, vlore.id}
        assert service.set_teams(work, case_worker.id, [intake.id]).team_ids == {intake.id}
    with works.read(SYSTEM) as work:
        assert [site.name for site in store.sites(work.connection)] == ["Tirana", "Vlorë"]
        assert [team.site_id for team in store.teams(work.connection)] == [tirana.id, vlore.id]
        by_name = {account.name: account.team_ids for account in store.accounts(work.connection)}
    assert by_name == {"admin": frozenset(), "besa": {intake.id}}


def test_nothing_new_is_placed_in_what_is_closed(
    works: Works, administrator: Account, case_worker: Account
) -> None:
    with works.write(administrator.actor) as work:
        site = teams.create_site(work, "Tirana")
        team = teams.create_team(work, site.id, "Intake")
        teams.close_team(work, team.id)
        teams.close_site(work, site.id)
        with pytest.raises(InvalidError):
            service.set_teams(work, case_worker.id, [team.id])
        for again in (teams.close_team, teams.close_site):
            with pytest.raises(NotFoundError):
                again(work, "unknown")
        with pytest.raises(NotFoundError):
            teams.create_team(work, site.id, "Second")
        with pytest.raises(InvalidError):
            teams.create_site(work, "  ")


def test_every_change_is_in_the_audit_log_without_a_name(works: Works, case_worker: Account) -> None:
    with works.write(SYSTEM) as work:
        wanted = NewAccount(
            "dita", "Dita Leka", frozenset({"medical", "auditor"}), PASSWORD, "en", "d@example.org"
        )
        created = service.create_account(work, wanted)
        service.set_roles(work, case_worker.id, ["supervisor"])
        events = audit_store.page(work.connection, AuditFilter(action="account.")).events
    assert [event.event.action for event in events] == ["account.roles-changed", "account.created"]
    assert events[0].event.detail == {"before": "case-worker", "after": "supervisor"}
    assert events[1].event.detail == {"roles": "auditor,medical"}
    assert not any(word in repr(events) for word in ("dita", "Leka", "example.org", "besa", "Dema"))
    assert created.name == "dita"
    assert created.roles == wanted.roles
