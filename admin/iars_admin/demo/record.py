"""One invented person's record, scope by scope."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_admin.demo import harm
from iars_admin.demo.harm import SCREENED
from iars_admin.demo.origins import is_latin
from iars_admin.demo.stories import TOWNS, Setting, Storyteller
from iars_admin.demo.writer import GROWN, HOME, Sketch, Writer

if TYPE_CHECKING:
    from iars_admin.demo.draw import Draw
    from iars_protocol.record import Record, Value

ALIASES = ("Lira", "Mare", "Noor", "Teo", "Ari", "Vita", "Sami", "Dea", "Luan", "Iris", "Mika", "Zana")

_SCHOOL_AGE = 6
_RETURNING = ("travel-arranged", "departed", "received", "resettled", "follow-up")


def record_of(draw: Draw, sketch: Sketch, number: str, stage: str, year: int) -> Record:
    """Return a person's record: all eleven scopes, none of them complete, as files are."""
    months = draw.number(2, 19)
    setting = Setting(
        gender=sketch.gender,
        place=draw.one(sketch.origin.places),
        there=sketch.there,
        transit=_country(draw.one(sketch.origin.transit)),
        town=draw.one(TOWNS),
        count=months,
    )
    writer = Writer(draw, sketch, number, stage, year, Storyteller(draw, setting), draw.below(11), months)
    found = {
        "services": _services(writer),
        "demographics": _demographics(writer),
        "identity": _identity(writer),
        "contact": _contact(writer),
        "legal": _legal(writer),
        "travel": _travel(writer),
        "family": _family(writer),
        "exploitation": harm.exploitation(writer),
        "medical": harm.medical(writer),
        "psychosocial": harm.psychosocial(writer),
        "safety": harm.safety(writer),
    }
    return {scope: fields for scope, fields in found.items() if fields}


def _country(code: str) -> str:
    # The account names a country as the person did; the field `transit_countries` holds codes.
    from babel import Locale  # noqa: PLC0415 - its tables are large, and only a demo's stories need them here

    return str(Locale("en").territories[code])


def _services(writer: Writer) -> dict[str, Value]:
    if writer.is_national:
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
    codes = writer.draw.some(wanted, 2, 4)
    if writer.sketch.is_minor and writer.sketch.age >= _SCHOOL_AGE:
        codes.append("EDU-CHILD")
    if writer.sketch.role == "alone":
        codes.append("FAM-TRACE")
    found: dict[str, Value] = {"needs": [_need(writer, code) for code in codes]}
    if writer.stage in SCREENED:
        found["services_received"] = writer.draw.some(
            ["SHELTER", "MED-SCREEN", "SOC-SUPPORT", "INTERP"], 1, 3
        )
    if writer.draw.chance(40):
        found["constraints"] = writer.tell.some("services", "constraints", 1, 2)
    return found


def _need(writer: Writer, code: str) -> dict[str, str]:
    is_emergency = code in ("SHELTER", "MED-CARE") and writer.draw.chance(25)
    priority = "emergency" if is_emergency else writer.draw.one(("urgent", "normal", "normal"))
    need = {"service": code, "priority": priority}
    if writer.draw.chance(15):
        need["needed_by"] = f"{writer.year + 1}-{writer.draw.number(1, 6):02}"
    return need


def _demographics(writer: Writer) -> dict[str, Value]:
    origin, age = writer.sketch.origin, writer.sketch.age
    found: dict[str, Value] = {
        "gender": writer.sketch.gender,
        "languages": _languages(writer),
        "education": _education(writer.draw, age),
    }
    citizenships = list(origin.citizenships)
    if origin.second_citizenship and writer.draw.chance(12):
        citizenships.append(origin.second_citizenship)
    if citizenships:
        found["citizenships"] = citizenships
    else:
        found["stateless"] = True
    if age >= GROWN:
        found["marital_status"] = writer.draw.one(
            ("single", "single", "married", "separated", "divorced", "partnership", "widowed")
        )
    return found


def _languages(writer: Writer) -> list[str]:
    first, *others = writer.sketch.origin.languages
    return [first, *writer.draw.some(others, 0, 2)]


def _education(draw: Draw, age: int) -> str:
    if age < _SCHOOL_AGE:
        return "ISCED0"
    if age < GROWN:
        return draw.one(("ISCED1", "ISCED2", "none"))
    return draw.one(("none", "ISCED1", "ISCED2", "ISCED2", "ISCED3", "ISCED3", "ISCED4", "ISCED6"))


