"""Referrals through the interface: a consent, a preview, an offer, and every answer."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.federation.neighbours import PERSON
from tests.integration.api.conftest import FOR_SYSTEMS, System, exchange
from tests.integration.api.consenting import consent_for

from iars_node.accounts.tokens import WantedToken, create_token
from iars_node.app import create_app
from iars_node.referrals import service as referrals
from iars_node.work import SYSTEM
from iars_protocol.record import SCOPES

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.federation.neighbours import Neighbour

    Pair = tuple[Neighbour, Neighbour]


class Desk:
    """One side's systems and what they do in these tests."""

    def __init__(self, system: System, peer: Neighbour) -> None:
        self.system = system
        self.peer = peer

    def offering(self) -> dict[str, Any]:
        case = self.system.post("/cases", {"record": PERSON}).json()
        consent = self.system.post(f"/cases/{case['id']}/consents", consent_for(self.peer)).json()
        return {
            "peer": self.peer.id.hex(),
            "case_id": case["id"],
            "consent_id": consent["id"],
            "service": "MED-SCREEN",
            "priority": "urgent",
            "texts": [{"scope": "medical", "text": "She takes an inhaler."}],
        }

    def send(self, key: str = "") -> dict[str, Any]:
        answer = self.system.post("/referrals", self.offering(), key=key)
        assert answer.status_code == 201, answer.text
        sent: dict[str, Any] = answer.json()
        return sent

    def step(self, referral: dict[str, Any], name: str, body: dict[str, Any], key: str = "") -> Any:
        return self.system.post(f"/referrals/{referral['id']}/{name}", body, key=key)

    def state(self, referral: dict[str, Any]) -> str:
        return str(self.system.get(f"/referrals/{referral['id']}").json()["referral"]["state"])


@pytest.fixture
def desks(nodes: Pair, system: System) -> tuple[Desk, Desk]:
    """The shelter's systems and the mission's."""
    shelter, mission = nodes
    with mission.node.works.write(SYSTEM) as work:
        made = create_token(work, WantedToken("theirs", FOR_SYSTEMS, frozenset(SCOPES), timedelta(days=1)))
    return Desk(system, mission), Desk(System(create_app(mission.node), made.secret), shelter)


def test_a_consent_is_recorded_listed_and_read(desks: tuple[Desk, Desk]) -> None:
    desk, _ = desks
    case = desk.system.post("/cases", {}).json()["id"]
    body = consent_for(
        desk.peer,
        withheld=[{"scope": "medical", "fields": ["pregnancy"], "node": desk.peer.id.hex()}],
        scopes=[{"code": "services"}, {"code": "medical", "step": "acceptance", "only": ["conditions"]}],
    )
    made = desk.system.post(f"/cases/{case}/consents", body, key="c1")
    assert made.status_code == 201
    recorded = made.json()
    assert (recorded["state"], recorded["terms"]["scopes"][1]["only"]) == ("given", ["conditions"])
    assert recorded["terms"]["reasons"] == ""
    assert desk.system.post(f"/cases/{case}/consents", body, key="c1").json()["id"] == recorded["id"]
    (listed,) = desk.system.get(f"/cases/{case}/consents").json()["consents"]
    assert listed == recorded
    one = f"/consents/{recorded['id']}"
    assert desk.system.get(one).json() == recorded
    told = desk.system.get(one, params={"reasons": True}).json()
    assert told["terms"]["reasons"] == "Her brother works at the clinic."
    assert desk.system.get(f"/consents/{'0' * 32}").status_code == 404


@pytest.mark.parametrize(
    "changes",
    [
        {"scopes": [{"code": "politics"}]},
        {"scopes": []},
        {"expires": "2020-01-01T00:00:00Z"},
        {"expires": "2027-01-01T00:00:00"},
        {"recipients": [{}]},
        {"how_obtained": "guessed"},
        {"retention_days": 0},
    ],
)
def test_a_consent_that_can_not_be_is_refused(desks: tuple[Desk, Desk], changes: dict[str, Any]) -> None:
    desk, _ = desks
    case = desk.system.post("/cases", {}).json()["id"]
    answer = desk.system.post(f"/cases/{case}/consents", consent_for(desk.peer, **changes))
    assert answer.status_code == 422
    assert answer.json()["faults"]


