"""Asking other nodes from the command line: their listing, and how far their clock is from ours."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from iars_node.exchange.sending import LISTING_PATH
from iars_node.exchange.transport import UnreachableError

if TYPE_CHECKING:
    from datetime import timedelta

    from iars_node.node import Node

OK = 200

FAULTS = {
    "connection": "nothing answers at its address",
    "timeout": "it does not answer in time",
    "tls": "its certificate can't be verified",
    "not-https": "its address is not https",
    "locked": "its people have to unlock it",
    "http-401": "it does not take this node in: they have to add and verify us, so read them our digits",
    "http-404": "there is no node of this kind at its address",
    "http-429": "it has more to take in than it can",
    "erased": "what was to be sent was erased meanwhile",
}
"""What was wrong when another node was last asked, by the code that is kept of it."""


@dataclass(frozen=True, slots=True)
class Reached:
    """What a node answered: its listing, how long it took, and by how much its clock is ahead of ours."""

    listing: bytes
    milliseconds: int
    ahead: timedelta | None


def fault_said(code: str) -> str:
    """Say in words what was wrong when another node was last asked; a code without words stays as it is."""
    if code.startswith("answer-"):
        return f"its answer is none that a node gives ({code})"
    return FAULTS.get(code, code)


def fetch_listing(node: Node, address: str) -> Reached:
    """Ask a node for its listing."""
    return asyncio.run(_fetch(node, address.rstrip("/") + LISTING_PATH))


async def _fetch(node: Node, url: str) -> Reached:
    try:
        began = time.monotonic()
        status, body = await node.transport.request("GET", url, b"", {})
        took = time.monotonic() - began
        if status != OK:
            raise UnreachableError(f"http-{status}")
        _, headers = await node.transport.head(url, {})
    finally:
        await node.transport.close()
    return Reached(body, round(took * 1000), _ahead(node, headers.get("Date", "")))


def _ahead(node: Node, date: str) -> timedelta | None:
    try:
        return parsedate_to_datetime(date) - node.clock.now().replace(microsecond=0)
    except (ValueError, TypeError):
        return None
