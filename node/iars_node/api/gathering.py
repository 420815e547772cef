"""Everything under `/api/v1`, for one node."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Depends, Request

from iars_node.api.callers import PREFIX
from iars_node.api.description import describe_interface
from iars_node.api.operations import ApiRoute
from iars_node.api.routes.attachments import attachments
from iars_node.api.routes.cases import cases
from iars_node.api.routes.consent_life import consent_life
from iars_node.api.routes.consents import consents
from iars_node.api.routes.onward import onward
from iars_node.api.routes.others import audit_log, peers
from iars_node.api.routes.referrals import referrals
from iars_node.api.routes.rights import processing, rights
from iars_node.api.routes.steps import steps
from iars_node.api.routes.withdrawals import withdrawals
from iars_node.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

    from iars_node.node import Node

DESCRIPTION = f"{PREFIX}/openapi.json"
TOPICS = (
    cases,
    consents,
    consent_life,
    withdrawals,
    onward,
    referrals,
    steps,
    attachments,
    rights,
    processing,
    peers,
    audit_log,
)
EVERY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def api_routes(node: Node) -> APIRouter:
    """Return the interface for the organisation's own systems."""
    described = APIRouter(prefix=PREFIX, dependencies=[Depends(_bound(node))])
    for topic in TOPICS:
        described.include_router(topic.router)

    @cache
    def describe() -> dict[str, Any]:
        # Made when it is first asked for: it takes half a second, and few ask.
        return describe_interface(described.routes)

    # The description tells nothing that the source does not: it needs no token.
    described.add_api_route("/openapi.json", describe, include_in_schema=False)
    described.add_api_route(
        "/{anything:path}",
        _refuse,
        methods=EVERY_METHOD,
        include_in_schema=False,
        route_class_override=ApiRoute,
    )
    return described


def _bound(node: Node) -> Callable[[Request], None]:
    def bind(request: Request) -> None:
        request.state.api_node = node

    return bind


def _refuse() -> dict[str, Any]:
    raise NotFoundError("There is nothing at this address.")
