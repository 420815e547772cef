"""Noting that a page refused somebody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node.accounts.refusals import note_refusal, refusal_of, route_code
from iars_node.web.pages import ANYONE, SIGNED_IN
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from starlette.requests import Request

    from iars_node.errors import ForbiddenError
    from iars_node.web.callers import Caller
    from iars_node.web.pages import Entry
    from iars_node.work import Works


def note(works: Works, caller: Caller, request: Request, entry: Entry, error: ForbiddenError) -> None:
    """Record who was refused, on which page and about which record."""
    action = "" if entry.action in (ANYONE, SIGNED_IN) else entry.action
    refused = refusal_of(error, route_code(entry.method, entry.path), action, request.path_params)
    # A forged form of somebody who has not signed in has nobody's name to it.
    note_refusal(works, caller.actor if caller.session else SYSTEM, refused)
