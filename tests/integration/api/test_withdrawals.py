"""Withdrawals through the interface: one request, whole or in part; what each recipient has answered."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.federation.endings import pass_time
from tests.federation.neighbours import PERSON
from tests.integration.api.conftest import exchange
from tests.integration.api.consenting import consent_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.federation.neighbours import Neighbour
    from tests.integration.api.conftest import System

    from iars_node.clock import SetClock

    Pair = tuple[Neighbour, Neighbour]


def refer(system: System, peer: Neighbour) -> dict[str, Any]:
    case = system.post("/cases", {"record": PERSON}).json()
    consent = system.post(f"/cases/{case['id']}/consents", consent_for(peer)).json()
    offering = {
        "peer": peer.id.hex(),
        "case_id": case["id"],
        "consent_id": consent["id"],
        "service": "MED-SCREEN",
        "priority": "urgent",
    }
    assert system.post("/referrals", offering).status_code == 201
    return {"case": case["id"], "consent": consent["id"]}


def test_what_can_not_be_withdrawn_is_said(system: System, nodes: Pair) -> None:
    made = refer(system, nodes[1])
    path = f"/consents/{made['consent']}/withdrawals"
    assert system.post(path, {"scopes": ["gossip"]}).status_code == 422
    assert system.post(path, {"reason": "none"}).status_code == 422
    assert system.post(f"/consents/{'0' * 32}/withdrawals", {}).status_code == 404
    assert system.get(f"/consents/{made['consent']}").json()["state"] == "given"


def test_a_consent_is_withdrawn_once_however_often_it_is_asked(
    new_system: Callable[..., System], nodes: Pair, clock: SetClock
) -> None:
    system = new_system(life=timedelta(days=9))
    made = refer(system, nodes[1])
    path = f"/consents/{made['consent']}/withdrawals"
    first = system.post(path, {})
    assert first.status_code == 201
    [asked] = first.json()["withdrawals"]
    assert (asked["outcome"], asked["by"]) == ("waiting", "person")
    assert system.post(path, {}).json() == first.json()
    assert system.get(f"/consents/{made['consent']}").json()["state"] == "withdrawn"
    exchange(nodes)
    pass_time(clock, timedelta(hours=49), *nodes)
    exchange(nodes)
    listed = system.get(f"/cases/{made['case']}/withdrawals").json()
    [told] = listed["withdrawals"]
    assert told["outcome"] == "nothing-held"
    assert told["statements"][0]["outcomes"] == []
    assert [said["cause"] for said in listed["statements"]] == ["withdrawal"]


def test_a_part_is_withdrawn_and_the_dates_of_its_erasure_are_told(
    new_system: Callable[..., System], nodes: Pair, clock: SetClock
) -> None:
    system = new_system(life=timedelta(days=9))
    made = refer(system, nodes[1])
    exchange(nodes)
    body = {"scopes": ["services"], "recipients": [nodes[1].id.hex()], "by": "other"}
    [asked] = system.post(f"/consents/{made['consent']}/withdrawals", body).json()["withdrawals"]
    assert asked["scopes"] == ["services"]
    exchange(nodes)
    pass_time(clock, timedelta(hours=49), *nodes)
    exchange(nodes)
    listed = system.get(f"/cases/{made['case']}/withdrawals").json()
    said = [entry for each in listed["statements"] for entry in each["outcomes"] if entry["keys_destroyed"]]
    assert {entry["scope"] for entry in said} >= {"services"}
    assert all(entry["access_ended"] <= entry["keys_destroyed"] < entry["backups_expire"] for entry in said)
