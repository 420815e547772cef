"""The most sensitive scopes of an invented person's record: what happened, and how the person is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_admin.demo.stories import TOWNS, treatments

if TYPE_CHECKING:
    from iars_admin.demo.writer import Writer
    from iars_protocol.record import Value

_WOMEN = {
    "SexualExploitation": 52,
    "ForcedLabour": 22,
    "Servitude": 16,
    "ForcedMarriage": 5,
    "ForcedBegging": 5,
}
_MEN = {"ForcedLabour": 75, "ForcedCriminality": 14, "ForcedBegging": 11}
_MINORS = {"ForcedBegging": 50, "ChildLabour": 30, "ForcedCriminality": 20}
_METHODS = {
    "job-offer": 40,
    "relationship": 14,
    "family": 10,
    "online": 18,
    "smuggling": 12,
    "abduction": 1,
    "other": 5,
}
_KNOWN_AS = {
    "job-offer": "recruiter",
    "relationship": "partner",
    "family": "relative",
    "online": "stranger",
    "smuggling": "acquaintance",
    "abduction": "stranger",
    "other": "unknown",
}
_CONTROL = (
    "PhysicalThreats", "ThreatsLawEnforcement", "ThreatensChildrenFamily", "DebtBondage", "FalsePromises",
    "TakesEarnings", "RestrictsFinancialAccess", "RestrictsMedicalCare", "WithholdsNecessities",
    "PsychologicalAbuse", "ExcessiveWorkingHours", "WithholdsDocuments", "RestrictsMovement",
)  # fmt: skip
_STATUSES = ("ActualVictimOfTrafficking", "ActualVictimOfTrafficking", "PossibleVictimOfTrafficking")
_DECIDED_BY = ("NGO", "Police", "NonPoliceGovernmentalOrganization", "CourtOrProsecution")
_RISKS = ("low", "low", "medium", "medium", "high")
SCREENED = ("screened", "documented", "travel-arranged", "departed", "received", "resettled", "follow-up")
_YEAR_MONTHS = 12


def exploitation(writer: Writer) -> dict[str, Value]:
    """Return what happened: the account, and what of it is coded."""
    if writer.sketch.role == "child":
        return {"status": "PossibleVictimOfTrafficking", "status_decided_by": "NGO"}
    kinds = _MINORS if writer.sketch.is_minor else _MEN if writer.sketch.gender == "Masculine" else _WOMEN
    kind, method = writer.draw.weighted(kinds), writer.draw.weighted(_METHODS)
    found: dict[str, Value] = {
        "status": writer.draw.one(_STATUSES),
        "status_decided_by": writer.draw.one(_DECIDED_BY),
        "types": [kind],
        "means_of_control": writer.draw.some(_CONTROL, 1, 4),
        "recruitment_method": method,
        "trafficker_relationship": _KNOWN_AS[method],
        "recruitment_place": writer.tell.setting.place,
        "recruitment_date": _about(writer, writer.months + writer.draw.number(1, 3), 40),
        "exploitation_places": list(dict.fromkeys([writer.sketch.there, writer.draw.one(TOWNS)])),
        "exploitation_from": _about(writer, writer.months, 30),
        "exploitation_to": writer.month(0),
        "age_when_trafficked": writer.sketch.age - (writer.months > _YEAR_MONTHS) - writer.draw.below(2),
        "narrative": writer.tell.account(method, kind),
    }
    if writer.draw.chance(40):
        found["transit_places"] = [writer.tell.setting.transit]
    return found


def _about(writer: Writer, back: int, percent: int) -> str:
    return writer.month(back) + ("~" if writer.draw.chance(percent) else "")


def medical(writer: Writer) -> dict[str, Value]:
    """Return the state of health."""
    found: dict[str, Value] = {"screening_result": "not-screened", "fitness_to_travel": "not-assessed"}
    if writer.stage in SCREENED or writer.draw.chance(30):
        found = {
            "screening_result": writer.draw.one(("fit", "fit", "needs-care", "needs-care", "urgent-care")),
            "screening_date": f"{writer.year}-{min(writer.ended + 2, 12):02}-{writer.draw.number(1, 28):02}",
            "fitness_to_travel": writer.draw.one(
                ("fit", "fit", "fit-with-escort", "not-fit", "not-assessed")
            ),
            "medical_notes": " ".join(writer.tell.some("medical", "notes", 1, 3)),
        }
    if writer.draw.chance(65):
        conditions = writer.draw.some(list(treatments()), 1, 3)
        found["conditions"] = conditions
        if given := [treatments()[name] for name in conditions if treatments()[name]]:
            found["medication"] = given
    if writer.draw.chance(35):
        found["vaccinations"] = writer.tell.some("medical", "vaccinations", 1, 3)
    if writer.draw.chance(8):
        found["disability"] = writer.tell.some("medical", "disability", 1, 1)
    if writer.sketch.gender == "Feminine" and not writer.sketch.is_minor:
        found["pregnancy"] = writer.draw.one(("no", "no", "no", "no", "unknown", "yes"))
    return found


def psychosocial(writer: Writer) -> dict[str, Value]:
    """Return how the person is, and what support is wanted."""
    if writer.sketch.role == "child":
        return {
            "assessment": " ".join(writer.tell.some("child", "assessment", 2, 3)),
            "self_harm_risk": "low",
            "support_wanted": ", ".join(writer.tell.some("child", "support", 1, 2)),
        }
    return {
        "assessment": writer.tell.assessment(),
        "self_harm_risk": writer.draw.one(_RISKS),
        "support_received": writer.tell.received(),
        "support_wanted": writer.tell.wanted(),
    }


def safety(writer: Writer) -> dict[str, Value]:
    """Return what threatens, and where the person is safe."""
    found: dict[str, Value] = {
        "risk": writer.draw.one(_RISKS),
        "retrafficking_risk": writer.draw.one(_RISKS),
        "shelter_location": writer.tell.one("safety", "shelter_location"),
    }
    if writer.sketch.role != "child" and writer.draw.chance(70):
        found["threats"] = writer.tell.one("safety", "threats")
    if writer.draw.chance(35):
        found["keep_away"] = writer.tell.some("safety", "keep_away", 1, 2)
    return found
