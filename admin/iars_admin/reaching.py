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


@dataclass(frozen=True, slots=True)
class Reached:
    """What a node answered: its listing, how long it took, and by how much its clock is ahead of ours."""

    listing: bytes
    milliseconds: int
    ahead: timedelta | None


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
