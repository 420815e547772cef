"""What a node shows to other nodes: its listing, and where it takes envelopes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from iars_node.errors import InvalidError, NodeError
from iars_node.exchange.sending import CBOR, LISTING_PATH, PATH
from iars_node.vault.identity import identity_of
from iars_protocol.batch import MAX_BATCH

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Receive, Scope, Send

    from iars_node.exchange.reception import Reception
    from iars_node.vault.vault import Vault

    AnswerError = Callable[[Request, Exception], Awaitable[Response]]

CUT = 400


class TooLargeError(NodeError):
    """The request is longer than this node takes."""

    code = "too-large"
    status = 413


async def read_body(request: Request, longest: int) -> bytes:
    """Read a request's body, never more than allowed."""
    if int(request.headers.get("content-length") or 0) > longest:
        raise TooLargeError("The request is longer than this node takes; send fewer envelopes at once.")
    pieces = bytearray()
    async for piece in request.stream():
        pieces += piece
        if len(pieces) > longest:
            raise TooLargeError("The request is longer than this node takes; send fewer envelopes at once.")
    return bytes(pieces)


class EnvelopesFirst:
    """Takes envelopes in before the frameworks look at a request.

    What they do around a route costs more than what is done with an envelope.
    """

    def __init__(self, reception: Reception, answer_error: AnswerError) -> None:
        self._reception = reception
        self._answer_error = answer_error

    @staticmethod
    def takes(scope: Scope) -> bool:
        """Say whether a request brings envelopes."""
        return bool(scope["type"] == "http" and scope["path"] == PATH and scope["method"] == "POST")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        try:
            response = await self._take(request)
        except NodeError as error:
            response = await self._answer_error(request, error)
        await response(scope, receive, send)

    async def _take(self, request: Request) -> Response:
        if request.headers.get("content-type") != CBOR:
            raise InvalidError(f"The request's body is expected as {CBOR}.")
        try:
            body = await read_body(request, MAX_BATCH)
        except ClientDisconnect:
            # Nobody hears this answer.
            return Response(status_code=CUT)
        return Response(await self._reception.receive(request.headers, body), media_type=CBOR)


def listing_route(vault: Vault) -> Route:
    """Return the route that shows other nodes this node's listing."""

    def show_listing(_request: Request) -> Response:
        return Response(identity_of(vault).signed_listing.to_bytes(), media_type=CBOR)

    return Route(LISTING_PATH, show_listing, methods=["GET"])
