"""Where other nodes bring the sealed bytes of attachments that they announced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from iars_node.errors import ConflictError, InvalidError, NotFoundError
from iars_node.exchange.uploads import CONFLICT, DONE, FOLDER, LENGTH, OCTETS, OFFSET

if TYPE_CHECKING:
    from iars_node.attachments.intake import Intake, Progress

DIGEST_DIGITS = 64
MOST_DIGITS = 19
CUT = 400


def upload_routes(intake: Intake) -> tuple[Route, Route]:
    """Return the routes that other nodes use."""

    async def ask(request: Request) -> Response:
        return _answer(200, await intake.ask(request.headers, _octets(request)))

    async def append(request: Request) -> Response:
        if request.headers.get("content-type") != OCTETS:
            raise InvalidError(f"A piece is expected as {OCTETS}.")
        offset = _offset(request.headers.get(OFFSET, ""))
        try:
            progress = await intake.append(request.headers, _octets(request), offset, request.stream())
        except ConflictError:
            return Response(status_code=CONFLICT)
        except ClientDisconnect:
            # Nobody hears this answer; what has arrived is kept.
            return Response(status_code=CUT)
        return _answer(DONE, progress)

    path = f"{FOLDER}/{{digest}}"
    return Route(path, ask, methods=["HEAD"]), Route(path, append, methods=["PATCH"])


def _answer(status: int, progress: Progress) -> Response:
    headers = {OFFSET: str(progress.offset), LENGTH: str(progress.length), "cache-control": "no-store"}
    return Response(status_code=status, headers=headers)


def _octets(request: Request) -> bytes:
    digest: str = request.path_params["digest"]
    if len(digest) != DIGEST_DIGITS or set(digest) - set("0123456789abcdef"):
        raise NotFoundError("No such attachment is expected.")
    return bytes.fromhex(digest)


def _offset(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > MOST_DIGITS:
        raise InvalidError("Where the piece begins is missing.", {OFFSET: "accepted: a number of bytes"})
    return int(text)
