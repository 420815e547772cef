"""Fields that the node fills itself, and those that another country's node filled."""

from __future__ import annotations

import pytest

from iars_node.cases.derived import track_here


@pytest.mark.parametrize(
    ("received", "there", "track"),
    [
        ({"track": "third-country", "citizenships": ["RU"]}, "AL", "national"),
        ({"track": "national", "citizenships": ["AL"]}, "AL", "third-country"),
        ({"track": "national", "citizenships": ["AL", "RU"]}, "AL", "national"),
        ({"track": "third-country", "stateless": True}, "AL", "third-country"),
        ({"citizenships": ["MD"]}, "AL", "third-country"),
        ({"track": "national"}, "AL", "third-country"),
        ({"track": "third-country"}, "AL", None),
        ({"track": "third-country"}, "RU", "third-country"),
        ({"track": "national"}, "RU", "national"),
        ({}, "AL", None),
    ],
)
def test_who_is_a_national_is_said_from_this_nodes_country(
    received: dict[str, object], there: str, track: str | None
) -> None:
    seen = track_here({"gender": "Feminine", **received}, there, "RU")
    assert seen.get("track") == track
    assert {name: value for name, value in seen.items() if name != "track"} == {
        "gender": "Feminine",
        **{name: value for name, value in received.items() if name != "track"},
    }
