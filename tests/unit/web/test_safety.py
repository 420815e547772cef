from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iars_node.web.assets import assets
from iars_node.web.safety import form_token, own_path
from iars_node.web.visit import with_query


@pytest.mark.parametrize(
    "wanted",
    [
        "https://elsewhere.example/",
        "//elsewhere.example",
        "/\\elsewhere.example",
        "/a\\b",
        "javascript:alert(1)",
        "elsewhere",
        "/a\nSet-Cookie: x=1",
        "/" + "a" * 600,
        "",
    ],
)
def test_after_signing_in_nobody_is_led_to_another_site(wanted: str) -> None:
    assert own_path(wanted) == "/"


def test_after_signing_in_one_comes_back_to_where_one_was() -> None:
    assert own_path("/referrals?show=sent") == "/referrals?show=sent"


@given(st.text())
def test_wherever_a_link_wants_to_lead_it_leads_to_a_path_of_this_site(wanted: str) -> None:
    assert re.match(r"/(?![/\\])", own_path(wanted))


def test_forms_of_two_sessions_prove_different_things() -> None:
    assert form_token(b"one") != form_token(b"other")
    assert b"one".hex() not in form_token(b"one")


def test_what_is_empty_stands_in_no_address() -> None:
    assert with_query("/cases", show="", **{"from": "e.1"}) == "/cases?from=e.1"
    assert with_query("/cases", show="") == "/cases"


def test_the_sheets_stay_small_and_fetch_nothing_from_elsewhere() -> None:
    sheets = [asset for name, asset in assets().items() if name.endswith(".css")]
    assert sum(len(asset.content) for asset in sheets) < 40_000
    for asset in assets().values():
        outside = re.findall(rb"https?://[^\"')\s]+", asset.content)
        assert set(outside) <= {b"http://www.w3.org/2000/svg"}


def test_the_sheet_knows_no_left_and_no_right() -> None:
    sheet = assets()["style.css"].content.decode()
    assert re.findall(r"(?:margin|padding|border)-(?:left|right|top|bottom)\b", sheet) == []
    assert re.findall(r"[{;]\s*(?:left|right|top|bottom|width|height)\s*:", sheet) == []


def test_the_sheet_takes_its_colours_from_the_tokens() -> None:
    sheet = assets()["style.css"].content.decode()
    assert set(re.findall(r"#[0-9a-fA-F]{3,8}\b", sheet)) <= {"#ffffff", "#222222"}
