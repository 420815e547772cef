"""Whether somebody who is written down for the first time is probably known here already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node.cases import service as cases

if TYPE_CHECKING:
    from iars_node.cases.model import Likeness
    from iars_node.web.visit import Visit
    from iars_protocol.record import Record

MOST_SHOWN = 5


def alike(visit: Visit, record: Record) -> tuple[tuple[Likeness, str], ...]:
    """Return the likeliest cases of the person in a record, each with its reference."""
    found = cases.likely_duplicates(visit.work, record)[:MOST_SHOWN]
    return tuple((each, cases.case_head(visit.work, each.case_id).reference) for each in found)
