"""Passing on, handovers and who holds what, as the command line shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from iars_node.referrals import service as referrals
from iars_node.referrals.handover_rules import FORMER_CONTROLLER, NEW_CONTROLLER, THEY_TAKE, YOU_LEAVE
from iars_node.referrals.model import HANDOVER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from iars_admin.session import Session
    from iars_admin.showing import Screen
    from iars_node.consent.onward_model import KeptPermission
    from iars_node.withdrawals.service import HandedOver
    from iars_node.withdrawals.service.matrix import Row

OnwardOption = Annotated[
    str, typer.Option("--onward", help="Pass the person on under this permission of another organisation.")
]
UnnamedOption = Annotated[
    bool,
    typer.Option("--recipient-unnamed", help="The person objects to the origin's knowing to whom."),
]

NOT_VISIBLE = "(passed on, not visible here)"
MATRIX_COLUMNS = {
    "organisation": "Organisation",
    "via_name": "Passed on by",
    "scope": "Scope",
    "state": "State",
    "since": "Since",
    "until": "Until",
    "stated_at": "Stated",
    "untold_name": "Not told yet",
    "consent_id": "Consent",
}
PERMISSION_COLUMNS = {
    "id": "Permission",
    "way": "",
    "organisation": "Organisation",
    "scopes": "Scopes",
    "purposes": "Purposes",
    "until": "Until",
    "ended_at": "Withdrawn",
}
HANDOVER_LABELS = {
    "organisation": "Handed over to",
    "accepted_at": "Accepted",
    "release_after": "Erased after",
    "released_at": "Erased",
    "kept": "Kept",
    "held": "Under a legal hold",
}


def matrix_entries(row: Row, names: Mapping[bytes, str]) -> list[dict[str, Any]]:
    """Return one line for each scope at a recipient, or one for what is not visible here."""
    common = {
        "organisation": _name(row.node, names) if row.node else NOT_VISIBLE,
        "node": row.node.hex(),
        "via": row.via.hex(),
        "via_name": _name(row.via, names) if row.via else "",
        "consent_id": row.consent_id,
        "grant_id": row.grant_id,
        "onward_id": row.onward_id,
        "until": row.until,
        "untold_to": row.untold_to.hex(),
        "untold_name": _name(row.untold_to, names) if row.untold_to else "",
    }
    if not row.cells:
        return [common | {"scope": "", "state": row.state, "since": row.since, "stated_at": None}]
    return [
        common
        | {
            "scope": cell.scope,
            "state": cell.state,
            "since": cell.since,
            "stated_at": cell.stated_at,
            "backups_expire": cell.backups_expire,
            "kept_until": cell.until,
            "ground": cell.ground,
        }
        for cell in row.cells
    ]


def permission_entry(kept: KeptPermission, names: Mapping[bytes, str]) -> dict[str, Any]:
    """Return an onward permission as it is shown."""
    return {
        "id": kept.id,
        "way": {"out": "given to", "in": "given by", "via": "shown, of"}[kept.way],
        "organisation": _name(kept.peer, names),
        "node": kept.peer.hex(),
        "case_id": kept.case_id,
        "consent_id": kept.consent_id,
        "grant_id": kept.grant_id,
        "scopes": list(kept.onward.scopes),
        "purposes": list(kept.onward.purposes),
        "kinds": list(kept.onward.classes),
        "named_recipients": len(kept.onward.recipients),
        "until": kept.onward.expires,
        "recorded_at": kept.recorded_at,
        "ended_at": kept.ended_at,
    }


def handover_entry(found: HandedOver, names: Mapping[bytes, str]) -> dict[str, Any]:
    """Return a handover as it is shown."""
    return {
        "referral_id": found.handover.referral_id,
        "case_id": found.handover.case_id,
        "organisation": _name(found.handover.peer, names),
        "node": found.handover.peer.hex(),
        "accepted_at": found.handover.accepted_at,
        "release_after": found.handover.release_after,
        "released_at": found.handover.released_at,
        "kept": [f"{each.scope}: {each.ground}, until {each.until.date()}" for each in found.kept],
        "held": [f"{scope}, until {until.date()}" for scope, until in found.held.items()],
    }


def show_rules(screen: Screen) -> None:
    """Say to the receiver what each side of a handover keeps and may not keep."""
    _say(screen, "This hands the whole case over to you", NEW_CONTROLLER)
    _say(screen, "What they keep", FORMER_CONTROLLER)


def show_rules_to_sender(screen: Screen) -> None:
    """Say to the sender, before it offers, what each side of a handover keeps and may not keep."""
    _say(screen, "This hands the whole case over to them", THEY_TAKE)
    _say(screen, "What stays with you", YOU_LEAVE)


def _say(screen: Screen, heading: str, sentences: Iterable[str]) -> None:
    screen.heading(heading)
    for sentence in sentences:
        screen.say(f"- {sentence}")


def ask_before_handover(session: Session, referral: str) -> None:
    """Say before a handover what each side keeps and may not keep, and ask."""
    with session.work("referral.read") as work:
        found = referrals.find(work, referral)
    if found.kind == HANDOVER:
        show_rules(session.screen)
        typer.confirm("Take the case over?", abort=True)


def _name(node: bytes, names: Mapping[bytes, str]) -> str:
    return names.get(node, node.hex()[:8])
