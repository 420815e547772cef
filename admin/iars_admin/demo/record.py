"""One invented person's record, scope by scope."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from iars_admin.demo.origins import Origin, is_latin
from iars_admin.demo.stories import Setting, Storyteller, treatments

if TYPE_CHECKING:
    from iars_admin.demo.draw import Draw
    from iars_protocol.record import Record, Value

HOME = "AL"
TOWNS = ("Tirana", "Durrës", "Elbasan", "Vlorë")
ALIASES = ("Lira", "Mare", "Noor", "Teo", "Ari", "Vita", "Sami", "Dea", "Luan", "Iris", "Mika", "Zana")

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
_CONTROL = (
    "PhysicalThreats", "ThreatsLawEnforcement", "ThreatensChildrenFamily", "DebtBondage", "FalsePromises",
    "TakesEarnings", "RestrictsFinancialAccess", "RestrictsMedicalCare", "WithholdsNecessities",
    "PsychologicalAbuse", "ExcessiveWorkingHours", "WithholdsDocuments", "RestrictsMovement",
)  # fmt: skip
_KNOWN_BY = {
    "job-offer": "recruiter", "relationship": "partner", "family": "relative", "online": "stranger",
    "smuggling": "acquaintance", "abduction": "stranger", "other": "unknown",
}  # fmt: skip
_RISKS = ("low", "low", "medium", "medium", "high")
_GROWN = 18
_SCHOOL_AGE = 6
_SCREENED = ("screened", "documented", "travel-arranged", "departed", "received", "resettled", "follow-up")
_RETURNING = ("travel-arranged", "departed", "received", "resettled", "follow-up")


@dataclass(frozen=True, slots=True)
class Sketch:
    """Who a person is, before the record is written. `role`: mother, child, alone (a child), adult."""

    origin: Origin = field(repr=False)
    role: str
    gender: str
    age: int
    given: str = field(repr=False)
    family: str = field(repr=False)
    children: int
    there: str

    @property
    def is_minor(self) -> bool:
        """Whether the person is a child."""
        return self.age < _GROWN


@dataclass(frozen=True, slots=True)
class _Writer:
    draw: Draw
    sketch: Sketch
    number: str
    stage: str
    year: int
    tell: Storyteller
    # The month in which the exploitation ended, counted from the year's first.
    ended: int
    months: int

    @property
    def is_national(self) -> bool:
        return self.sketch.origin.code == HOME

    def month(self, back: int) -> str:
        """Return a month so many months before the end."""
        months = self.year * 12 + self.ended - back
        return f"{months // 12}-{months % 12 + 1:02}"


def record_of(draw: Draw, sketch: Sketch, number: str, stage: str, year: int) -> Record:
    """Return a person's record: all eleven scopes, none of them complete, as files are."""
    months = draw.number(2, 19)
    setting = Setting(
        sketch.gender, draw.one(sketch.origin.places), sketch.there, _country(draw.one(sketch.origin.transit)),
        draw.one(TOWNS), months,
    )  # fmt: skip
    writer = _Writer(draw, sketch, number, stage, year, Storyteller(draw, setting), draw.below(11), months)
    found = {
        "services": _services(writer),
        "demographics": _demographics(writer),
        "identity": _identity(writer),
        "contact": _contact(writer),
        "legal": _legal(writer),
        "travel": _travel(writer),
        "family": _family(writer),
        "exploitation": _exploitation(writer),
        "medical": _medical(writer),
        "psychosocial": _psychosocial(writer),
        "safety": _safety(writer),
    }
    return {scope: fields for scope, fields in found.items() if fields}


def _country(code: str) -> str:
    # The account names a country as the person did; the field `transit_countries` holds codes.
    from babel import Locale  # noqa: PLC0415 - its tables are large, and only a demo's stories need them here

    return str(Locale("en").territories[code])