def _identity(writer: Writer) -> dict[str, Value]:
    sketch, draw = writer.sketch, writer.draw
    found: dict[str, Value] = {
        "given_name": sketch.given,
        "family_name": sketch.family,
        "birth_date": _birth_date(writer),
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
        found["document_number"] = f"{draw.one('ABCEHKMPTX')}X{draw.number(1000, 9999)}{writer.number[-3:]}"
        found["document_country"] = sketch.origin.citizenships[0]
    return found


def _birth_date(writer: Writer) -> str:
    year = writer.year - writer.sketch.age
    month, day = writer.draw.number(1, 12), writer.draw.number(1, 28)
    form = writer.draw.one(("day", "day", "day", "day", "day", "month", "year", "about"))
    if writer.sketch.role == "child" or form == "day":
        return f"{year}-{month:02}-{day:02}"
    return {"month": f"{year}-{month:02}", "year": f"{year}", "about": f"{year}~"}[form]


def _contact(writer: Writer) -> dict[str, Value]:
    if writer.sketch.role == "child":
        return {"safe_channel": "organisation", "address": writer.tell.one("contact", "address")}
    found: dict[str, Value] = {
        "safe_channel": writer.draw.one(
            ("phone", "message", "in-person", "organisation", "organisation", "email")
        ),
        "safe_times": writer.tell.one("contact", "safe_times"),
        "address": writer.tell.one("contact", "address"),
        "phone": _phone(writer),
    }
    if found["safe_channel"] == "email":
        found["email"] = f"file-{writer.number[-3:]}@mail.example.org"
    if writer.draw.chance(15):
        found["do_not_contact"] = True
    return found


def _phone(writer: Writer) -> str:
    """Return a number that reaches nobody: of ranges kept for fiction, or that no operator was given."""
    last = int(writer.number[-3:])
    if writer.draw.chance(60):
        return f"+35560{writer.draw.number(10, 99)}{last:05}"
    return writer.draw.one((f"+447700900{last:03}", f"+3363998{last:04}"))


def _legal(writer: Writer) -> dict[str, Value]:
    found: dict[str, Value] = {}
    if writer.is_national:
        found["residence_status"] = "citizen"
    elif writer.sketch.origin.code in ("SY", "IQ", "stateless"):
        found["residence_status"] = writer.draw.one(("asylum-seeker", "asylum-seeker", "refugee"))
    else:
        found["residence_status"] = writer.draw.one(
            ("reflection-period", "reflection-period", "irregular", "regular")
        )
    if found["residence_status"] == "reflection-period":
        found["reflection_period_end"] = (
            f"{writer.year + 1}-{writer.draw.number(1, 4):02}-{writer.draw.number(1, 28):02}"
        )
    if writer.draw.chance(35) and not writer.sketch.is_minor:
        found["proceedings"] = writer.tell.some("legal", "proceedings", 1, 2)
        found["lawyer"] = writer.tell.one("legal", "lawyer")
    if not writer.is_national and writer.draw.chance(45):
        found["documents_missing"] = writer.draw.some(
            ["passport", "birth-certificate", "residence-permit"], 1, 2
        )
    return found


def _travel(writer: Writer) -> dict[str, Value]:
    origin = writer.sketch.origin
    found: dict[str, Value] = {
        "origin_place": writer.tell.setting.place,
        "transit_countries": writer.draw.some(origin.transit, 1, 3),
        "itinerary": writer.tell.one("travel", "itinerary"),
    }
    if origin.citizenships:
        found["origin_country"] = origin.citizenships[0]
    if writer.is_national or writer.stage in _RETURNING or writer.draw.chance(45):
        found["destination_country"] = origin.citizenships[0] if origin.citizenships else HOME
        found["destination_place"] = writer.draw.one(origin.places) if origin.citizenships else "Tirana"
    if writer.stage in _RETURNING:
        found["travel_document"] = writer.draw.one(("passport", "travel-document"))
        found["escort_needed"] = writer.sketch.is_minor or writer.draw.chance(20)
    return found


def _family(writer: Writer) -> dict[str, Value]:
    if writer.sketch.role == "child":
        return {"guardian": "the mother, in the same household", "unaccompanied": False}
    if writer.sketch.role == "alone":
        return {
            "guardian": writer.tell.one("family", "guardian"),
            "unaccompanied": True,
            "guardian_is_suspect": writer.draw.chance(25),
            "tracing_wanted": writer.draw.chance(60),
        }
    found: dict[str, Value] = {"children": writer.sketch.children}
    if writer.sketch.children:
        found["children_details"] = writer.tell.one("family", "children_details")
    if writer.draw.chance(30):
        found["dependants"] = writer.draw.number(1, 3)
    if writer.draw.chance(12):
        found["tracing_wanted"] = True
    return found
