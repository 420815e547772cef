"""Intake: the sealed bytes of attachments that peers announced, taken in piece by piece.

Only the peer that announced an attachment may send it, no more than it announced, and only while its scope
is open. The piece's hash is signed by the peer's hop key; the whole is verified before anybody can read it.
"""

from __future__ import annotations

import asyncio
import hashlib
from base64 import b64encode
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from iars_node.attachments import store
from iars_node.attachments.service import accept_attachment, refuse_attachment, stored_file
from iars_node.audit.alarms import raise_alarm
from iars_node.errors import LockedError, NodeError, NotFoundError, TooManyError, UnauthenticatedError
from iars_node.exchange.uploads import LARGEST_PIECE, OFFSET, path_of
from iars_node.vault.errors import DamagedError
from iars_node.work import SYSTEM, Actor

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Mapping

    from iars_node.attachments.folder import AttachmentFolder
    from iars_node.attachments.model import Attachment
    from iars_node.exchange.reception import Reception
    from iars_node.peers.model import Peer
    from iars_node.work import Work, Works

MOST_OF_A_PEER = 4


class OtherBytesError(NodeError):
    """What arrived is not what was announced; nothing of it was kept."""

    code = "other-bytes"
    status = 422


class GivenUpError(NodeError):
    """Other bytes than announced arrived before; it must be announced again."""

    code = "given-up"
    status = 410


class TooLargeError(NodeError):
    """The attachment, or a piece of it, is larger than this node takes."""

    code = "too-large"
    status = 413


class NoRoomError(NodeError):
    """This node holds as much of its peers' attachments as it was told to."""

    code = "no-room"
    status = 507


class BusyError(NodeError):
    """The attachment is being verified; ask again in a moment."""

    code = "busy"
    status = 503


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is taken in: of one attachment, from one peer, and from all of them, in bytes."""

    attachment: int
    peer: int
    node: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How much of an attachment is here, and how much it is in all."""

    offset: int
    length: int


