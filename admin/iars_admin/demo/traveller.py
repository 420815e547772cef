"""The person whose journey the demo plays: invented, written by hand, with something in every scope."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iars_protocol.record import Record

CALLED = "Polina"
AGE = 24


def traveller_record(year: int) -> Record:
    """Return what the shelter in Tirana has recorded when the journey begins."""
    return {
        "services": {
            "needs": [
                {"service": "SHELTER", "priority": "urgent"},
                {"service": "MED-SCREEN", "priority": "urgent"},
                {"service": "ARR-RECEPTION", "priority": "normal"},
                {"service": "MED-CARE", "priority": "normal"},
                {"service": "PSY-SUPPORT", "priority": "normal"},
            ],
            "services_received": ["SHELTER", "INTERP"],
            "constraints": ["women staff only", "interpreter by telephone only"],
        },
        "demographics": {
            "gender": "Feminine",
            "citizenships": ["RU"],
            "languages": ["ru", "en"],
            "education": "ISCED4",
            "marital_status": "single",
        },
        "identity": {
            "given_name": "Полина",
            "family_name": "Заречная",
            "other_names": ["Polina Zarechnaya"],
            "alias": "Mare",
            "birth_date": f"{year - AGE}-03~",
            "document_type": "passport",
            "document_number": "PX 440 209 17",
            "document_country": "RU",
        },
        "contact": {
            "phone": "+447700900999",
            "address": "care of the shelter, second floor",
            "safe_channel": "message",
            "safe_times": "weekdays after the language lesson, 16:00-18:00",
        },
        "legal": {
            "residence_status": "reflection-period",
            "reflection_period_end": f"{year + 1}-02-14",
            "proceedings": ["witness in a criminal investigation"],
            "lawyer": "legal clinic of the bar, room 12",
            "documents_missing": ["passport"],
        },
        "travel": {
            "origin_country": "RU",
            "origin_place": "Кострома",
            "transit_countries": ["TR", "GR"],
            "destination_country": "RU",
            "destination_place": "Кострома",
            "itinerary": "Flight from Tirana by way of Istanbul; train from Moscow when she is well enough.",
            "travel_document": "travel-document",
            "escort_needed": True,
        },
        "family": {
            "children": 1,
            "children_details": "A son of four lives with his grandmother; she telephones on Sundays.",
        },
        "exploitation": {
            "status": "ActualVictimOfTrafficking",
            "status_decided_by": "NGO",
            "types": ["ForcedLabour", "Servitude"],
            "means_of_control": ["DebtBondage", "WithholdsDocuments", "RestrictsMovement"],
            "recruitment_method": "online",
            "trafficker_relationship": "stranger",
            "recruitment_place": "Кострома",
            "recruitment_date": f"{year - 1}-09~",
            "exploitation_places": ["a farmhouse near Fier", "an olive press near Berat"],
            "exploitation_from": f"{year - 1}-10",
            "exploitation_to": f"{year}-08",
            "age_when_trafficked": AGE - 1,
            "narrative": (
                "She answered an offer of work in a guest house. The guest house did not exist; she cleaned "
                "and cooked on a farm, and a debt for the flight was written down against her each week. She "
                "left on foot on a Sunday, when the yard was empty; a bus driver brought her to the police."
            ),
        },
        "medical": {
            "screening_result": "not-screened",
            "conditions": ["back pain", "chronic cough"],
            "medication": ["ibuprofen when needed"],
            "pregnancy": "no",
            "fitness_to_travel": "not-assessed",
        },
        "psychosocial": {
            "assessment": "Sleeps badly; calm with a fixed daily order. Humour is one of her strengths.",
            "self_harm_risk": "low",
            "support_received": "Three talks with the shelter's psychologist.",
            "support_wanted": "Somebody to talk to after the return, in Russian.",
        },
        "safety": {
            "risk": "medium",
            "threats": "A man asked for her at the bus station in Fier.",
            "keep_away": ["the farm's foreman"],
            "retrafficking_risk": "medium",
            "shelter_location": "the house with the blue gate",
        },
    }
