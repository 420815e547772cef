"""What the person agrees to, three times: for the screening, for the return, for the follow-up at home."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node.consent.model import Recipient, Terms, Withheld
from iars_node.consent.service import default_scope

if TYPE_CHECKING:
    from datetime import datetime

    from iars_admin.demo.organisation import Organisation

LANGUAGE = "ru"


def for_screening(mission: Organisation, now: datetime) -> Terms:
    """To the mission: what a physician needs, and not the number of her passport."""
    return Terms(
        purposes=("assistance",),
        scopes=tuple(default_scope(code) for code in ("services", "demographics", "identity", "medical")),
        recipients=(Recipient(node=mission.node_id.hex()),),
        expires=now + timedelta(days=30),
        notice_language=LANGUAGE,
        how_obtained="verbal",
        with_interpreter=True,
        feedback=("services", "medical"),
        withheld=(Withheld("identity", ("document_type", "document_number", "document_country")),),
        retention_days=90,
        reasons="She does not want her passport's number in more files than needed.",
    )


def for_return(centre: Organisation, now: datetime) -> Terms:
    """To the centre: what the return and care in Moscow need; her account and the shelter's house stay."""
    scopes = (
        "services", "demographics", "identity", "contact", "travel", "medical", "psychosocial",
        "exploitation", "safety",
    )  # fmt: skip
    return Terms(
        purposes=("return", "assistance"),
        scopes=tuple(default_scope(code) for code in scopes),
        recipients=(Recipient(node=centre.node_id.hex()),),
        expires=now + timedelta(days=180),
        notice_language=LANGUAGE,
        how_obtained="written",
        paper="In the safe of the organisation that asked her.",
        with_interpreter=True,
        feedback=("services",),
        withheld=(
            Withheld("exploitation", ("narrative", "exploitation_places", "recruitment_place")),
            Withheld("safety", ("shelter_location",)),
            Withheld("contact", ("address",)),
        ),
        reasons="She has told it once and does not want to be asked again by everybody.",
    )


def for_follow_up(local: Organisation, now: datetime) -> Terms:
    """To the local organisation: less than the centre knows. Her family name stays, and all that happened."""
    return Terms(
        purposes=("follow-up",),
        scopes=(
            default_scope("services"),
            replace(default_scope("demographics"), only=("age_band", "track", "gender", "languages")),
            replace(default_scope("identity"), only=("given_name", "alias")),
            replace(default_scope("contact"), only=("phone", "safe_channel", "safe_times")),
            replace(default_scope("psychosocial"), only=("assessment", "support_wanted")),
        ),
        recipients=(Recipient(node=local.node_id.hex()),),
        expires=now + timedelta(days=120),
        notice_language=LANGUAGE,
        how_obtained="written",
        paper="In the safe of the organisation that asked her.",
        feedback=("services", "psychosocial"),
        withheld=(Withheld("psychosocial", ("self_harm_risk",)),),
        retention_days=180,
        reasons="At home she wants to be known by her first name.",
    )
