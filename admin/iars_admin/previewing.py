"""What a command shows before a person is referred: who is asked on what ground, what leaves when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iars_admin.sharing import show_rules_to_sender
from iars_node.accounts.access import readable_scopes
from iars_node.consent import service as consents
from iars_node.consent.receipt import number_of
from iars_node.errors import NotFoundError
from iars_node.peers import service as peers
from iars_node.referrals import service as referrals
from iars_node.referrals.handover_rules import THEY_TAKE, YOU_LEAVE
from iars_node.referrals.model import HANDOVER

if TYPE_CHECKING:
    from iars_admin.showing import Screen
    from iars_node.peers.model import Peer
    from iars_node.referrals.model import Line, Offering, Preview
    from iars_node.work import Work

LINE_COLUMNS = {"scope": "Scope", "field": "Field", "value": "Value"}
KEPT_COLUMNS = {**LINE_COLUMNS, "reason": "Why"}


def preview_entry(work: Work, offering: Offering, peer: Peer, preview: Preview) -> dict[str, Any]:
    """Return a preview as it is shown: values only in the scopes that the account may read."""
    readable = readable_scopes(work.actor)
    found: dict[str, Any] = {
        name: [_line(line, line.scope in readable) for line in lines]
        for name, lines in (
            ("at_offer", preview.at_offer),
            ("on_acceptance", preview.on_acceptance),
            ("never", preview.never),
        )
    }
    handover = {"they": list(THEY_TAKE), "you": list(YOU_LEAVE)} if preview.kind == HANDOVER else None
    origin = peers.get(work, preview.origin).name() if preview.origin else ""
    return found | {"origin": origin, "handover": handover, "asked": _asked(work, offering, peer)}


def _asked(work: Work, offering: Offering, peer: Peer) -> dict[str, Any]:
    """Return who is asked for what on which ground, and what a person may have overlooked."""
    earlier = [
        one.reference
        for one in referrals.of_case(work, offering.case_id)
        if one.is_open and one.peer == peer.node_id and one.service == offering.service
    ]
    return {
        "to": peer.name(),
        "service": offering.service,
        "lists_service": offering.service in peer.listing.services,
        "priority": offering.priority,
        "earlier": earlier,
        **_ground(work, offering),
    }


def _ground(work: Work, offering: Offering) -> dict[str, Any]:
    try:
        given = consents.get(work, offering.consent_id)
    except NotFoundError:
        # A recorded exception, or what another organisation permits.
        return {"consent": "", "consent_ends": None}
    return {"consent": number_of(given.id), "consent_ends": given.terms.expires.isoformat()}


def _line(line: Line, is_readable: bool) -> dict[str, Any]:  # noqa: FBT001 - said once, above
    value = line.value if is_readable else "(not shown to your role)"
    return {
        "scope": line.scope,
        "field": line.name,
        "value": value,
        "readable": is_readable,
        "reason": line.reason,
    }


def show_preview(screen: Screen, entry: dict[str, Any]) -> None:
    """Show a person who is asked on what ground, what would leave when, and what never does."""
    for sentence in _said(entry["asked"]):
        screen.say(sentence)
    if entry["origin"]:
        screen.say(f"The recipient learns that the person was first referred by {entry['origin']}.")
    for heading, name, columns in (
        ("Leaves now", "at_offer", LINE_COLUMNS),
        ("Leaves when they accept", "on_acceptance", LINE_COLUMNS),
        ("Stays here", "never", KEPT_COLUMNS),
    ):
        screen.heading(heading)
        screen.show_list(entry[name], columns, none="Nothing.")
    if entry["handover"]:
        show_rules_to_sender(screen)


def _said(asked: dict[str, Any]) -> list[str]:
    said = [f"{asked['to']} is asked for {asked['service']}, {asked['priority']}."]
    if asked["consent"]:
        said.append(f"It rests on the consent {asked['consent']}, which ends {asked['consent_ends'][:10]}.")
    if not asked["lists_service"]:
        said.append("They do not list this service.")
    if asked["earlier"]:
        said.append(f"They are asked for it already: {', '.join(asked['earlier'])}.")
    return said
