"""What a newer version of a consent does not reach, or takes back, as the command line shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iars_node.peers import service as peers
from iars_node.referrals import service as referrals

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from iars_admin.showing import Screen
    from iars_node.consent.model import Consent
    from iars_node.withdrawals.service import Foreseen
    from iars_node.work import Work

OUTLIVED_COLUMNS = {
    "reference": "Referral",
    "organisation": "With",
    "ends_at": "Ends",
    "again": "To go on longer",
}


def outlived_entries(work: Work, given: Consent) -> list[dict[str, Any]]:
    """Return the open referrals that a consent's renewal does not prolong, each with what to do."""
    names = {peer.node_id: peer.name() for peer in peers.every(work)}
    return [
        {
            "referral_id": each.referral.id,
            "reference": each.referral.reference,
            "organisation": names.get(each.referral.peer, each.referral.peer.hex()[:8]),
            "ends_at": each.ends_at,
            "agreed_until": each.agreed_until,
            "again": f"iars referral send {each.referral.case_id} --to {each.referral.peer.hex()} "
            f"--service {each.referral.service} --consent {each.consent_id}",
        }
        for each in referrals.outlived_under(work, given.id)
    ]


def show_outlived(screen: Screen, entries: Sequence[dict[str, Any]]) -> None:
    """Say which open referrals still end on their old day."""
    if not entries:
        return
    screen.heading("Still ends on its old day")
    screen.say(
        f"{len(entries)} open referrals end before the consent does: what was signed for them can't be "
        "prolonged. Refer once more where help is to go on; it is the same person there."
    )
    screen.show_list(entries, OUTLIVED_COLUMNS, none="None.")


def show_foreseen(screen: Screen, work: Work, found: Iterable[Foreseen]) -> None:
    """Say what a narrowing takes back, and from whom."""
    names = {peer.node_id: peer.name() for peer in peers.every(work)}
    lines = [line for each in found for line in _lines(names.get(each.peer, each.peer.hex()[:8]), each)]
    screen.heading("What this takes back")
    for line in lines or ["Nothing: nobody received what goes."]:
        screen.say(f"- {line}")


def _lines(name: str, each: Foreseen) -> list[str]:
    if each.is_whole:
        return [f"{name}: everything."]
    plain = [code for code in each.scopes if code not in each.for_details]
    found = [f"{name}: {', '.join(plain)}."] if plain else []
    if each.for_details:
        found.append(
            f"{name}: {', '.join(each.for_details)}, whole: a detail of it was sent. Refer once more "
            "to share the rest of it."
        )
    if each.purposes:
        found.append(f"{name}: everything for {', '.join(each.purposes)}.")
    if each.told_back:
        call = " Its node can't be told so: call them." if each.is_to_be_called else ""
        found.append(f"{name}: what it told of {', '.join(each.told_back)} is closed here.{call}")
    return found
