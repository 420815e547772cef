"""A wire that carries uploads through each node's own application, and what a test sends over it."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx2
from sqlalchemy import select
from tests.federation.neighbours import Wire, settle

from iars_node.app import create_app
from iars_node.attachments.service import add_attachment, attachment_to_send, read_attachment, stored_file
from iars_node.attachments.uploading import UPLOAD_JOB
from iars_node.audit.tables import alarm, audit_event
from iars_node.exchange.transport import UnreachableError
from iars_node.jobs import store as job_store
from iars_node.referrals import service as referrals
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fastapi import FastAPI
    from tests.federation.neighbours import Neighbour

    from iars_node.attachments.model import Attachment
    from iars_node.cases.model import Case
    from iars_node.jobs.model import Job
    from iars_node.node import Node
    from iars_node.referrals.model import Referral

MOST = 2**40

SCAN = secrets.token_bytes(3_000_000)


class UploadWire(Wire):
    """Carries uploads too. `disturb_piece` may alter a piece, or cut the line before it (None)."""

    def __init__(self) -> None:
        super().__init__()
        self.disturb_piece: Callable[[bytes], bytes | None] = lambda piece: piece
        self.pieces: list[int] = []
        self._apps: dict[int, tuple[Node, FastAPI]] = {}

    async def request(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        """Hand a piece to the application of the node that the address names."""
        if method != "PATCH":
            return await super().request(method, url, body, headers)
        piece = self.disturb_piece(body)
        if piece is None:
            raise UnreachableError("connection")
        self.pieces.append(len(piece))
        answer = await self.call(method, url, piece, headers)
        return answer.status_code, answer.content

    async def head(self, url: str, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str]]:
        """Ask for headers only."""
        answer = await self.call("HEAD", url, b"", headers)
        return answer.status_code, answer.headers

    async def call(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> httpx2.Response:
        """Send one request into a node's application."""
        node = self.nodes.get(urlsplit(url).hostname or "")
        if node is None:
            raise UnreachableError("connection")
        if id(node) not in self._apps:
            self._apps[id(node)] = (node, create_app(node))
        transport = httpx2.ASGITransport(app=self._apps[id(node)][1], raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport) as client:
            return await client.request(method, url, content=body, headers=dict(headers))


def attach(
    neighbour: Neighbour, case: Case, octets: bytes, *, scope: str = "medical", name: str = "scan.pdf"
) -> str:
    """Add an attachment to a case; return its id."""
    node = neighbour.node
    stored = node.folder.write([octets], most=MOST)
    with node.works.write(SYSTEM) as work:
        added = add_attachment(work, case.id, scope, stored, name=name, media_type="application/pdf")
    return added.id


async def refer_with(
    sender: Neighbour, receiver: Neighbour, case: Case, *attachments: str, service: str = "MED-SCREEN"
) -> Referral:
    """Refer a person with attachments, and let the other side accept."""
    given = sender.give_consent(case, receiver)
    sent = sender.refer(case, given, receiver, attachments=attachments, service=service)
    await settle(sender, receiver)
    receiver.act(referrals.accept, sent.id)
    await settle(sender, receiver)
    return sent


async def upload_all(neighbour: Neighbour) -> int:
    """Send every attachment that is due; return how many were tried."""
    tried = 0
    while await neighbour.node.uploader.send_next():
        tried += 1
    return tried


def stored(neighbour: Neighbour, attachment_id: str) -> Attachment:
    """Return an attachment that has arrived."""
    with neighbour.node.works.read(SYSTEM) as work:
        return attachment_to_send(work, attachment_id)


def read(neighbour: Neighbour, attachment_id: str) -> bytes:
    """Read an attachment as a person would."""
    with neighbour.node.works.write(SYSTEM) as work:
        found = read_attachment(work, attachment_id)
    return b"".join(neighbour.node.folder.open(stored_file(found)))


def open_job(neighbour: Neighbour, referral_id: str, attachment_id: str) -> Job | None:
    """Return the job that waits to upload an attachment."""
    with neighbour.node.works.read(SYSTEM) as work:
        return job_store.open_job(work.connection, UPLOAD_JOB, f"{referral_id}/{attachment_id}")


def kinds_of_alarms(neighbour: Neighbour) -> set[str]:
    """Return what alarms there are."""
    with neighbour.node.works.read(SYSTEM) as work:
        return set(work.connection.execute(select(alarm.c.kind)).scalars())


def actions(neighbour: Neighbour) -> set[str]:
    """Return which kinds of events a node recorded."""
    with neighbour.node.works.read(SYSTEM) as work:
        return set(work.connection.execute(select(audit_event.c.action)).scalars())
