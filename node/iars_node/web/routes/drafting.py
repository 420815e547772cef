"""Drafts: deleting one that is not needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node.drafts import service as drafts
from iars_node.web.pages import SIGNED_IN, Pages
from iars_node.web.visit import Redirect

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iars_node.web.visit import Answer, Visit

pages = Pages()

# Where the reader goes on; from everything else, at the first page.
_WHERE: Mapping[str, str] = {"import": "/imports", "mapping": "/imports"}


@pages.post("/drafts/{draft_id}/delete", SIGNED_IN)
def delete_draft(visit: Visit, draft_id: str) -> Answer:
    """Delete one's own draft: what was typed is erased."""
    kept = drafts.get(visit.work, draft_id)
    drafts.discard(visit.work, kept)
    return Redirect(_WHERE.get(kept.kind, "/") + "?done=deleted")
