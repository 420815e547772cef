"""The pages' own files: sheets, scripts and icons, each under an address that names its content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PATH = "/static"
MEDIA_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_HASH_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Asset:
    """One file: its address, its type and its bytes."""

    name: str
    address: str
    media_type: str
    content: bytes


@cache
def assets() -> Mapping[str, Asset]:
    """Return every file by its name."""
    folder = resources.files("iars_node.web").joinpath("static")
    found = {
        entry.name: _asset(entry.name, entry.read_bytes()) for entry in folder.iterdir() if entry.is_file()
    }
    return MappingProxyType(found)


@cache
def by_address() -> Mapping[str, Asset]:
    """Return every file by the last piece of its address."""
    return MappingProxyType({asset.address.rpartition("/")[2]: asset for asset in assets().values()})


def address_of(name: str) -> str:
    """Return the address of a file; it changes whenever the content does, so that it can be kept for ever."""
    return assets()[name].address


def _asset(name: str, content: bytes) -> Asset:
    stem, _, kind = name.rpartition(".")
    mark = hashlib.sha256(content).hexdigest()[:_HASH_DIGITS]
    return Asset(name, f"{PATH}/{stem}.{mark}.{kind}", MEDIA_TYPES[kind], content)
