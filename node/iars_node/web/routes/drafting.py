"""Drafts: deleting one that is not needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node.drafts import service as drafts
from iars_node.web.pages import SIGNED_IN, Pages
from iars_node.web.visit import Redirect

if TYPE_CHECKING:
    from iars_node.web.visit import Answer, Visit

pages = Pages()


@pages.post("/drafts/{draft_id}/delete", SIGNED_IN)
def delete_draft(visit: Visit, draft_id: str) -> Answer:
    """Delete one's own draft: what was typed is erased."""
    drafts.discard(visit.work, drafts.get(visit.work, draft_id))
    return Redirect("/?done=deleted")
