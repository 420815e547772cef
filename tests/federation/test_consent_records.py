"""The record that is exported keeps to its published schema, and says no more than it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator
from sqlalchemy import delete, update
from tests.federation.test_consents import AUDITOR, act, look, terms_for, without

from iars_node.consent import changing
from iars_node.consent import service as consents
from iars_node.consent.export import export_record, schema
from iars_node.consent.model import Recipient, Withheld
from iars_node.consent.receipt import number_of
from iars_node.consent.tables import consent, consent_history
from iars_node.consent.terms import FIRST_SCHEMA, to_json
from iars_node.errors import ForbiddenError, NotFoundError
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from tests.federation.neighbours import Neighbour

    Pair = tuple[Neighbour, Neighbour]

MANDATORY = {
    "schema_version",
    "record_id",
    "pii_principal_id",
    "pii_processing",
    "party_identification",
    "events",
}
PROCESSING = {
    "privacy_notice", "language", "purposes", "pii_information", "pii_controllers", "collection_method",
    "storage_locations", "retention_period", "jurisdiction", "recipient_third_parties", "withdrawal_method",
    "privacy_rights",
}  # fmt: skip


def exported(side: Neighbour, consent_id: str, **options: Any) -> dict[str, Any]:
    with side.node.works.write(SYSTEM) as work:
        found = export_record(work, consent_id, **options)
    Draft202012Validator.check_schema(schema())
    Draft202012Validator(schema()).validate(found)
    return found


def test_nobody_without_the_right_exports_a_record(pair: Pair) -> None:
    shelter, mission = pair
    given = shelter.give_consent(shelter.open_case(), mission)
    with pytest.raises(ForbiddenError):
        act(shelter, export_record, given.id, by=AUDITOR)
    with pytest.raises(ForbiddenError):
        act(shelter, consents.find_by_number, number_of(given.id), by=AUDITOR)
    with pytest.raises(NotFoundError):
        exported(shelter, "0" * 32)


def test_a_record_has_everything_that_the_standard_demands(pair: Pair) -> None:
    shelter, mission = pair
    case = shelter.open_case()
    terms = terms_for(
        shelter,
        mission,
        recipients=(Recipient(node=mission.id.hex()), Recipient(organisation_type="LegalService")),
        withheld=(Withheld("medical", ("pregnancy",), mission.id.hex()),),
        reasons="Her brother is not to know.",
        interpreter="Ilia",
    )
    asked = act(shelter, changing.request_consent, case.id, terms)
    given = act(shelter, changing.give_requested, asked.id, terms)
    record = exported(shelter, given.id)
    assert record.keys() >= MANDATORY
    assert record["pii_processing"].keys() >= PROCESSING
    assert (record["status"], record["pii_principal_id"]) == ("given", case.id)
    assert record["pii_processing"]["privacy_notice"]["language"] == "sq"
    assert [party.get("party_name") for party in record["party_identification"]] == [
        "Shelter",
        "Mission",
        None,
    ]
    assert [(event["event_type"], event["entity"]) for event in record["events"]] == [
        ("request", "organisation"),
        ("give", "person"),
    ]
    assert "brother" not in str(record)
    whole = exported(shelter, given.id, with_words=True)
    assert whole["words"] == {"reasons": "Her brother is not to know.", "interpreter": "Ilia"}


def test_every_version_is_exported_and_points_to_the_older_one(pair: Pair) -> None:
    shelter, mission = pair
    given = shelter.give_consent(shelter.open_case(), mission)
    newer = act(shelter, changing.narrow_consent, given.id, without(given, "medical"))
    assert exported(shelter, given.id)["ended_at"] == "2026-03-02T09:00:00Z"
    record = exported(shelter, newer.id)
    assert (record["record_version"], record["replaces"], record["ended_at"]) == (2, given.id, None)
    act(shelter, changing.invalidate_consent, newer.id, "wrong-person")
    assert exported(shelter, newer.id)["status"] == "invalidated"


def test_a_record_of_an_older_form_is_exported_too(pair: Pair) -> None:
    shelter, mission = pair
    given = shelter.give_consent(shelter.open_case(), mission)
    newer = {"notice", "evidence", "with_witness", "is_child", "assent", "withdrawal_ways"}
    older = {name: value for name, value in to_json(given.terms).items() if name not in newer}
    with shelter.node.works.write(SYSTEM) as work:
        work.connection.execute(delete(consent_history))
        work.connection.execute(update(consent).values(terms={**older, "schema": FIRST_SCHEMA}))
    record = exported(shelter, given.id)
    assert record["pii_processing"]["privacy_notice"] is None
    assert [event["event_type"] for event in record["events"]] == ["give"]


def test_a_consent_is_found_by_the_number_on_the_persons_paper(pair: Pair) -> None:
    shelter, mission = pair
    given = shelter.give_consent(shelter.open_case(), mission)
    for text in (number_of(given.id), number_of(given.id).lower(), given.id, f" {given.id[:12]} "):
        assert look(shelter, consents.find_by_number, text).id == given.id
    for text in ("", "5F0C", "K-4F7Q", "0000-0000-0000"):
        with pytest.raises(NotFoundError):
            look(shelter, consents.find_by_number, text)
