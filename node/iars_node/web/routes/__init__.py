"""Every page of the case workers, as one router for the node's application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi.exception_handlers import http_exception_handler
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from iars_node.web.desk import Desk
from iars_node.web.routes import (
    alarms,
    attachments,
    belonging,
    case_list,
    cases,
    consent_life,
    consents,
    drafting,
    duplicates,
    endings,
    exceptions,
    files,
    home,
    imports,
    intake,
    keeping,
    letting_go,
    log,
    me,
    new_case,
    notifying,
    openings,
    partners,
    proving,
    referrals,
    referring,
    referring_several,
    rights,
    scopes,
    sharing,
    sign_in,
    steps,
    unlocking,
    welcome,
    withdrawals,
)

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    from iars_node.web.node import WebNode
    from iars_node.web.pages import Entry

TOPICS = (
    sign_in,
    welcome,
    unlocking,
    me,
    proving,
    notifying,
    home,
    drafting,
    intake,
    duplicates,
    imports,
    case_list,
    new_case,
    cases,
    scopes,
    attachments,
    belonging,
    consents,
    consent_life,
    exceptions,
    withdrawals,
    endings,
    sharing,
    referring,
    referring_several,
    referrals,
    steps,
    letting_go,
    rights,
    openings,
    keeping,
    partners,
    alarms,
    log,
)


def entries() -> list[Entry]:
    """Return every page."""
    return [entry for topic in TOPICS for entry in topic.pages.entries]


def web_routes(desk: Desk) -> list[Route]:
    """Return the routes of every page and of the files that pages need."""
    return [files.route(), *(desk.route(entry) for entry in entries())]


def add_pages(app: FastAPI, node: WebNode) -> None:
    """Add every page to an application, and a calm answer for addresses where there is none."""
    desk = Desk(node)
    app.router.routes += web_routes(desk)

    async def answer_lost(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        if "text/html" in request.headers.get("accept", ""):
            return await run_in_threadpool(desk.answer_lost, request)
        return await http_exception_handler(request, error)

    app.add_exception_handler(HTTPException, answer_lost)
