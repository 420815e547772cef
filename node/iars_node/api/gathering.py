"""Everything under `/api/v1`, for one node."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter

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
    from starlette.routing import BaseRoute

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


@cache
def api_routes() -> tuple[BaseRoute, ...]:
    """Return the interface for the organisation's own systems: the same routes for every node of a process.

    Which node is asked stands in the application's state.
    """
    general = APIRouter(prefix=PREFIX)
    # The description tells nothing that the source does not: it needs no token.
    general.add_api_route("/openapi.json", describe, include_in_schema=False)
    general.add_api_route(
        "/{anything:path}",
        _refuse,
        methods=EVERY_METHOD,
        include_in_schema=False,
        route_class_override=ApiRoute,
    )
    return (*_operations(), *general.routes)


@cache
def describe() -> dict[str, Any]:
    """Describe the interface; made when it is first asked for: it takes half a second, and few ask."""
    return describe_interface(_operations())


def _operations() -> list[BaseRoute]:
    return [route for topic in TOPICS for route in topic.router.routes]


def _refuse() -> dict[str, Any]:
    raise NotFoundError("There is nothing at this address.")
