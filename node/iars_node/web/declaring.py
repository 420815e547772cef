"""The form by which something is kept on a declared legal ground until a day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iars_node.withdrawals import service as withdrawals
from iars_protocol.vocabulary import SCOPES

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from iars_node.web.visit import Faults, Page, Sheet, Visit


@dataclass(frozen=True)
class Declared:
    """Which parts are kept, why, and until when."""

    scopes: tuple[str, ...]
    ground: str
    until: datetime


def declared(visit: Visit, again: Callable[[Sheet], Page]) -> Declared:
    """Return what the form declares, or show it again with what is missing."""
    until = visit.last_moment("until")
    scopes = visit.chosen("scopes", SCOPES)
    ground = next(iter(visit.chosen("ground", withdrawals.GROUNDS)), "")
    faults: Faults = {}
    if not scopes:
        faults["scopes"] = visit.gettext("Choose what is kept.")
    if not ground:
        faults["ground"] = visit.gettext("Choose the legal ground.")
    if until is None or until <= visit.now:
        faults["until"] = visit.gettext("Write a day in the future.")
    if faults or until is None:
        raise visit.unfinished(again, faults)
    return Declared(scopes, ground, until)