class Intake:
    """Takes the bytes of attachments in."""

    def __init__(self, works: Works, reception: Reception, folder: AttachmentFolder, limits: Limits) -> None:
        self._works = works
        self._reception = reception
        self._folder = folder
        self._limits = limits
        self._verifying: dict[str, asyncio.Task[None]] = {}
        self._at_once: Counter[bytes] = Counter()

    async def ask(self, headers: Mapping[str, str], digest: bytes) -> Progress:
        """Answer how much of an attachment is here; all of it means verified and stored."""
        peer = await asyncio.to_thread(self._authenticate, headers, "HEAD", digest)
        found = await asyncio.to_thread(self._find, peer, digest)
        if found.id in self._verifying:
            raise BusyError("The attachment is being verified; ask again in a moment.")
        progress = self._progress(found)
        if found.state == "expected" and progress.offset == progress.length:
            # The node stopped between the last byte and the verdict.
            await self._verify(peer, found)
        return progress

    async def append(
        self, headers: Mapping[str, str], digest: bytes, offset: int, pieces: AsyncIterable[bytes]
    ) -> Progress:
        """Append a piece; the last one is followed by the verdict on the whole."""
        peer = await asyncio.to_thread(self._authenticate, headers, "PATCH", digest)
        found = await asyncio.to_thread(self._find, peer, digest)
        if found.state == "stored":
            return self._progress(found)
        if offset == 0:
            await asyncio.to_thread(self._check_room, peer, found)
        if self._at_once[peer.node_id] >= MOST_OF_A_PEER:
            raise TooManyError("This node takes no more attachments of yours at once; try again soon.")
        self._at_once[peer.node_id] += 1
        try:
            sealed = _as_signed(pieces, headers.get("content-digest", ""))
            arrived = await self._folder.receive_stream(found.file, offset, sealed, size=found.size)
        finally:
            self._at_once[peer.node_id] -= 1
        if arrived == found.size:
            await self._verify(peer, found)
        return Progress(arrived, found.size)

    def _authenticate(self, headers: Mapping[str, str], method: str, digest: bytes) -> Peer:
        if not self._works.vault.is_unlocked:
            raise LockedError("This node is locked; try again later.")
        # An empty body is checked at once; a piece's bytes are held against the signed digest as they come.
        body, also = (b"", ()) if method == "HEAD" else (None, (OFFSET,))
        return self._reception.authenticate(
            headers, method=method, path=path_of(digest), body=body, also=also
        )

    def _find(self, peer: Peer, digest: bytes) -> Attachment:
        with self._works.read(SYSTEM) as work:
            announced = store.announced_by(work.connection, work.vault, peer.node_text, digest, at=work.now)
        by_state = {found.state: found for found in reversed(announced) if found.content is not None}
        for state in ("expected", "stored"):
            if state in by_state:
                return by_state[state]
        if "refused" in by_state:
            raise GivenUpError("Other bytes than announced arrived before; announce it again.")
        raise NotFoundError("No such attachment is expected.")

    def _progress(self, found: Attachment) -> Progress:
        offset = found.size if found.state == "stored" else self._folder.received(found.file)
        return Progress(offset, found.size)

    def _check_room(self, peer: Peer, found: Attachment) -> None:
        if stored_file(found).seal.length > self._limits.attachment:
            raise TooLargeError("The attachment is larger than this node takes.")
        with self._works.read(SYSTEM) as work:
            sizes = store.received_sizes(work.connection)
            for sender, file, size in store.expected_files(work.connection):
                if file == found.file or self._folder.received(file):
                    sizes[sender] = sizes.get(sender, 0) + size
        if sizes[peer.node_text] <= self._limits.peer and sum(sizes.values()) <= self._limits.node:
            return
        with self._works.write(SYSTEM) as work:
            raise_alarm(work, "attachment.quota", peer.node_text)
        raise NoRoomError("This node holds as much of its peers' attachments as it was told to.")

    async def _verify(self, peer: Peer, found: Attachment) -> None:
        # A large file takes a while: one verdict for all who ask, and a line that is cut doesn't end it.
        task = self._verifying.get(found.id)
        if task is None:
            task = asyncio.create_task(asyncio.to_thread(self._decide, peer, found))
            self._verifying[found.id] = task
            task.add_done_callback(partial(self._forget, found.id))
        await asyncio.shield(task)

    def _forget(self, attachment_id: str, task: asyncio.Task[None]) -> None:
        self._verifying.pop(attachment_id, None)
        if not task.cancelled():
            # Whoever waited has seen the error; where nobody did, the peer asks again.
            task.exception()

    def _decide(self, peer: Peer, found: Attachment) -> None:
        actor = Actor("peer", peer.node_text)
        try:
            self._folder.accept(stored_file(found))
        except DamagedError as error:
            with self._works.write(actor) as work:
                self._refuse(work, found)
            raise OtherBytesError("What arrived is not what was announced; nothing was kept.") from error
        with self._works.write(actor) as work:
            accept_attachment(work, found.id, self._folder)

    def _refuse(self, work: Work, found: Attachment) -> None:
        refuse_attachment(work, found.id, self._folder)
        raise_alarm(work, "attachment.refused", found.id, {"peer": work.actor.id})


async def _as_signed(pieces: AsyncIterable[bytes], signed: str) -> AsyncIterator[bytes]:
    """Pass a piece on as it comes, and end in an error where it is too long or not what was signed."""
    seen, length = hashlib.sha256(), 0
    async for piece in pieces:
        length += len(piece)
        if length > LARGEST_PIECE:
            raise TooLargeError(f"A piece has at most {LARGEST_PIECE} bytes.")
        seen.update(piece)
        yield piece
    if signed != f"sha-256=:{b64encode(seen.digest()).decode()}:":
        raise UnauthenticatedError("The piece is not what was signed.")