def _services(w: _Writer) -> dict[str, Value]:
    if w.is_national:
        wanted = [
            "SHELTER",
            "SOC-SUPPORT",
            "RI-ASSIST",
            "RI-TRAIN",
            "RI-COUNSEL",
            "LEG-SUPPORT",
            "PSY-SUPPORT",
        ]
    else:
        wanted = ["SHELTER", "MED-SCREEN", "TRN-ASSIST", "RET-REPAT", "DOC-ID", "INTERP", "LEG-SUPPORT",
                  "PSY-SUPPORT", "MED-CARE", "FIN-REINTEGRATE"]  # fmt: skip
    codes = w.draw.some(wanted, 2, 4)
    if w.sketch.is_minor and w.sketch.age >= _SCHOOL_AGE:
        codes.append("EDU-CHILD")
    if w.sketch.role == "alone":
        codes.append("FAM-TRACE")
    found: dict[str, Value] = {"needs": [_need(w, code) for code in codes]}
    if w.stage in _SCREENED:
        found["services_received"] = w.draw.some(["SHELTER", "MED-SCREEN", "SOC-SUPPORT", "INTERP"], 1, 3)
    if w.draw.chance(40):
        found["constraints"] = w.tell.some("services", "constraints", 1, 2)
    return found


def _need(w: _Writer, code: str) -> dict[str, str]:
    is_emergency = code in ("SHELTER", "MED-CARE") and w.draw.chance(25)
    priority = "emergency" if is_emergency else w.draw.one(("urgent", "normal", "normal"))
    need = {"service": code, "priority": priority}
    if w.draw.chance(15):
        need["needed_by"] = f"{w.year + 1}-{w.draw.number(1, 6):02}"
    return need


def _demographics(w: _Writer) -> dict[str, Value]:
    origin, age = w.sketch.origin, w.sketch.age
    found: dict[str, Value] = {
        "gender": w.sketch.gender,
        "languages": _languages(w),
        "education": _education(w.draw, age),
    }
    citizenships = list(origin.citizenships)
    if origin.second_citizenship and w.draw.chance(12):
        citizenships.append(origin.second_citizenship)
    if citizenships:
        found["citizenships"] = citizenships
    else:
        found["stateless"] = True
    if age >= _GROWN:
        found["marital_status"] = w.draw.one(
            ("single", "single", "married", "separated", "divorced", "partnership", "widowed")
        )
    return found


def _languages(w: _Writer) -> list[str]:
    first, *others = w.sketch.origin.languages
    return [first, *w.draw.some(others, 0, 2)]


def _education(draw: Draw, age: int) -> str:
    if age < _SCHOOL_AGE:
        return "ISCED0"
    if age < _GROWN:
        return draw.one(("ISCED1", "ISCED2", "none"))
    return draw.one(("none", "ISCED1", "ISCED2", "ISCED2", "ISCED3", "ISCED3", "ISCED4", "ISCED6"))


def _identity(w: _Writer) -> dict[str, Value]:
    sketch, draw = w.sketch, w.draw
    found: dict[str, Value] = {
        "given_name": sketch.given,
        "family_name": sketch.family,
        "birth_date": _birth_date(w),
    }
    if not is_latin(sketch.given + sketch.family):
        found["other_names"] = [
            f"{sketch.origin.in_latin(sketch.given)} {sketch.origin.in_latin(sketch.family)}"
        ]
    if draw.chance(25):
        found["alias"] = draw.one(ALIASES)
    kinds = ("passport", "passport", "identity-card", "birth-certificate", "travel-document", "none")
    kind = draw.one(kinds) if sketch.age >= _SCHOOL_AGE else draw.one(("birth-certificate", "none"))
    found["document_type"] = kind
    if kind != "none" and sketch.origin.citizenships:
        # The ending is the file's own number, so that no two documents are equal.
        found["document_number"] = f"{draw.one('ABCEHKMPTX')}X{draw.number(1000, 9999)}{w.number[-3:]}"
        found["document_country"] = sketch.origin.citizenships[0]
    return found


