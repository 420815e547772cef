"""What a reader has begun and not finished, as lines that say no name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iars_node.drafts import service as drafts

if TYPE_CHECKING:
    from datetime import datetime

    from iars_node.web.visit import Visit


@dataclass(frozen=True, slots=True)
class Begun:
    """One unfinished thing: what it is, when it was last gone on with, and where it goes on."""

    path: str
    sentence: str
    moment: datetime


def begun(visit: Visit) -> list[Begun]:
    """Return the reader's drafts; each address leads to the first answer that is missing."""
    if visit.account is None or not visit.may("case.open"):
        return []
    words = {
        "intake": ("/intake/{}/check", visit.gettext("Quick intake")),
        "case": ("/cases/new/{}/check", visit.gettext("New case")),
        "import": ("/imports/{}", visit.gettext("Import of a spreadsheet")),
    }
    return [
        Begun(words[each.kind][0].format(each.id), words[each.kind][1], each.updated_at)
        for each in drafts.unfinished(visit.work)
    ]
