from __future__ import annotations

from datetime import date

import pytest
from tests.specimens import RECORD, grant

from iars_protocol.consent import ScopeGrant
from iars_protocol.errors import DisclosureError, FieldError
from iars_protocol.record import (
    KINDS,
    SCOPES,
    SERVICES,
    VOCABULARIES,
    age_band,
    check_disclosed,
    check_value,
    cut,
    withheld,
)
from iars_protocol.values import check_unknown

ACCEPTED: dict[str, list[object]] = {
    "text": ["a", "Strehëza", "x" * 500, "two\nlines\tand a tab"],
    "long-text": ["x" * 20_000],
    "words": [["a", "b"]],
    "date": ["2003", "2003-05", "2003-05-31", "2003~", "2004-02-29~", "0001"],
    "number": [0, 1_000_000],
    "flag": [True, False],
    "code": ["Feminine"],
    "codes": [["SHELTER"], ["SHELTER", "MED-SCREEN"]],
    "country": ["AL"],
    "countries": [["AL", "RU"]],
    "language": ["sq", "sqi"],
    "languages": [["sq", "en"]],
    "phone": ["+35542222222"],
    "email": ["a@b.al"],
    "needs": [
        [{"service": "SHELTER", "priority": "urgent"}],
        [{"service": "SHELTER", "priority": "normal", "needed_by": "2026-05"}],
    ],
    "attachment": ["0a" * 16],
}
REFUSED: dict[str, list[object]] = {
    "text": ["", "x" * 501, 1, None, b"a", ["a"], "a\x00b", "\x7f", "\ud800"],
    "long-text": ["", "x" * 20_001],
    "words": ["a", [], ["a", "a"], [1], ["x"] * 101, [["a"]]],
    "date": [
        "",
        "3",
        "2003-13",
        "2003-02-30",
        "0000",
        "2003-5",
        "2003-05-31T00",
        "~",
        2003,
        "٢٠٠٣",
        "2003~~",
        "2003\n",
    ],
    "number": [-1, 1_000_001, True, 1.0, "1"],
    "flag": [0, 1, "true", None],
    "code": ["feminine", "", [], {}, None, 1],
    "codes": [[], ["NOPE"], ["SHELTER", "SHELTER"], "SHELTER", [[]], [{}]],
    "country": ["al", "ALB", "A1", "ÄB", []],
    "countries": [["al"], "AL", []],
    "language": ["SQ", "s", "sqix", []],
    "languages": [["SQ"], []],
    "phone": ["00355422", "+0355422222", "+355 42", "+1", "+١٢٣٤٥٦٧٨", []],
    "email": ["a", "a@", "@b", "a b@c", "a@b@c", "a\x00@b", []],
    "needs": [
        [{"service": "SHELTER"}],
        [{"service": "NOPE", "priority": "urgent"}],
        [{"service": "SHELTER", "priority": "now"}],
        [{"service": [], "priority": "urgent"}],
        [{"service": "SHELTER", "priority": {}}],
        [{"service": "SHELTER", "priority": "urgent", "needed_by": "soon"}],
        [{"service": "SHELTER", "priority": "urgent", "more": 1}],
        ["SHELTER"],
        [],
        {},
    ],
    "attachment": ["0A" * 16, "0a" * 15, 1],
}


def field_of(kind: str) -> tuple[str, str]:
    codes = {"code": "gender", "codes": "service"}.get(kind, "")
    for scope in SCOPES.values():
        for field in scope.fields.values():
            if field.kind == kind and codes in (field.codes, ""):
                return scope.code, field.name
    raise AssertionError(kind)


USED = {field.kind for scope in SCOPES.values() for field in scope.fields.values()}


@pytest.mark.parametrize(
    ("kind", "value"), [(kind, value) for kind in sorted(USED) for value in ACCEPTED[kind]]
)
def test_a_sound_value_of_each_kind_passes(kind: str, value: object) -> None:
    scope, name = field_of(kind)
    assert check_value(SCOPES[scope].fields[name], value) == value


@pytest.mark.parametrize(
    ("kind", "value"), [(kind, value) for kind in sorted(USED) for value in REFUSED[kind]]
)
def test_a_value_of_another_form_is_refused_without_being_repeated(kind: str, value: object) -> None:
    scope, name = field_of(kind)
    with pytest.raises(FieldError) as refusal:
        check_value(SCOPES[scope].fields[name], value)
    assert str(refusal.value).startswith("accepted: ")