def _birth_date(w: _Writer) -> str:
    year = w.year - w.sketch.age
    month, day = w.draw.number(1, 12), w.draw.number(1, 28)
    form = w.draw.one(("day", "day", "day", "day", "day", "month", "year", "about"))
    if w.sketch.role == "child" or form == "day":
        return f"{year}-{month:02}-{day:02}"
    return {"month": f"{year}-{month:02}", "year": f"{year}", "about": f"{year}~"}[form]


def _contact(w: _Writer) -> dict[str, Value]:
    if w.sketch.role == "child":
        return {"safe_channel": "organisation", "address": w.tell.one("contact", "address")}
    found: dict[str, Value] = {
        "safe_channel": w.draw.one(
            ("phone", "message", "in-person", "organisation", "organisation", "email")
        ),
        "safe_times": w.tell.one("contact", "safe_times"),
        "address": w.tell.one("contact", "address"),
        "phone": _phone(w),
    }
    if found["safe_channel"] == "email":
        found["email"] = f"file-{w.number[-3:]}@mail.example.org"
    if w.draw.chance(15):
        found["do_not_contact"] = True
    return found


def _phone(w: _Writer) -> str:
    """Return a number that reaches nobody: from ranges kept for films and books, or that no operator was given."""
    last = int(w.number[-3:])
    if w.draw.chance(60):
        return f"+35560{w.draw.number(10, 99)}{last:05}"
    return w.draw.one((f"+447700900{last:03}", f"+3363998{last:04}"))


def _legal(w: _Writer) -> dict[str, Value]:
    found: dict[str, Value] = {}
    if w.is_national:
        found["residence_status"] = "citizen"
    elif w.sketch.origin.code in ("SY", "IQ", "stateless"):
        found["residence_status"] = w.draw.one(("asylum-seeker", "asylum-seeker", "refugee"))
    else:
        found["residence_status"] = w.draw.one(
            ("reflection-period", "reflection-period", "irregular", "regular")
        )
    if found["residence_status"] == "reflection-period":
        found["reflection_period_end"] = f"{w.year + 1}-{w.draw.number(1, 4):02}-{w.draw.number(1, 28):02}"
    if w.draw.chance(35) and not w.sketch.is_minor:
        found["proceedings"] = w.tell.some("legal", "proceedings", 1, 2)
        found["lawyer"] = w.tell.one("legal", "lawyer")
    if not w.is_national and w.draw.chance(45):
        found["documents_missing"] = w.draw.some(["passport", "birth-certificate", "residence-permit"], 1, 2)
    return found


def _travel(w: _Writer) -> dict[str, Value]:
    origin = w.sketch.origin
    found: dict[str, Value] = {
        "origin_place": w.tell.setting.place,
        "transit_countries": w.draw.some(origin.transit, 1, 3),
        "itinerary": w.tell.one("travel", "itinerary"),
    }
    if origin.citizenships:
        found["origin_country"] = origin.citizenships[0]
    if w.is_national or w.stage in _RETURNING or w.draw.chance(45):
        found["destination_country"] = origin.citizenships[0] if origin.citizenships else HOME
        found["destination_place"] = w.draw.one(origin.places) if origin.citizenships else "Tirana"
    if w.stage in _RETURNING:
        found["travel_document"] = w.draw.one(("passport", "travel-document"))
        found["escort_needed"] = w.sketch.is_minor or w.draw.chance(20)
    return found


def _family(w: _Writer) -> dict[str, Value]:
    if w.sketch.role == "child":
        return {"guardian": "the mother, in the same household", "unaccompanied": False}
    if w.sketch.role == "alone":
        return {
            "guardian": w.tell.one("family", "guardian"),
            "unaccompanied": True,
            "guardian_is_suspect": w.draw.chance(25),
            "tracing_wanted": w.draw.chance(60),
        }
    found: dict[str, Value] = {"children": w.sketch.children}
    if w.sketch.children:
        found["children_details"] = w.tell.one("family", "children_details")
    if w.draw.chance(30):
        found["dependants"] = w.draw.number(1, 3)
    if w.draw.chance(12):
        found["tracing_wanted"] = True
    return found


