from __future__ import annotations

from collections import Counter
from unicodedata import name

import phonenumbers
import pytest

from iars_admin.demo.draw import Draw
from iars_admin.demo.origins import origins
from iars_admin.demo.people import NATIONALS, PEOPLE, SEED, Person, synthetic_year
from iars_node.cases.model import RELATIONS, STAGES
from iars_protocol.record import SCOPES, check_value

YEAR = 2025
FICTION = ("+447700900", "+3363998")


@pytest.fixture(scope="module")
def people() -> list[Person]:
    return synthetic_year(YEAR)


def citizenships(person: Person) -> list[str]:
    found = person.record["demographics"].get("citizenships", [])
    assert isinstance(found, list)
    return [str(code) for code in found]


def test_the_year_has_125_third_country_nationals_and_15_albanians(people: list[Person]) -> None:
    nationals = [person for person in people if "AL" in citizenships(person)]
    assert (len(people), len(nationals), len(people) - len(nationals)) == (140, 15, 125)
    assert (PEOPLE, NATIONALS) == (140, 15)


def test_every_person_has_something_in_each_of_the_eleven_scopes(people: list[Person]) -> None:
    assert len(SCOPES) == 11
    assert all(set(person.record) == set(SCOPES) for person in people)
    assert all(fields for person in people for fields in person.record.values())


def test_every_field_that_a_spreadsheet_can_fill_is_filled_for_somebody(people: list[Person]) -> None:
    filled = {
        (scope, field) for person in people for scope, fields in person.record.items() for field in fields
    }
    possible = {
        (scope.code, field.name)
        for scope in SCOPES.values()
        for field in scope.fields.values()
        if not field.derived and field.kind != "attachment"
    }
    # A second telephone is what nobody here has.
    assert possible - filled == {("contact", "other_phone")}


def test_every_value_has_the_form_of_its_field(people: list[Person]) -> None:
    for person in people:
        for scope, fields in person.record.items():
            for field, value in fields.items():
                assert not SCOPES[scope].fields[field].derived
                check_value(SCOPES[scope].fields[field], value)
        assert person.stage in STAGES


def test_names_stand_in_several_scripts_with_their_latin_form_beside_them(people: list[Person]) -> None:
    scripts: Counter[str] = Counter()
    for person in people:
        identity = person.record["identity"]
        scripts[name(str(identity["given_name"])[0]).split()[0]] += 1
        if not name(str(identity["given_name"])[0]).startswith("LATIN"):
            other = identity["other_names"]
            assert isinstance(other, list)
            assert str(other[0]).isascii()
    assert {"LATIN", "CYRILLIC", "ARABIC", "DEVANAGARI"} <= set(scripts)
    assert scripts["CYRILLIC"] > 20
    assert scripts["ARABIC"] >= 8


def test_no_two_people_have_the_same_name_account_telephone_or_document(people: list[Person]) -> None:
    for scope, field in (
        ("exploitation", "narrative"),
        ("contact", "phone"),
        ("identity", "document_number"),
    ):
        values = [person.record[scope][field] for person in people if field in person.record[scope]]
        assert len(values) > 60
        assert len(set(map(str, values))) == len(values)
    names = [
        (str(p.record["identity"]["given_name"]), str(p.record["identity"]["family_name"])) for p in people
    ]
    assert len(set(names)) == PEOPLE
    assert len({person.file_number for person in people}) == PEOPLE


def test_no_telephone_number_and_no_address_reaches_anybody(people: list[Person]) -> None:
    for person in people:
        contact = person.record["contact"]
        if phone := str(contact.get("phone", "")):
            is_valid = phonenumbers.is_valid_number(phonenumbers.parse(phone))
            assert not is_valid or phone.startswith(FICTION), person.file_number
        assert str(contact.get("email", "@mail.example.org")).endswith(".example.org")


def test_dates_are_whole_partial_and_estimated(people: list[Person]) -> None:
    forms = Counter(
        ("about " if date.endswith("~") else "") + str(date.count("-"))
        for date in (str(person.record["identity"]["birth_date"]) for person in people)
    )
    assert {"0", "1", "2", "about 0"} <= set(forms)
    assert all(count > 5 for form, count in forms.items() if form in ("0", "1", "2", "about 0"))


def test_what_happened_stands_in_its_order(people: list[Person]) -> None:
    for person in people:
        told = person.record["exploitation"]
        if "exploitation_from" in told:
            began, ended = str(told["exploitation_from"]), str(told["exploitation_to"])
            assert str(told["recruitment_date"])[:7] <= began[:7] <= ended[:7] <= f"{YEAR}-12"


def test_children_live_in_their_mothers_household_or_have_a_guardian(people: list[Person]) -> None:
    by_number = {person.file_number: person for person in people}
    children = [person for person in people if person.relation == "child"]
    assert len(children) >= 12
    for child in children:
        mother = by_number[child.household]
        assert (mother.relation, mother.household) == ("head", mother.file_number)
        assert mother.record["identity"]["family_name"] == child.record["identity"]["family_name"]
        assert mother.stage == child.stage
        assert int(str(mother.record["identity"]["birth_date"])[:4]) + 18 < int(
            str(child.record["identity"]["birth_date"])[:4]
        )
    alone = [person for person in people if person.record["family"].get("unaccompanied") is True]
    assert len(alone) >= 8
    assert all(person.record["family"]["guardian"] for person in alone)
    assert any(person.record["family"]["guardian_is_suspect"] is True for person in alone)
    assert {person.relation for person in people} <= {"", *RELATIONS}


def test_no_child_is_described_as_sexually_exploited(people: list[Person]) -> None:
    for person in people:
        born = int(str(person.record["identity"]["birth_date"])[:4])
        if YEAR - born < 18:
            assert "SexualExploitation" not in str(person.record["exploitation"].get("types", ""))


def test_one_person_is_the_traveller_of_the_journey(people: list[Person]) -> None:
    (traveller,) = [person for person in people if person.is_traveller]
    assert citizenships(traveller) == ["RU"]
    assert traveller.household == ""


def test_the_same_seed_tells_the_same_year_and_another_tells_another(people: list[Person]) -> None:
    assert synthetic_year(YEAR, SEED) == people
    other = synthetic_year(YEAR, "another seed")
    assert other != people
    assert sum("AL" in citizenships(person) for person in other) == NATIONALS
    assert len(synthetic_year(YEAR + 1)) == PEOPLE


def test_the_origins_add_up_to_the_year() -> None:
    assert sum(origin.people for origin in origins()) == PEOPLE
    assert next(origin.people for origin in origins() if origin.code == "AL") == NATIONALS


def test_branches_of_a_draw_do_not_disturb_each_other() -> None:
    first, second = Draw("seed"), Draw("seed")
    first.branch("one").below(10)
    assert [first.below(1000) for _ in range(5)] == [second.below(1000) for _ in range(5)]
    assert sorted(first.shuffled(range(20))) == list(range(20))
    assert set(first.some("abcde", 2, 3)) < set("abcde")
    drawn = Counter(first.weighted({"often": 9, "seldom": 1, "never": 0}) for _ in range(500))
    assert drawn["often"] > drawn["seldom"] > drawn["never"] == 0
