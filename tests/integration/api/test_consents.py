"""A consent's whole life, by an organisation's own system."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator
from pypdf import PdfReader
from tests.federation.excepting import WORKER, decide, record, refer

from iars_node.consent import exceptions
from iars_node.consent.receipt import number_of

if TYPE_CHECKING:
    from tests.federation.neighbours import Neighbour
    from tests.integration.api.conftest import System


@pytest.fixture
def case(nodes: tuple[Neighbour, Neighbour]) -> str:
    """A case at the shelter."""
    return nodes[0].open_case().id


@pytest.fixture
def terms(nodes: tuple[Neighbour, Neighbour]) -> dict[str, Any]:
    """What a person is asked for."""
    return {
        "purposes": ["assistance"],
        "scopes": [{"code": "services"}, {"code": "medical"}],
        "recipients": [{"node": nodes[1].id.hex()}],
        "expires": "2026-09-01T00:00:00Z",
        "notice_language": "en",
        "how_obtained": "verbal",
        "withheld": [{"scope": "medical", "fields": ["pregnancy"]}],
        "interpreter": "Ilia",
    }


def less(terms: dict[str, Any]) -> dict[str, Any]:
    return {**terms, "scopes": [{"code": "services"}], "withheld": []}


def test_a_person_is_asked_and_answers(system: System, case: str, terms: dict[str, Any]) -> None:
    asked = system.post(f"/cases/{case}/consents/requests", terms, key="r1").json()
    assert system.post(f"/cases/{case}/consents/requests", terms, key="r1").json()["id"] == asked["id"]
    assert asked["state"] == "requested"
    one = f"/consents/{asked['id']}/answer"
    assert system.post(one, {"answer": "given"}).status_code == 422
    given = system.post(one, {"answer": "given", "terms": terms}).json()
    assert (given["state"], given["id"]) == ("given", asked["id"])
    assert system.post(one, {"answer": "refused"}).status_code == 409
    other = system.post(f"/cases/{case}/consents/requests", terms).json()
    refused = system.post(f"/consents/{other['id']}/answer", {"answer": "refused"}).json()
    assert refused["state"] == "refused"
    assert system.post(f"/cases/{case}/consents/refusals", terms).json()["state"] == "refused"


def test_a_consent_is_renewed_narrowed_and_found_not_to_count(
    system: System, case: str, terms: dict[str, Any]
) -> None:
    given = system.post(f"/cases/{case}/consents", terms).json()
    newer = system.post(f"/consents/{given['id']}/renewal", terms).json()
    assert (newer["state"], newer["version"], newer["replaces"]) == ("renewed", 2, given["id"])
    older = system.get(f"/consents/{given['id']}").json()
    assert (older["state"], older["ended_at"]) == ("replaced", "2026-03-02T09:00:00Z")
    wider = system.post(f"/consents/{newer['id']}/narrowing", {**terms, "purposes": ["assistance", "return"]})
    assert (wider.status_code, set(wider.json()["faults"])) == (422, {"purposes"})
    narrowed = system.post(f"/consents/{newer['id']}/narrowing", less(terms)).json()
    assert [scope["code"] for scope in narrowed["terms"]["scopes"]] == ["services"]
    assert system.post(f"/consents/{newer['id']}/narrowing", less(terms)).status_code == 409
    ended = system.post(f"/consents/{narrowed['id']}/invalidation", {"reason": "not-free"}).json()
    assert ended["state"] == "invalidated"


def test_a_system_is_told_what_a_renewal_leaves_and_what_a_narrowing_takes_back(
    system: System, nodes: tuple[Neighbour, Neighbour], terms: dict[str, Any]
) -> None:
    shelter, mission = nodes
    case = shelter.open_case()
    given = shelter.give_consent(case, mission)
    sent = shelter.refer(case, given, mission)
    told = {**terms, "recipients": [{"node": mission.id.hex()}], "expires": "2027-03-01T00:00:00Z"}
    newer = system.post(f"/consents/{given.id}/renewal", told).json()
    assert [each["referral_id"] for each in newer["outlived"]] == [sent.id]
    assert newer["outlived"][0]["ends_at"] == given.terms.expires.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert system.get(f"/consents/{newer['id']}").json()["outlived"] == newer["outlived"]
    path = f"/consents/{newer['id']}/narrowing/preview"
    (foreseen,) = system.post(path, {**told, "purposes": ["research"]}).json()["recipients"]
    assert (foreseen["node"], foreseen["is_whole"]) == (mission.id.hex(), True)
    assert system.get(f"/consents/{newer['id']}").json()["state"] == "renewed"
    assert system.post(f"/consents/{'0' * 32}/narrowing/preview", told).status_code == 404


def test_a_record_keeps_to_the_schema_that_is_served(
    system: System, case: str, terms: dict[str, Any]
) -> None:
    given = system.post(f"/cases/{case}/consents", terms).json()
    assert given["notice"]["language"] == "en"
    assert given["terms"]["interpreter"] == ""
    record = system.get(f"/consents/{given['id']}/record").json()
    assert record["words"] == {}
    schema = system.get("/consent-record-schema").json()["json_schema"]
    Draft202012Validator(schema).validate(record)
    whole = system.get(f"/consents/{given['id']}/record?words=true").json()
    assert whole["words"] == {"interpreter": "Ilia"}


def test_the_paper_is_printed_in_full_or_discreetly(system: System, case: str, terms: dict[str, Any]) -> None:
    given = system.post(f"/cases/{case}/consents", terms).json()
    texts = []
    for discreet in ("false", "true"):
        answer = system.get(f"/consents/{given['id']}/receipt?discreet={discreet}")
        assert answer.headers["Content-Type"] == "application/pdf"
        texts.append("".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages))
        assert number_of(given["id"]) in texts[-1]
    assert "You keep some of this back: Pregnancy" in texts[0]
    assert "Your health" not in texts[1]
    in_romanian = {**terms, "notice_language": "ro"}
    other = system.post(f"/cases/{case}/consents", in_romanian).json()
    assert system.get(f"/consents/{other['id']}/receipt").status_code == 200


def test_a_system_sees_on_what_a_referral_rests_and_records_no_exception(
    system: System, nodes: tuple[Neighbour, Neighbour]
) -> None:
    shelter, mission = nodes
    opened = shelter.open_case()
    kept = record(shelter, opened, mission, is_emergency=True)
    sent = refer(shelter, kept, mission)
    head = system.get(f"/referrals/{sent.id}").json()["referral"]
    assert head["basis"] == {
        "kind": "vital-interest",
        "approval": "pending",
        "author": WORKER.id,
        "approver": "",
    }
    (listed,) = system.get(f"/cases/{opened.id}/exceptions").json()["exceptions"]
    assert (listed["id"], listed["state"], listed["author"]) == (kept.id, "pending", WORKER.id)
    assert "unconscious" not in str(listed)
    decide(shelter, exceptions.approve_exception, kept.id)
    assert system.get(f"/referrals/{sent.id}").json()["referral"]["basis"]["approval"] == "approved"
    by_consent = shelter.refer(opened, shelter.give_consent(opened, mission), mission)
    head = system.get(f"/referrals/{by_consent.id}").json()["referral"]
    assert head["basis"]["kind"] == "consent"
