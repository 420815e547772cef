"""Attachments: list, upload, download; streamed both ways."""

import asyncio
import hashlib
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from email.message import Message
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Query, Request, Response
from starlette.responses import StreamingResponse

from iars_node.api.bodies.base import ScopeCode
from iars_node.api.bodies.others import AttachmentHead, AttachmentList
from iars_node.api.callers import Caller, CallerParam
from iars_node.api.operations import STREAMED, Topic
from iars_node.api.routes.parameters import AttachmentId, CaseId, Scopes
from iars_node.attachments import service, store
from iars_node.attachments.model import Attachment, StoredFile
from iars_node.audit import record
from iars_node.cases.service import case_head
from iars_node.cases.service.access import require_scopes
from iars_node.errors import InvalidError, NotFoundError

attachments = Topic("Attachments")

DISPOSITION = "content-disposition"
OCTETS = "application/octet-stream"
_BINARY = {"schema": {"type": "string", "format": "binary"}, "example": "%PDF-1.7 …"}
_UPLOAD: dict[str, Any] = {
    STREAMED: True,
    "requestBody": {
        "required": True,
        "description": "The file itself; `Content-Type` is kept as its media type.",
        "content": {"application/octet-stream": _BINARY},
    },
    "parameters": [
        {
            "name": "Content-Disposition",
            "in": "header",
            "required": True,
            "schema": {"type": "string", "maxLength": 1000},
            "description": "The file's name: it may tell who somebody is, so it stays out of the address.",
            "example": "attachment; filename*=UTF-8''passport.pdf",
        }
    ],
}
_DOWNLOAD: dict[str, Any] = {
    "responses": {"200": {"description": "The file", "content": {OCTETS: _BINARY}}},
}


@attachments.read("/cases/{case_id}/attachments", "attachment.read")
def list_attachments(case_id: CaseId, caller: CallerParam, scopes: Scopes = "") -> AttachmentList:
    """List a case's attachments in the scopes that are named."""
    with caller.work() as work:
        wanted = caller.scopes(scopes)
        case_head(work, case_id)
        found = service.list_attachments(work, case_id)
        record(work, "case.read", case_id=case_id, scopes=wanted, detail={"part": "attachments"})
        return AttachmentList(attachments=[_head(one) for one in found if one.scope in wanted])


@attachments.change("POST", "/cases/{case_id}/attachments", "attachment.add", extra=_UPLOAD, status=201)
async def add_attachment(
    case_id: CaseId,
    caller: CallerParam,
    request: Request,
    scope: Annotated[ScopeCode, Query(examples=["identity"])],
) -> AttachmentHead:
    """Add a file to a case, under a scope."""
    place = _Place(
        case_id,
        scope,
        _file_name(request.headers.get(DISPOSITION, "")),
        request.headers.get("content-type", OCTETS).partition(";")[0].strip().lower(),
    )
    await asyncio.to_thread(_check_place, caller, place)
    seen = hashlib.sha256()
    most = caller.node.settings.attachment_bytes
    stored = await caller.node.folder.write_stream(_hashed(request.stream(), seen), most=most)
    return await asyncio.to_thread(_keep, caller, place, stored, seen.hexdigest())


@attachments.read("/attachments/{attachment_id}", "attachment.read", errors=(409, 429), extra=_DOWNLOAD)
def read_attachment(attachment_id: AttachmentId, caller: CallerParam) -> Response:
    """Read an attachment's content, verified whole before the first byte leaves."""
    with caller.work() as work:
        found = service.read_attachment(work, attachment_id)
    head = _head(found)
    return StreamingResponse(
        caller.node.folder.open(service.stored_file(found)),
        media_type=head.media_type,
        headers={
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(head.name or '', safe='')}",
            "Content-Length": str(head.size),
            "X-Content-Type-Options": "nosniff",
        },
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a file is to go, and what it is called."""

    case_id: str
    scope: str
    name: str
    media_type: str


def _check_place(caller: Caller, place: _Place) -> None:
    # Before the first byte is read: who may not add it need not send it.
    with caller.work() as work:
        require_scopes(work, "attachment.add", [place.scope])
        case_head(work, place.case_id)


def _keep(caller: Caller, place: _Place, stored: StoredFile, digest: str) -> AttachmentHead:
    added: list[str] = []

    def add() -> str:
        with_row = service.add_attachment(
            work, place.case_id, place.scope, stored, name=place.name, media_type=place.media_type
        )
        added.append(with_row.id)
        return with_row.id

    content = f"{place.scope}\n{place.name}\n{place.media_type}\n{digest}".encode()
    try:
        with caller.work() as work:
            attachment_id = caller.once_for(work, content, add)
            found = store.find_attachment(work.connection, work.vault, attachment_id, at=work.now)
    finally:
        if not added:
            # Sent again under its key, or refused: no row names this copy.
            caller.node.folder.remove(stored.file)
    if found is None:
        raise NotFoundError("There is no such attachment.")
    return _head(found)


async def _hashed(pieces: AsyncIterable[bytes], seen: "hashlib._Hash") -> AsyncIterator[bytes]:
    async for piece in pieces:
        seen.update(piece)
        yield piece


def _file_name(disposition: str) -> str:
    header = Message()
    header[DISPOSITION] = disposition
    name = header.get_filename()
    if not name:
        accepted = "accepted: attachment; filename*=UTF-8''scan.pdf"
        raise InvalidError("The file's name is missing.", {"Content-Disposition": accepted})
    return name


def _head(found: Attachment) -> AttachmentHead:
    content = found.content
    return AttachmentHead(
        id=found.id,
        case_id=found.case_id,
        scope=found.scope,
        source=found.source,
        state=found.state,
        created_at=found.created_at,
        created_by=found.created_by,
        name=content.name if content else None,
        media_type=content.media_type if content else None,
        size=content.seal.length if content else None,
    )
