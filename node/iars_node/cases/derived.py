"""Fields that the node fills itself from others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iars_protocol.record import age_band

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from iars_protocol.record import Value

DERIVED_SCOPE = "demographics"
DERIVED_FROM = frozenset({"identity", DERIVED_SCOPE})


def derive(
    identity: Mapping[str, Value], demographics: Mapping[str, Value], country: str, today: date
) -> dict[str, Value]:
    """Return the derived fields of demographics; what can't be derived is absent."""
    found: dict[str, Value] = {}
    if band := current_age_band(identity, today):
        found["age_band"] = band
    if track := _track(demographics, country):
        found["track"] = track
    return found


def _track(demographics: Mapping[str, object], country: str) -> str | None:
    citizenships = demographics.get("citizenships")
    if isinstance(citizenships, list) and country in citizenships:
        return "national"
    return "third-country" if citizenships or demographics.get("stateless") is True else None


def track_here(demographics: Mapping[str, Any], there: str, here: str) -> dict[str, Any]:
    """Return demographics from another country's node with the track as it is from this one.

    A national of that country is taken for a third-country national here until citizenships say
    otherwise; who is a third-country national there may be a national here, so nothing is said.
    """
    seen = dict(demographics)
    track = seen.pop("track", None)
    if there != here:
        track = "third-country" if track == "national" else None
    track = _track(seen, here) or track
    return seen if track is None else seen | {"track": track}


def current_age_band(identity: Mapping[str, Value], today: date) -> str | None:
    """Return the age band on a day."""
    birth_date = identity.get("birth_date")
    return age_band(birth_date, today) if isinstance(birth_date, str) else None
