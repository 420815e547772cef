"""The pages' own files, kept by browsers for a year: another content has another address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from iars_node.web.assets import PATH, by_address
from iars_node.web.safety import ASSET_HEADERS

if TYPE_CHECKING:
    from starlette.requests import Request


def route() -> Route:
    """Return the one route for every file."""
    return Route(f"{PATH}/{{name}}", show_file, methods=["GET"], name="files")


async def show_file(request: Request) -> Response:
    """Send a file."""
    asset = by_address().get(request.path_params["name"])
    if asset is None:
        return Response(status_code=404, headers={**ASSET_HEADERS, "Cache-Control": "no-store"})
    return Response(asset.content, media_type=asset.media_type, headers=dict(ASSET_HEADERS))