def test_a_preview_names_fields_and_shows_values_only_where_asked(desks: tuple[Desk, Desk]) -> None:
    desk, _ = desks
    offering = desk.offering()
    shown = desk.system.post("/referrals/preview", {"offering": offering, "scopes": ["medical"]}).json()
    later = {(line["scope"], line["name"]): line["value"] for line in shown["on_acceptance"]}
    assert later["medical", "conditions"] == ["asthma"]
    assert later["identity", "given_name"] is None
    never = {(line["scope"], line["name"]): line for line in shown["never"]}
    assert never["safety", "risk"] == {
        "scope": "safety",
        "name": "risk",
        "value": None,
        "reason": "not-agreed",
    }
    assert desk.system.get("/referrals").json()["referrals"] == []


def test_a_preview_of_a_handover_says_what_each_side_keeps(desks: tuple[Desk, Desk]) -> None:
    desk, _ = desks
    plain = desk.system.post("/referrals/preview", {"offering": desk.offering()}).json()
    assert (plain["handover"], plain["origin"]) == (None, "")
    whole = {**desk.offering(), "kind": "handover"}
    rules = desk.system.post("/referrals/preview", {"offering": whole}).json()["handover"]
    assert "you refer the person no more" in rules["you"][0]
    assert "They take over responsibility" in rules["they"][0]
    assert desk.system.get("/referrals").json()["referrals"] == []


def test_a_referral_travels_there_and_back(desks: tuple[Desk, Desk], nodes: Pair) -> None:
    ours, theirs = desks
    sent = ours.send()
    assert (sent["state"], sent["direction"]) == ("requested", "out")
    exchange(nodes)
    (seen,) = theirs.system.get("/referrals", params={"direction": "in"}).json()["referrals"]
    assert (seen["id"], seen["service"]) == (sent["id"], "MED-SCREEN")
    accepted = theirs.step(sent, "accept", {"remark": "We expect her."}).json()
    assert accepted["state"] == "accepted"
    assert theirs.system.get(f"/cases/{accepted['case_id']}").status_code == 200
    exchange(nodes)

    path = f"/referrals/{sent['id']}"
    assert theirs.system.get(path).json()["received"] == {}
    shown = theirs.system.get(path, params={"scopes": "medical"}).json()["received"]
    assert set(shown) == {"medical"}
    assert shown["medical"]["texts"] == ["She takes an inhaler."]

    for name, body, state in (
        ("begin", {}, "in-progress"),
        ("hold", {"reason": "waiting-documents"}, "on-hold"),
        ("begin", {"texts": [{"scope": "medical", "text": "Goes on."}]}, "in-progress"),
        ("appointment", {"outcome": "scheduled", "at": "2026-03-04T10:00:00Z"}, "in-progress"),
        ("note", {"texts": [{"scope": "services", "text": "All well."}]}, "in-progress"),
        ("complete", {"remark": "Done."}, "completed"),
    ):
        answer = theirs.step(sent, name, body)
        assert (answer.status_code, answer.json()["state"]) == (200, state), name
    exchange(nodes)
    assert ours.state(sent) == "completed"
    (of_case,) = ours.system.get(f"/cases/{sent['case_id']}/referrals").json()["referrals"]
    assert of_case["state"] == "completed"


def test_the_timeline_proves_every_step_and_tells_only_what_is_asked(
    desks: tuple[Desk, Desk], nodes: Pair
) -> None:
    ours, theirs = desks
    sent = ours.send()
    exchange(nodes)
    theirs.step(sent, "accept", {"remark": "We expect her."})
    exchange(nodes)
    path = f"/referrals/{sent['id']}/timeline"
    bare = ours.system.get(path).json()
    assert [entry["type"] for entry in bare["entries"]] == [
        "referral.offer/1",
        "referral.accept/1",
        "referral.disclose/1",
    ]
    assert bare["faults"] == []
    for entry in bare["entries"]:
        assert entry["scopes"] == {}
        assert entry["remark"] is None
        assert entry["proof"]["header"]
        assert entry["proof"]["signature"]
        assert entry["proof"]["outcome"] == "applied"
    told = ours.system.get(path, params={"remarks": True, "scopes": "medical"}).json()["entries"]
    assert told[1]["remark"] == "We expect her."
    assert set(told[2]["scopes"]) == {"medical"}


