"""What each side records itself on the way: invented, short, and about the service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_admin.demo.traveller import AGE

if TYPE_CHECKING:
    from datetime import date

    from iars_protocol.record import Record

SCREENING_SAID = (
    (
        "medical",
        "Fit to travel with an escort. The cough is treated; an X-ray of the chest is without findings.",
    ),
    ("services", "Screening is complete; one visit was enough."),
)
RECEPTION_SAID = (
    (
        "services",
        "Reception, medical care and psychological support were given; follow-up near home is arranged.",
    ),
)
FOLLOW_UP_SAID = (
    ("psychosocial", "Six talks were held. She sleeps through most nights and has begun an evening course."),
    ("services", "Follow-up is complete; the door stays open."),
)


def after_screening(today: date) -> Record:
    """Return what the shelter writes into its own file after the mission has reported back."""
    return {
        "medical": {
            "screening_result": "needs-care",
            "screening_date": today.isoformat(),
            "fitness_to_travel": "fit-with-escort",
            "medical_notes": "Screened at the mission; treatment of the cough goes on in Moscow.",
        },
        "services": {"services_received": ["SHELTER", "INTERP", "MED-SCREEN"]},
    }


def in_moscow(today: date) -> Record:
    """Return what the centre records of its own: reception, medical care, psychological support."""
    return {
        "services": {
            "needs": [{"service": "FUP-PSY", "priority": "normal"}],
            "services_received": ["ARR-RECEPTION", "MED-CARE", "PSY-SUPPORT"],
            "constraints": ["women staff only"],
        },
        "demographics": {"citizenships": ["RU"], "languages": ["ru"], "gender": "Feminine"},
        "identity": {"birth_date": f"{today.year - 1 - AGE}-03-19"},
        "contact": {"phone": "+447700900998", "safe_channel": "phone", "safe_times": "mornings before ten"},
        "medical": {
            "screening_result": "fit",
            "screening_date": today.isoformat(),
            "conditions": ["chronic cough, healed"],
            "medical_notes": "Cough healed after ten days; exercises for the back are shown and done.",
        },
        "psychosocial": {
            "assessment": "Came to rest within two weeks; takes part in the cooking group and plans ahead.",
            "self_harm_risk": "low",
            "support_received": "Eight individual talks and a group in the centre.",
            "support_wanted": "Talks once a week in Kostroma, with a woman.",
        },
    }
