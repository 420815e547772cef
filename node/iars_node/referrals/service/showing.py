"""Showing a person what was said on a thread: a most sensitive scope is an event by name, both ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node.audit.service import record
from iars_node.cases.model import MOST_SENSITIVE
from iars_node.cases.service.assignment import opening_under
from iars_protocol.record import SCOPES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iars_node.referrals.model import Referral
    from iars_node.referrals.service.reading import Entry
    from iars_node.work import Work


def note_shown(work: Work, referral: Referral, entries: Iterable[Entry]) -> None:
    """Record that somebody is shown the most sensitive scopes among what was said."""
    shown = {part.scope for entry in entries for part in entry.scopes}
    sensitive = {scope for scope in shown if SCOPES[scope].level == MOST_SENSITIVE}
    if sensitive:
        record(
            work,
            "referral.scope-read",
            case_id=referral.case_id,
            referral_id=referral.id,
            peer_id=referral.peer.hex(),
            scopes=sensitive,
            detail=opening_under(work, referral.case_id),
        )