def _exploitation(w: _Writer) -> dict[str, Value]:
    if w.sketch.role == "child":
        return {"status": "PossibleVictimOfTrafficking", "status_decided_by": "NGO"}
    kinds = _MINORS if w.sketch.is_minor else _MEN if w.sketch.gender == "Masculine" else _WOMEN
    kind, method = w.draw.weighted(kinds), w.draw.weighted(_METHODS)
    found: dict[str, Value] = {
        "status": w.draw.one(
            ("ActualVictimOfTrafficking", "ActualVictimOfTrafficking", "PossibleVictimOfTrafficking")
        ),
        "status_decided_by": w.draw.one(
            ("NGO", "Police", "NonPoliceGovernmentalOrganization", "CourtOrProsecution")
        ),
        "types": [kind],
        "means_of_control": w.draw.some(_CONTROL, 1, 4),
        "recruitment_method": method,
        "trafficker_relationship": _KNOWN_BY[method],
        "recruitment_place": w.tell.setting.place,
        "recruitment_date": w.month(w.months + w.draw.number(1, 3)) + ("~" if w.draw.chance(40) else ""),
        "exploitation_places": list(dict.fromkeys([w.sketch.there, w.draw.one(TOWNS)])),
        "exploitation_from": w.month(w.months) + ("~" if w.draw.chance(30) else ""),
        "exploitation_to": w.month(0),
        "age_when_trafficked": w.sketch.age - (w.months > 12) - w.draw.below(2),  # noqa: PLR2004 - a year's months
        "narrative": w.tell.account(method, kind),
    }
    if w.draw.chance(40):
        found["transit_places"] = [w.tell.setting.transit]
    return found


def _medical(w: _Writer) -> dict[str, Value]:
    found: dict[str, Value] = {"screening_result": "not-screened", "fitness_to_travel": "not-assessed"}
    if w.stage in _SCREENED or w.draw.chance(30):
        found = {
            "screening_result": w.draw.one(("fit", "fit", "needs-care", "needs-care", "urgent-care")),
            "screening_date": f"{w.year}-{min(w.ended + 2, 12):02}-{w.draw.number(1, 28):02}",
            "fitness_to_travel": w.draw.one(("fit", "fit", "fit-with-escort", "not-fit", "not-assessed")),
            "medical_notes": " ".join(w.tell.some("medical", "notes", 1, 3)),
        }
    if w.draw.chance(65):
        conditions = w.draw.some(list(treatments()), 1, 3)
        found["conditions"] = conditions
        if given := [treatments()[name] for name in conditions if treatments()[name]]:
            found["medication"] = given
    if w.draw.chance(35):
        found["vaccinations"] = w.tell.some("medical", "vaccinations", 1, 3)
    if w.draw.chance(8):
        found["disability"] = w.tell.some("medical", "disability", 1, 1)
    if w.sketch.gender == "Feminine" and not w.sketch.is_minor:
        found["pregnancy"] = w.draw.one(("no", "no", "no", "no", "unknown", "yes"))
    return found


def _psychosocial(w: _Writer) -> dict[str, Value]:
    if w.sketch.role == "child":
        return {
            "assessment": " ".join(w.tell.some("child", "assessment", 2, 3)),
            "self_harm_risk": "low",
            "support_wanted": ", ".join(w.tell.some("child", "support", 1, 2)),
        }
    return {
        "assessment": w.tell.assessment(),
        "self_harm_risk": w.draw.one(_RISKS),
        "support_received": w.tell.received(),
        "support_wanted": w.tell.wanted(),
    }


def _safety(w: _Writer) -> dict[str, Value]:
    found: dict[str, Value] = {
        "risk": w.draw.one(_RISKS),
        "retrafficking_risk": w.draw.one(_RISKS),
        "shelter_location": w.tell.one("safety", "shelter_location"),
    }
    if w.sketch.role != "child" and w.draw.chance(70):
        found["threats"] = w.tell.one("safety", "threats")
    if w.draw.chance(35):
        found["keep_away"] = w.tell.some("safety", "keep_away", 1, 2)
    return found
