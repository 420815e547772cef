from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.integration.api.conftest import FOR_SYSTEMS, exchange

from iars_node.work import SYSTEM, AssignmentRule

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.federation.neighbours import Neighbour
    from tests.integration.api.conftest import System


def refer(nodes: tuple[Neighbour, Neighbour]) -> str:
    shelter, mission = nodes
    case = shelter.open_case()
    shelter.refer(case, shelter.give_consent(case, mission), mission)
    exchange(nodes)
    return case.id


def test_a_report_holds_the_scopes_that_the_token_may_read(
    nodes: tuple[Neighbour, Neighbour], new_system: Callable[..., System]
) -> None:
    case_id = refer(nodes)
    system = new_system(scopes=frozenset({"services", "identity"}))
    answer = system.get(f"/cases/{case_id}/access-report").json()
    [of_case] = answer["cases"]
    assert {each["scope"] for each in of_case["held"]} == {"services", "identity"}
    assert {"medical", "exploitation"} <= set(of_case["unprinted"])
    assert [each["action"] for each in of_case["disclosures"]] == ["offered"]
    assert system.get(f"/cases/{'0' * 32}/access-report").status_code == 404


def test_a_correction_happens_once_under_its_key_and_is_listed(
    nodes: tuple[Neighbour, Neighbour], system: System
) -> None:
    case_id = refer(nodes)
    body: dict[str, Any] = {"fields": {"services": {"constraints": ["a lift"]}}}
    first = system.post(f"/cases/{case_id}/corrections", body, key="one")
    assert first.status_code == 201
    assert [each["outcome"] for each in first.json()["told"]] == ["amended"]
    assert system.post(f"/cases/{case_id}/corrections", body, key="one").json() == first.json()
    assert system.get(f"/cases/{case_id}/corrections").json()["corrections"] == [first.json()]
    again = system.post(f"/cases/{case_id}/corrections", body)
    assert (again.status_code, again.json()["code"]) == (409, "conflict")


def test_the_record_the_log_and_the_rules_are_read(
    nodes: tuple[Neighbour, Neighbour], system: System
) -> None:
    refer(nodes)
    assert system.get("/processing").json()["activities"][0]["organisation"] == "Mission"
    assert len(system.get("/disclosures").json()["disclosures"]) == 1
    assert system.get("/disclosures", params={"since": "2030-01-01T00:00:00Z"}).json() == {"disclosures": []}
    assert system.get("/retention").json() == {"rules": [], "due": [], "holds": []}


def test_a_case_of_others_is_refused_with_a_sentence_that_says_what_to_do(
    nodes: tuple[Neighbour, Neighbour], new_system: Callable[..., System]
) -> None:
    shelter = nodes[0]
    case = shelter.open_case()
    shelter.node.works.assignment = AssignmentRule(is_on=True)
    system = new_system(actions=FOR_SYSTEMS - {"case.read-any"})
    answer = system.get(f"/cases/{case.id}", params={"scopes": "identity"})
    assert (answer.status_code, answer.json()["code"]) == (403, "not-assigned")
    assert "break-glass" in answer.json()["detail"]
    assert system.get(f"/cases/{case.id}", params={"scopes": "demographics"}).status_code == 200
    assert new_system().get(f"/cases/{case.id}", params={"scopes": "identity"}).status_code == 200
    with shelter.node.works.read(SYSTEM) as work:
        assert work.assignment.is_on