def test_a_referral_is_rejected_failed_cancelled_or_a_mistake(desks: tuple[Desk, Desk], nodes: Pair) -> None:
    ours, theirs = desks
    rejected, failed, cancelled, mistaken = (ours.send() for _ in range(4))
    exchange(nodes)
    assert theirs.step(rejected, "reject", {"reason": "no-capacity"}).json()["state"] == "rejected"
    theirs.step(failed, "accept", {})
    assert theirs.step(failed, "fail", {"reason": "person-left"}).json()["state"] == "failed"
    assert ours.step(cancelled, "cancel", {"reason": "no-longer-needed"}).json()["state"] == "cancelled"
    assert ours.step(mistaken, "entered-in-error", {}).json()["state"] == "entered-in-error"
    exchange(nodes)
    assert [ours.state(one) for one in (rejected, failed)] == ["rejected", "failed"]
    assert [theirs.state(one) for one in (cancelled, mistaken)] == ["cancelled", "entered-in-error"]
    listed = ours.system.get("/referrals", params={"state": ["failed", "cancelled"]}).json()["referrals"]
    assert {one["id"] for one in listed} == {failed["id"], cancelled["id"]}


def test_a_referral_is_sent_and_answered_once_under_a_key(desks: tuple[Desk, Desk], nodes: Pair) -> None:
    ours, theirs = desks
    offering = ours.offering()
    first = ours.system.post("/referrals", offering, key="r1").json()
    assert ours.system.post("/referrals", offering, key="r1").json()["id"] == first["id"]
    exchange(nodes)
    theirs.step(first, "accept", {})
    note = {"texts": [{"scope": "services", "text": "Is a bed free?"}]}
    assert theirs.step(first, "note", note, key="n1").status_code == 200
    assert theirs.step(first, "note", note, key="n1").headers["Idempotency-Replayed"] == "true"
    exchange(nodes)
    with nodes[0].node.works.read(SYSTEM) as work:
        types = [entry.step.type for entry in referrals.timeline(work, first["id"])]
    assert types.count("referral.note/1") == 1


def test_an_amendment_sends_what_changed(desks: tuple[Desk, Desk], nodes: Pair) -> None:
    ours, theirs = desks
    sent = ours.send()
    exchange(nodes)
    theirs.step(sent, "accept", {})
    exchange(nodes)
    ours.system.call(
        "PATCH",
        f"/cases/{sent['case_id']}/scopes/medical",
        json={"fields": {"conditions": ["asthma", "anaemia"]}},
        headers={"If-Match": '"1"'},
    )
    assert ours.step(sent, "amend", {"scopes": ["medical"]}).status_code == 200
    exchange(nodes)
    shown = theirs.system.get(f"/referrals/{sent['id']}", params={"scopes": "medical"}).json()
    assert shown["received"]["medical"]["fields"]["conditions"] == ["asthma", "anaemia"]


def test_a_rule_that_refuses_is_named(desks: tuple[Desk, Desk], nodes: Pair) -> None:
    ours, theirs = desks
    offering = ours.offering()
    other = ours.system.post("/referrals", {**offering, "service": "RESEARCH", "texts": []})
    assert (other.status_code, other.json()["reason"]) == (409, "purpose-not-granted")
    refused = ours.system.post("/referrals", {**offering, "texts": [{"scope": "safety", "text": "A house."}]})
    assert refused.status_code == 422
    unknown = ours.system.post("/referrals", {**offering, "peer": "0" * 64})
    assert unknown.status_code == 404
    sent = ours.system.post("/referrals", offering).json()
    early = ours.step(sent, "complete", {})
    assert (early.status_code, early.json()["code"]) == (409, "conflict")
    exchange(nodes)
    assert theirs.step(sent, "reject", {"reason": "other"}).status_code == 422
    assert ours.system.get(f"/referrals/{'0' * 32}").status_code == 404


def test_referrals_are_listed_a_page_at_a_time(desks: tuple[Desk, Desk]) -> None:
    ours, _ = desks
    sent = {ours.send()["id"] for _ in range(3)}
    first = ours.system.get("/referrals", params={"limit": 2}).json()
    second = ours.system.get("/referrals", params={"limit": 2, "cursor": first["cursor"]}).json()
    assert {one["id"] for page in (first, second) for one in page["referrals"]} == sent
    assert second["cursor"] == ""
    assert ours.system.get("/referrals", params={"cursor": "nowhere"}).status_code == 422


def test_a_token_reads_no_more_of_a_referral_than_its_scopes(
    desks: tuple[Desk, Desk], nodes: Pair, new_system: Callable[..., System]
) -> None:
    ours, theirs = desks
    sent = ours.send()
    exchange(nodes)
    theirs.step(sent, "accept", {})
    exchange(nodes)
    narrow = new_system(scopes=frozenset({"services"}))
    path = f"/referrals/{sent['id']}"
    assert narrow.get(path, params={"scopes": "medical"}).status_code == 403
    assert narrow.get(f"{path}/timeline", params={"scopes": "services"}).status_code == 200
