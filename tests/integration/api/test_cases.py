"""Cases through the interface: opened, found, read by scopes, written by version."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from tests.federation.neighbours import PERSON

from iars_node.api.tables import api_request
from iars_node.audit.tables import audit_event
from iars_node.cases.tables import case_file
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.federation.neighbours import Neighbour
    from tests.integration.api.conftest import System

    from iars_node.clock import SetClock

    Pair = tuple[Neighbour, Neighbour]

NEW = {"record": PERSON, "external_number": "ADM-118"}


def opened(system: System, **changes: Any) -> str:
    answer = system.post("/cases", {**NEW, **changes})
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"/api/v1/cases/{answer.json()['id']}"
    return str(answer.json()["id"])


def count_cases(nodes: Pair) -> int:
    with nodes[0].node.works.read(SYSTEM) as work:
        return int(work.connection.execute(select(func.count()).select_from(case_file)).scalar_one())


def test_a_case_shows_its_head_alone_until_scopes_are_named(system: System) -> None:
    case_id = opened(system)
    bare = system.get(f"/cases/{case_id}").json()
    assert bare["scopes"] == {}
    assert bare["case"]["alias"] is None
    asked = system.get(f"/cases/{case_id}", params={"scopes": "identity,contact"}).json()
    assert asked["external_number"] == "ADM-118"
    assert set(asked["scopes"]) == {"identity", "contact"}
    assert asked["scopes"]["identity"]["fields"]["given_name"]["value"] == "Ana"
    assert asked["scopes"]["contact"] == {"version": 0, "fields": {}, "notes": [], "locked": [], "erased": []}


def test_a_scope_outside_the_token_is_refused_by_name(new_system: Callable[..., System]) -> None:
    case_id = opened(new_system())
    narrow = new_system(scopes=frozenset({"services"}))
    assert narrow.get(f"/cases/{case_id}", params={"scopes": "services"}).status_code == 200
    answer = narrow.get(f"/cases/{case_id}", params={"scopes": "services,medical"})
    assert answer.status_code == 403
    assert "medical" in answer.json()["detail"]
    assert narrow.get(f"/cases/{case_id}", params={"scopes": "politics"}).status_code == 422
    change = {"fields": {"conditions": ["asthma"]}}
    written = narrow.call(
        "PATCH", f"/cases/{case_id}/scopes/medical", json=change, headers={"If-Match": '"1"'}
    )
    assert written.status_code == 403


def test_what_a_system_reads_is_recorded(system: System, nodes: Pair) -> None:
    case_id = opened(system)
    system.get(f"/cases/{case_id}", params={"scopes": "exploitation"})
    with nodes[0].node.works.read(SYSTEM) as work:
        row = work.connection.execute(
            select(audit_event).where(audit_event.c.action == "case.scope-read")
        ).one()
    assert (row.actor_kind, row.case_id, row.scopes) == ("token", case_id, "exploitation")


def test_a_scope_is_written_by_the_version_that_was_read(system: System) -> None:
    case_id = opened(system)
    path = f"/cases/{case_id}/scopes/contact"
    change = {"fields": {"phone": "+355691234567"}}
    assert system.call("PATCH", path, json=change).status_code == 428
    answer = system.call("PATCH", path, json=change, headers={"If-Match": '"0"'})
    assert answer.json() == {"case_id": case_id, "scope": "contact", "version": 1}
    assert answer.headers["ETag"] == '"1"'
    stale = system.call("PATCH", path, json={"fields": {"phone": None}}, headers={"If-Match": '"0"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition")
    read = system.get(f"/cases/{case_id}", params={"scopes": "contact"}).json()["scopes"]["contact"]
    assert (read["version"], read["fields"]["phone"]["value"]) == (1, "+355691234567")
    assert (
        system.call("PATCH", path, json={"fields": {"phone": None}}, headers={"If-Match": '"1"'}).json()[
            "version"
        ]
        == 2
    )
    assert system.call("PATCH", path, json=change, headers={"If-Match": "two"}).status_code == 422


def test_a_field_that_is_not_right_is_named(system: System) -> None:
    answer = system.post("/cases", {"record": {"identity": {"birth_date": "yesterday", "shoe_size": 38}}})
    assert answer.status_code == 422
    assert set(answer.json()["faults"]) == {"identity.birth_date", "identity.shoe_size"}
    assert "yesterday" not in answer.text


def test_cases_are_listed_and_searched_a_page_at_a_time(system: System) -> None:
    ids = {opened(system, external_number=f"ADM-{number}") for number in range(3)}
    first = system.get("/cases", params={"limit": 2}).json()
    second = system.get("/cases", params={"limit": 2, "cursor": first["cursor"]}).json()
    assert {one["case"]["id"] for page in (first, second) for one in page["cases"]} == ids
    assert second["cursor"] is None
    found = system.post("/cases/search", {"text": "munteanu", "scopes": ["identity"]}).json()
    assert {one["case"]["id"] for one in found["cases"]} == ids
    assert system.post("/cases/search", {"text": "ADM-1"}).json()["cases"][0]["is_exact"]
    assert system.get("/cases", params={"state": "closed"}).json()["cases"] == []


def test_an_alias_is_shown_only_where_the_identity_is_asked_for(system: System) -> None:
    opened(system, record={"identity": {"alias": "Mira"}})
    assert system.get("/cases").json()["cases"][0]["case"]["alias"] is None
    shown = system.get("/cases", params={"scopes": "identity"}).json()
    assert shown["cases"][0]["case"]["alias"] == "Mira"


def test_a_case_is_closed_and_reopened(system: System) -> None:
    case_id = opened(system)
    version = system.get(f"/cases/{case_id}").json()["case"]["version"]
    closing = {"reason": "assistance-completed"}
    stale = system.post(f"/cases/{case_id}/close", closing, headers={"If-Match": f'"{version + 1}"'})
    assert stale.status_code == 412
    closed = system.post(f"/cases/{case_id}/close", closing, headers={"If-Match": f'"{version}"'}).json()
    assert (closed["state"], closed["closure_reason"]) == ("closed", "assistance-completed")
    assert system.post(f"/cases/{case_id}/close", closing).status_code == 409
    reopened = system.post(f"/cases/{case_id}/reopen", {}).json()
    assert (reopened["state"], reopened["stage"]) == ("open", "follow-up")
    assert system.post(f"/cases/{'0' * 32}/close", closing).status_code == 404


def test_the_same_request_under_one_key_happens_once(system: System, nodes: Pair) -> None:
    first = system.post("/cases", NEW, key="admission-118")
    again = system.post("/cases", NEW, key="admission-118")
    assert first.json()["id"] == again.json()["id"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert count_cases(nodes) == 1
    other = system.post("/cases", {"stage": "sheltered"}, key="admission-118")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency")
    assert system.post("/cases", {}, key="admission-119").status_code == 201
    assert count_cases(nodes) == 2


def test_requests_that_come_at_once_under_one_key_happen_once(system: System, nodes: Pair) -> None:
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: system.post("/cases", NEW, key="at-once"), range(4)))
    assert [answer.status_code for answer in answers] == [201] * 4
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert count_cases(nodes) == 1


def test_a_key_belongs_to_its_token(new_system: Callable[..., System], nodes: Pair) -> None:
    one, other = new_system(), new_system()
    assert one.post("/cases", {}, key="k").json()["id"] != other.post("/cases", {}, key="k").json()["id"]
    assert count_cases(nodes) == 2


def test_a_request_that_failed_leaves_no_key(system: System) -> None:
    wrong = system.post("/cases", {"stage": "nowhere"}, key="k")
    assert wrong.status_code == 422
    assert system.post("/cases", {"stage": "identified"}, key="k").status_code == 201
    assert system.post("/cases", {}, key="a key with spaces").status_code == 422


def test_a_key_stands_blind_in_the_database_and_is_forgotten_after_a_day(
    new_system: Callable[..., System], nodes: Pair, clock: SetClock
) -> None:
    system = new_system(life=timedelta(days=3))
    system.post("/cases", NEW, key="admission-118")
    with nodes[0].node.works.read(SYSTEM) as work:
        row = work.connection.execute(select(api_request)).one()
    assert b"admission" not in bytes(row.key)
    clock.moment += timedelta(hours=25)
    assert system.post("/cases", {}, key="admission-118").status_code == 201
    assert count_cases(nodes) == 2


def test_writing_content_needs_the_right_to_change_cases(new_system: Callable[..., System]) -> None:
    opener = new_system(actions=frozenset({"case.open"}))
    assert opener.post("/cases", {}).status_code == 201
    assert opener.post("/cases", {"record": {"identity": {"alias": "Mira"}}}).status_code == 403
