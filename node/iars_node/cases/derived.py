"""Fields that the node fills itself from others."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    citizenships = demographics.get("citizenships")
    if isinstance(citizenships, list) and country in citizenships:
        found["track"] = "national"
    elif citizenships or demographics.get("stateless") is True:
        found["track"] = "third-country"
    return found


def current_age_band(identity: Mapping[str, Value], today: date) -> str | None:
    """Return the age band on a day."""
    birth_date = identity.get("birth_date")
    return age_band(birth_date, today) if isinstance(birth_date, str) else None
