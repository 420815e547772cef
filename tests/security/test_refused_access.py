"""Whatever refuses somebody, a page, the interface or the command line, says so in the audit log."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.integration.admin.organisations import PERSON, found
from tests.pages import Reader, copied, make_world

from iars_node.accounts.service import find_account_by_name
from iars_node.accounts.tokens import WantedToken, create_token
from iars_node.audit import store
from iars_node.audit.model import AuditFilter
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.federation.neighbours import Neighbour
    from tests.pages import World

    from iars_node.audit.model import Event
    from iars_node.clock import SetClock


@pytest.fixture
def world(tmp_path: Path, clock: SetClock, sqlite_template: Path) -> Iterator[World]:
    made = make_world(tmp_path, clock, copied(sqlite_template), assignment_rule=True)
    yield made
    made.close()


def refusals(side: Neighbour) -> list[Event]:
    with side.node.works.read(SYSTEM) as work:
        return [each.event for each in store.page(work.connection, AuditFilter(action="access.")).events]


def account_of(reader: Reader, name: str) -> str:
    with reader.neighbour.node.works.read(SYSTEM) as work:
        return find_account_by_name(work, name).id


def test_a_page_that_a_role_does_not_allow(world: World) -> None:
    case = world.shelter.open_case()
    ilir = Reader(world.shelter).enter("ilir")
    assert ilir.get(f"/cases/{case.id}/holds").status_code == 403
    (event,) = refusals(world.shelter)
    assert (event.actor_id, event.case_id) == (account_of(ilir, "ilir"), case.id)
    assert event.detail["route"] == "GET:/cases/*/holds"
    assert (event.detail["action"], event.detail["reason"]) == ("hold.manage", "forbidden")


def test_a_loop_through_pages_fills_no_log(world: World) -> None:
    ilir = Reader(world.shelter).enter("ilir")
    for _ in range(40):
        assert ilir.get(f"/cases/{world.shelter.open_case().id}/holds").status_code == 403
    assert len(refusals(world.shelter)) == 1


def test_a_case_of_others_is_told_with_its_id_though_the_page_asks_why(world: World) -> None:
    case = world.shelter.open_case()
    besa = Reader(world.shelter).enter()
    answer = besa.get(f"/cases/{case.id}/scopes/identity")
    assert answer.headers["location"] == f"/cases/{case.id}/look"
    (event,) = refusals(world.shelter)
    assert (event.actor_id, event.case_id) == (account_of(besa, "besa"), case.id)
    assert event.detail["reason"] == "not-assigned"


def test_a_forged_form_is_told_with_whose_session_it_met(world: World) -> None:
    besa = Reader(world.shelter).enter()
    for token in ("", "0" * 64):
        assert besa.post("/me/sessions/end-others", {"csrf": token}).status_code == 403
    (event,) = refusals(world.shelter)
    assert event.actor_id == account_of(besa, "besa")
    assert (event.detail["reason"], event.detail["route"]) == ("foreign-form", "POST:/me/sessions/end-others")


def test_a_forged_form_of_nobody_is_told_as_the_nodes_own(world: World) -> None:
    assert Reader(world.shelter).post("/sign-in", {"name": "besa"}).status_code == 403
    (event,) = refusals(world.shelter)
    assert (event.actor_kind, event.detail["reason"]) == ("system", "foreign-form")


def test_what_is_allowed_leaves_no_refusal(world: World) -> None:
    besa = Reader(world.shelter).enter()
    assert besa.get("/cases").status_code == 200
    assert besa.get(f"/cases/{'0' * 32}").status_code == 404
    assert refusals(world.shelter) == []


def test_an_operation_that_a_token_does_not_allow(world: World) -> None:
    case = world.shelter.open_case()
    with world.shelter.node.works.write(SYSTEM) as work:
        wanted = WantedToken("reports", frozenset({"case.read"}), frozenset({"services"}), timedelta(1))
        made = create_token(work, wanted)
    http = Reader(world.shelter).http
    bearer = {"Authorization": f"Bearer {made.secret}"}
    assert http.get(f"/api/v1/cases/{case.id}/consents", headers=bearer).status_code == 403
    assert http.get(f"/api/v1/cases/{case.id}?scopes=medical", headers=bearer).status_code == 403
    by_scope, by_action = refusals(world.shelter)
    for event in (by_scope, by_action):
        assert (event.actor_kind, event.actor_id, event.case_id) == ("token", made.token.id, case.id)
    assert by_action.detail["action"] == "consent.read"
    assert by_scope.detail["action"] == "case.read"
    assert str(by_action.detail["route"]).startswith("GET:/api/v1/cases/*")


def test_a_command_that_a_role_does_not_allow(tmp_path: Path) -> None:
    shelter = found(tmp_path / "node", "Shelter")
    person = tmp_path / "person.json"
    person.write_text(json.dumps(PERSON), "utf-8")
    case = shelter.as_("mira").ask("case", "open", person)
    for named in (case["reference"].lower(), case["id"], "Ana Munteanu"):
        assert shelter.as_("ada").run("case", "close", named, "--reason", "other").code == 1
    events = shelter.as_("ada").ask("audit", "list", "--action", "access.")["events"]
    (event,) = events
    assert event["case_id"] == case["id"]
    assert event["detail"] == {
        "action": "case.close",
        "reason": "forbidden",
        "route": "iars:case:close",
        "times": 1,
    }