def test_every_kind_has_its_examples() -> None:
    assert ACCEPTED.keys() == REFUSED.keys() == KINDS


def test_the_vocabularies_hang_together() -> None:
    for scope in SCOPES.values():
        assert set(scope.at_offer) <= scope.fields.keys()
        assert 1 <= scope.level <= 5
        for field in scope.fields.values():
            assert field.kind in KINDS
            assert (field.kind in ("code", "codes")) == bool(field.codes)
            assert not field.codes or field.codes in VOCABULARIES
            check_unknown(field.name, "")
            assert field.name not in ("texts", "attachments")
    for service in SERVICES.values():
        assert service.purpose in VOCABULARIES["purpose"]


@pytest.mark.parametrize(
    ("birth", "band"),
    [
        ("2008-03-02", "18-20"),
        ("2008-03-03", "9-17"),
        ("2008-03", "18-20"),
        ("2008", "9-17"),
        ("2007~", "18-20"),
        ("1950", "48+"),
        ("2026-03-02", "0-8"),
        ("2026-03-03", None),
        ("2030", None),
    ],
)
def test_the_age_band_follows_from_a_partial_date(birth: str, band: str | None) -> None:
    assert age_band(birth, date(2026, 3, 2)) == band


def test_the_cut_at_the_offer_holds_what_the_grant_names_for_it() -> None:
    assert cut(RECORD, grant(), "offer") == {
        "services": RECORD["services"],
        "demographics": {"age_band": "21-23", "track": "national"},
    }


def test_the_cut_on_acceptance_leaves_out_what_is_withheld_or_not_named() -> None:
    assert cut(RECORD, grant(), "acceptance") == {
        "services": RECORD["services"],
        "demographics": {"age_band": "21-23", "track": "national", "gender": "Feminine"},
        "identity": {"given_name": "Mira", "birth_date": "2003~"},
    }


def test_what_never_leaves_is_the_rest_of_the_record() -> None:
    assert withheld(RECORD, grant()) == {
        "demographics": {"citizenships": ["AL"]},
        "identity": {"family_name": "Example"},
        "medical": RECORD["medical"],
    }


def test_the_receiver_passes_exactly_the_cut() -> None:
    for step in ("offer", "acceptance"):
        check_disclosed(cut(RECORD, grant(), step), grant(), step)
    outside: list[dict[str, dict[str, object]]] = [
        {"medical": {"conditions": ["asthma"]}},
        {"demographics": {"citizenships": ["AL"]}},
        {"identity": {"family_name": "x"}},
        {"nonsense": {}},
    ]
    for content in outside:
        with pytest.raises(DisclosureError):
            check_disclosed(content, grant(), "acceptance")
    with pytest.raises(DisclosureError):
        check_disclosed({"demographics": {"gender": "Feminine"}}, grant(), "offer")


def test_a_scope_outside_the_grant_is_not_named_in_the_error() -> None:
    with pytest.raises(DisclosureError) as refusal:
        check_disclosed({"Mira from Elbasan": {}}, grant(), "offer")
    assert "Mira" not in str(refusal.value)


def test_a_known_field_inside_the_grant_still_needs_its_form() -> None:
    with pytest.raises(FieldError):
        check_disclosed({"demographics": {"age_band": "old"}}, grant(), "offer")


def test_a_field_of_a_newer_version_survives_inside_its_scope() -> None:
    check_disclosed({"services": {"newer": {"any": [1, True, "text"]}}}, grant(), "offer")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("newer", b"bytes"),
        ("newer", None),
        ("newer", ["a\x00"]),
        ("newer", {"a": [{"b": None}]}),
        ("newer", {"\x00": 1}),
        ("newer", "x" * 20_001),
        ("", 1),
        ("A", 1),
        ("a-b", 1),
        ("x" * 65, 1),
        ("a\n", 1),
    ],
)
def test_an_unknown_field_that_would_be_harmful_to_keep_is_refused(name: str, value: object) -> None:
    with pytest.raises(FieldError):
        check_disclosed({"services": {name: value}}, grant(), "offer")


def test_only_the_fields_named_are_allowed_where_some_are_named() -> None:
    scope = ScopeGrant("identity", "offer", only=("alias",), withheld=("alias",))
    assert not scope.allows("alias", "acceptance")
    assert not scope.allows("given_name", "acceptance")
    assert ScopeGrant("identity", "offer").allows("alias", "offer")
