"""Every page of the case workers, as one router for the node's application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter

from iars_node.web.desk import Desk
from iars_node.web.routes import (
    cases,
    consents,
    files,
    home,
    partners,
    referrals,
    referring,
    scopes,
    sign_in,
    steps,
)

if TYPE_CHECKING:
    from iars_node.web.node import WebNode
    from iars_node.web.pages import Entry

TOPICS = (sign_in, home, cases, scopes, consents, referring, referrals, steps, partners)


def entries() -> list[Entry]:
    """Return every page."""
    return [entry for topic in TOPICS for entry in topic.pages.entries]


def web_routes(node: WebNode) -> APIRouter:
    """Return the routes of every page and of the files that pages need."""
    desk = Desk(node)
    router = APIRouter(include_in_schema=False)
    router.routes.append(files.route())
    router.routes.extend(desk.route(entry) for entry in entries())
    return router
