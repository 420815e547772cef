from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iars_node.web.languages import language
from iars_node.web.record_forms import places, read_values, typed_from
from iars_node.web.speech import Speech
from iars_protocol.vocabulary import SCOPES

if TYPE_CHECKING:
    from iars_protocol.record import Record

ENGLISH = Speech(language("en"), ZoneInfo("UTC"))
FRENCH = Speech(language("fr"), ZoneInfo("UTC"))
EVERY_PLACE = [place for scope in SCOPES for place in places(scope)]

WHOLE: Record = {
    "services": {
        "needs": [
            {"service": "MED-SCREEN", "priority": "urgent"},
            {"service": "SHELTER", "priority": "emergency", "needed_by": "2026-03-05"},
        ],
        "services_received": ["SHELTER", "INTERP"],
        "constraints": ["ground floor", "female staff"],
    },
    "demographics": {
        "gender": "Feminine",
        "citizenships": ["MD", "RO"],
        "languages": ["ro"],
        "stateless": False,
    },
    "identity": {"given_name": "Ana", "birth_date": "1999-05~", "document_country": "MD"},
    "contact": {"phone": "+355691234567", "email": "a@example.org", "do_not_contact": True},
    "family": {"children": 2, "children_details": "One at school.\nOne at home."},
    "exploitation": {"types": ["ForcedLabour", "ForcedBegging"]},
}


@pytest.mark.parametrize("speech", [ENGLISH, FRENCH], ids=["English", "French"])
def test_a_record_survives_its_form_in_every_language(speech: Speech) -> None:
    values, faults = read_values(EVERY_PLACE, typed_from(EVERY_PLACE, WHOLE, speech), speech, "AL")
    assert faults == {}
    filled = {
        scope: {name: value for name, value in fields.items() if value is not None}
        for scope, fields in values.items()
    }
    assert {scope: fields for scope, fields in filled.items() if fields} == WHOLE


def test_what_is_left_empty_is_taken_away() -> None:
    values, faults = read_values(
        places("identity", ["alias", "given_name"]), {"identity.alias": [" "]}, ENGLISH, "AL"
    )
    assert (values, faults) == ({"identity": {"alias": None, "given_name": None}}, {})


@pytest.mark.parametrize(
    ("name", "typed", "expected"),
    [
        ("identity.birth_date", "17.5.2004", "2004-05-17"),
        ("identity.birth_date", "17/05/2004", "2004-05-17"),
        ("identity.birth_date", "05.2004", "2004-05"),
        ("identity.birth_date", "2004~", "2004~"),
        ("contact.phone", "069 123 4567", "+355691234567"),
        ("contact.phone", "+355 69 123 4567", "+355691234567"),
        ("travel.origin_country", "moldova", "MD"),
        ("travel.origin_country", "MD", "MD"),
    ],
)
def test_people_write_things_as_they_are_used_to(name: str, typed: str, expected: str) -> None:
    scope, _, field = name.partition(".")
    values, faults = read_values(places(scope, [field]), {name: [typed]}, ENGLISH, "AL")
    assert (values, faults) == ({scope: {field: expected}}, {})


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("identity.birth_date", "last spring"),
        ("identity.birth_date", "2004-13"),
        ("contact.phone", "next door"),
        ("contact.email", "nobody"),
        ("travel.origin_country", "Atlantis"),
        ("family.children", "two"),
        ("family.children", "-1"),
        ("family.unaccompanied", "perhaps"),
        ("demographics.gender", "Other"),
        ("exploitation.types", "Unknown"),
        ("identity.given_name", "x" * 501),
        ("medical.conditions", "asthma\nasthma"),
        ("services.needs.0.service", "DANCING"),
    ],
)
def test_what_can_t_be_used_is_said_beside_its_field(name: str, typed: str) -> None:
    scope, field = name.split(".")[:2]
    values, faults = read_values(places(scope, [field]), {name: [typed]}, ENGLISH, "AL")
    assert list(faults) == [f"{scope}.{field}"]
    assert typed not in faults[f"{scope}.{field}"]
    assert values == {}


@given(
    st.dictionaries(st.sampled_from([place.name for place in EVERY_PLACE]), st.lists(st.text(), max_size=3))
)
def test_whatever_is_typed_the_form_answers(typed: dict[str, list[str]]) -> None:
    values, faults = read_values(EVERY_PLACE, typed, ENGLISH, "AL")
    assert all(f"{scope}.{name}" not in faults for scope, fields in values.items() for name in fields)


def test_fields_that_the_node_fills_itself_stand_in_no_form() -> None:
    names = {place.name for place in EVERY_PLACE}
    assert not names & {"demographics.age_band", "demographics.track", "identity.photograph"}
