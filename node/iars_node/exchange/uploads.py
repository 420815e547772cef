"""Uploads: the sealed bytes of an attachment, sent to a peer in pieces that go on where the last one ended.

The peer says how much it has (`HEAD`) and takes the next piece at that offset (`PATCH`). Each request is
authenticated like an envelope's, its offset included.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iars_node.errors import NodeError
from iars_node.exchange import hop
from iars_node.exchange.transport import UnreachableError
from iars_node.vault.identity import identity_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iars_node.exchange.transport import Transport
    from iars_node.peers.model import Peer
    from iars_node.work import Works

FOLDER = "/iars/v1/attachments"
OFFSET, LENGTH = "upload-offset", "upload-length"
OCTETS = "application/octet-stream"

KIB = 1024
LARGEST_PIECE = 4 * 1024 * KIB
SMALLEST_PIECE = 64 * KIB
FIRST_PIECE = 512 * KIB
# A piece that takes less is followed by a larger one; one that takes longer, by a smaller one.
QUICK_SECONDS, SLOW_SECONDS = 2.0, 10.0

DONE, NOT_EXPECTED, CONFLICT, GONE, TOO_LARGE, REFUSED = 204, 404, 409, 410, 413, 422
FOUND = 200


class NotExpectedError(NodeError):
    """The peer does not expect the attachment, or not yet: its acceptance may still be under way."""

    code = "not-expected"
    status = 404


class NotTakenError(NodeError):
    """The peer will not take the attachment: other bytes than announced, or too large for it."""

    code = "not-taken"
    status = 409


class TooLongError(NotTakenError):
    """The peer takes no piece of this length, or no attachment of this size."""

    code = "too-long"
    status = 413


class MovedError(NodeError):
    """The peer has another number of bytes than we thought; ask it again."""

    code = "upload-moved"
    status = 409


@dataclass(slots=True)
class Pace:
    """How many bytes go into one request: more on a good line, fewer on a poor one."""

    length: int = FIRST_PIECE
    pieces: int = 0

    def note(self, seconds: float) -> None:
        """Learn from a piece that went through."""
        self.pieces += 1
        if seconds < QUICK_SECONDS:
            self.length = min(self.length * 2, LARGEST_PIECE)
        elif seconds > SLOW_SECONDS:
            self.slow_down()

    def slow_down(self) -> None:
        """Learn from a piece that did not."""
        self.length = max(self.length // 2, SMALLEST_PIECE)


def path_of(digest: bytes) -> str:
    """Return where an attachment's bytes go: under the hash of its ciphertext."""
    return f"{FOLDER}/{digest.hex()}"


class Uploads:
    """Speaks to peers about the bytes of attachments."""

    def __init__(self, works: Works, transport: Transport) -> None:
        self._works = works
        self._transport = transport

    async def ask(self, peer: Peer, digest: bytes, size: int) -> int:
        """Return how many bytes the peer has; all of them means that it has verified and stored them."""
        path = path_of(digest)
        headers = await asyncio.to_thread(self._sign, peer, "HEAD", path, b"", {})
        status, answered = await self._transport.head(self._url(peer, path), headers)
        _check(status, FOUND)
        offset = _number(answered, OFFSET)
        if offset is None or _number(answered, LENGTH) != size or offset > size:
            raise UnreachableError("answer-malformed")
        return offset

    async def append(self, peer: Peer, digest: bytes, offset: int, piece: bytes) -> None:
        """Send the piece at an offset."""
        path = path_of(digest)
        headers = await asyncio.to_thread(self._sign, peer, "PATCH", path, piece, {OFFSET: str(offset)})
        headers["Content-Type"] = OCTETS
        status, _ = await self._transport.request("PATCH", self._url(peer, path), piece, headers)
        _check(status, DONE)

    def _sign(
        self, peer: Peer, method: str, path: str, body: bytes, also: Mapping[str, str]
    ) -> dict[str, str]:
        return hop.sign_request(
            identity_of(self._works.vault).hop,
            method=method,
            path=path,
            body=body,
            recipient=peer.node_id,
            now=self._works.clock.now(),
            also=also,
        )

    @staticmethod
    def _url(peer: Peer, path: str) -> str:
        if peer.endpoint is None:
            raise UnreachableError("no-endpoint")
        return peer.endpoint.rstrip("/") + path


def _check(status: int, wanted: int) -> None:
    if status == wanted:
        return
    if status == NOT_EXPECTED:
        raise NotExpectedError("The other organisation does not expect this attachment now.")
    if status == CONFLICT:
        raise MovedError("The other organisation has another part of this attachment.")
    if status == TOO_LARGE:
        raise TooLongError("The other organisation's node takes less at once, or no attachment of this size.")
    if status in (GONE, REFUSED):
        raise NotTakenError("The other organisation's node does not take this attachment.")
    raise UnreachableError(f"http-{status}")


def _number(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None  # noqa: PLR2004 - fits 64 bits
