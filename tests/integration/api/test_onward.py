"""Passing on through the interface: permit, refer under it, see who holds what, end it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.federation.neighbours import PERSON
from tests.integration.api.conftest import exchange
from tests.integration.api.consenting import consent_for

from iars_node.db import new_id
from iars_node.referrals import service as referrals

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.federation.neighbours import Neighbour
    from tests.integration.api.conftest import System

    Pair = tuple[Neighbour, Neighbour]


def referred(system: System, nodes: Pair, **changes: Any) -> dict[str, Any]:
    """Refer a person to the second node, which accepts."""
    case = system.post("/cases", {"record": PERSON}).json()
    body = {**consent_for(nodes[1]), **changes}
    consent = system.post(f"/cases/{case['id']}/consents", body).json()
    offering = {
        "peer": nodes[1].id.hex(),
        "case_id": case["id"],
        "consent_id": consent["id"],
        "service": "MED-SCREEN",
        "priority": "urgent",
    }
    sent = system.post("/referrals", offering).json()
    exchange(nodes)
    nodes[1].act(referrals.accept, sent["id"])
    exchange(nodes)
    return {"case": case["id"], "consent": consent["id"], "offering": offering}


def test_nobody_is_permitted_without_the_persons_word(system: System, nodes: Pair) -> None:
    made = referred(system, nodes)
    path = f"/consents/{made['consent']}/onward-permissions"
    answer = system.post(path, {"holder": nodes[1].id.hex()})
    assert (answer.status_code, answer.json()["reason"]) == (409, "onward-not-allowed")
    assert system.post(path, {"holder": "x"}).status_code == 422
    nowhere = f"/consents/{'0' * 32}/onward-permissions"
    assert system.post(nowhere, {"holder": nodes[1].id.hex()}).status_code == 404
    assert system.get(f"/cases/{made['case']}/onward-permissions").json() == {"permissions": []}
    assert system.post(f"/onward-permissions/{'0' * 32}/withdrawal", {}).status_code == 404


def test_a_permission_is_given_shown_and_ended(new_system: Callable[..., System], nodes: Pair) -> None:
    system = new_system(life=timedelta(days=9))
    kinds = [{"node": nodes[1].id.hex()}, {"organisation_type": "PublicHealth"}]
    made = referred(system, nodes, recipients=kinds, is_onward_allowed=True)
    path = f"/consents/{made['consent']}/onward-permissions"
    too_much = system.post(path, {"holder": nodes[1].id.hex(), "scopes": ["safety"]})
    assert too_much.status_code == 422
    given = system.post(path, {"holder": nodes[1].id.hex(), "scopes": ["services"]})
    assert given.status_code == 201
    said = given.json()
    assert (said["scopes"], said["kinds"], said["way"]) == (["services"], ["PublicHealth"], "out")
    assert system.get(f"/cases/{made['case']}/onward-permissions").json()["permissions"] == [said]
    matrix = system.get(f"/cases/{made['case']}/matrix").json()["recipients"]
    assert [row["node"] for row in matrix] == [nodes[1].id.hex()]
    assert {cell["state"] for cell in matrix[0]["scopes"]} == {"held"}
    ended = system.post(f"/onward-permissions/{said['id']}/withdrawal", {"by": "other"})
    assert ended.status_code == 201
    [now] = system.get(f"/cases/{made['case']}/onward-permissions").json()["permissions"]
    assert now["ended_at"] is not None
    exchange(nodes)
    [told] = system.get(f"/cases/{made['case']}/withdrawals").json()["withdrawals"]
    assert (told["id"], told["outcome"]) == (ended.json()["withdrawal_id"], "taken-in")


def test_a_referral_under_a_permission_that_is_not_there_is_refused(system: System, nodes: Pair) -> None:
    made = referred(system, nodes)
    offering = {**made["offering"], "onward": new_id()}
    assert system.post("/referrals", offering).status_code == 404
    assert system.post("/referrals", {**made["offering"], "onward": "x"}).status_code == 422
