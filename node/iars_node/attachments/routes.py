"""Where other nodes bring the sealed bytes of attachments that they announced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect

from iars_node.errors import ConflictError, InvalidError, NotFoundError
from iars_node.exchange.uploads import CONFLICT, DONE, FOLDER, LENGTH, OCTETS, OFFSET

if TYPE_CHECKING:
    from iars_node.attachments.intake import Intake, Progress

DIGEST_DIGITS = 64
MOST_DIGITS = 19
CUT = 400


def upload_routes(intake: Intake) -> APIRouter:
    """Return the routes that other nodes use."""
    router = APIRouter(include_in_schema=False)

    @router.head(f"{FOLDER}/{{digest}}")
    async def ask(digest: str, request: Request) -> Response:
        return _answer(200, await intake.ask(request.headers, _octets(digest)))

    @router.patch(f"{FOLDER}/{{digest}}")
    async def append(digest: str, request: Request) -> Response:
        if request.headers.get("content-type") != OCTETS:
            raise InvalidError(f"A piece is expected as {OCTETS}.")
        offset = _offset(request.headers.get(OFFSET, ""))
        try:
            progress = await intake.append(request.headers, _octets(digest), offset, request.stream())
        except ConflictError:
            return Response(status_code=CONFLICT)
        except ClientDisconnect:
            # Nobody hears this answer; what has arrived is kept.
            return Response(status_code=CUT)
        return _answer(DONE, progress)

    return router


def _answer(status: int, progress: Progress) -> Response:
    headers = {OFFSET: str(progress.offset), LENGTH: str(progress.length), "cache-control": "no-store"}
    return Response(status_code=status, headers=headers)


def _octets(digest: str) -> bytes:
    if len(digest) != DIGEST_DIGITS or set(digest) - set("0123456789abcdef"):
        raise NotFoundError("No such attachment is expected.")
    return bytes.fromhex(digest)


def _offset(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > MOST_DIGITS:
        raise InvalidError("Where the piece begins is missing.", {OFFSET: "accepted: a number of bytes"})
    return int(text)
