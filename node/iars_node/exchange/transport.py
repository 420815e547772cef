"""How bytes reach a peer: HTTP by aiohttp, https only beyond this machine."""

from __future__ import annotations

import io
import ssl
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp

from iars_node.errors import NodeError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# What is longer is read by the client in pieces, so that others' requests move meanwhile.
LONG_BODY = 1024 * 1024
LARGEST_ANSWER = 16 * 1024 * 1024
TIMEOUT_SECONDS = 20.0


class UnreachableError(NodeError):
    """The peer did not answer as a node does. `reason` is a stable code."""

    code = "unreachable"
    status = 502

    def __init__(self, reason: str) -> None:
        super().__init__(f"The other organisation's node can't be reached ({reason}).")
        self.reason = reason


def is_loopback(url: str) -> bool:
    """Say whether an address stays on this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class Transport:
    """Requests to peers over kept connections."""

    def __init__(
        self, ca_file: Path | None = None, *, connections: int = 32, seconds: float = TIMEOUT_SECONDS
    ) -> None:
        self._ca_file = ca_file
        self._connections = connections
        self._seconds = seconds
        self._session: aiohttp.ClientSession | None = None

    async def request(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        """Send a request; return the answer's status and body."""
        if not url.startswith("https://") and not is_loopback(url):
            raise UnreachableError("not-https")
        sent = io.BytesIO(body) if len(body) > LONG_BODY else body
        try:
            async with self._open_session().request(
                method, url, data=sent, headers=dict(headers), allow_redirects=False
            ) as answer:
                return answer.status, await _read_whole(answer)
        except TimeoutError as error:
            raise UnreachableError("timeout") from error
        except aiohttp.ClientSSLError as error:
            raise UnreachableError("tls") from error
        except (aiohttp.ClientError, OSError) as error:
            raise UnreachableError("connection") from error

    async def head(self, url: str, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str]]:
        """Ask for headers only."""
        if not url.startswith("https://") and not is_loopback(url):
            raise UnreachableError("not-https")
        try:
            async with self._open_session().head(url, headers=dict(headers), allow_redirects=False) as answer:
                return answer.status, answer.headers
        except TimeoutError as error:
            raise UnreachableError("timeout") from error
        except (aiohttp.ClientError, OSError) as error:
            raise UnreachableError("connection") from error

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            context = ssl.create_default_context(cafile=None if self._ca_file is None else str(self._ca_file))
            context.minimum_version = ssl.TLSVersion.TLSv1_3
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=context, limit=self._connections, keepalive_timeout=60),
                timeout=aiohttp.ClientTimeout(total=self._seconds, sock_connect=10),
                auto_decompress=False,
            )
        return self._session

    async def close(self) -> None:
        """Close every kept connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None


async def _read_whole(answer: aiohttp.ClientResponse) -> bytes:
    """Read an answer to its end: one read returns no more than what has arrived by then."""
    content = bytearray()
    async for piece in answer.content.iter_any():
        content += piece
        if len(content) > LARGEST_ANSWER:
            raise UnreachableError("answer-too-long")
    return bytes(content)
