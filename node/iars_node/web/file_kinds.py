"""Which files a case may hold: known by their first bytes, never by what a browser or a name claims."""

from __future__ import annotations

import re
from dataclasses import dataclass

from iars_node.attachments.service import LONGEST_NAME

_ZIP = b"PK\x03\x04"
_ALLOWED_CONTROLS = frozenset(b"\t\n\r\f")
_SPACE = 0x20


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of file: its media type, the ends of its names, and how it begins."""

    media_type: str
    endings: tuple[str, ...]
    begins: tuple[bytes, ...]


_OFFICE = "application/vnd.openxmlformats-officedocument."
_OPEN = "application/vnd.oasis.opendocument."
KINDS = (
    Kind("application/pdf", ("pdf",), (b"%PDF-",)),
    Kind("image/jpeg", ("jpg", "jpeg"), (b"\xff\xd8\xff",)),
    Kind("image/png", ("png",), (b"\x89PNG\r\n\x1a\n",)),
    Kind("image/tiff", ("tif", "tiff"), (b"II*\x00", b"MM\x00*")),
    Kind("audio/mpeg", ("mp3",), (b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2")),
    Kind("audio/ogg", ("ogg", "opus"), (b"OggS",)),
    Kind(f"{_OFFICE}wordprocessingml.document", ("docx",), (_ZIP,)),
    Kind(f"{_OFFICE}spreadsheetml.sheet", ("xlsx",), (_ZIP,)),
    Kind(f"{_OPEN}text", ("odt",), (_ZIP,)),
    Kind(f"{_OPEN}spreadsheet", ("ods",), (_ZIP,)),
    Kind("text/plain", ("txt",), ()),
)
ENDINGS = tuple(ending for kind in KINDS for ending in kind.endings)
FIRST_BYTES = 512


def kind_of(name: str, first: bytes) -> Kind | None:
    """Return what a file is if its name and its first bytes agree on a kind that may be kept."""
    ending = name.rpartition(".")[2].lower()
    for kind in KINDS:
        if ending in kind.endings and (first.startswith(kind.begins) if kind.begins else _is_plain(first)):
            return kind
    return None


def _is_plain(first: bytes) -> bool:
    return all(byte >= _SPACE or byte in _ALLOWED_CONTROLS for byte in first)


def safe_name(given: str) -> str:
    """Return a name without folders, without signs that can't be seen, and short; the ending stays.

    A sign that turns the direction of writing makes "exe.pdf" out of "fdp.exe"; it is no printable one.
    """
    plain = re.split(r"[/\\]", given)[-1]
    plain = " ".join("".join(sign for sign in plain if sign.isprintable()).split())
    stem, dot, ending = plain.rpartition(".")
    if dot and len(plain) > LONGEST_NAME:
        ending = ending[:20]
        plain = f"{stem[: LONGEST_NAME - len(ending) - 1]}.{ending}"
    return plain.strip(". ")[:LONGEST_NAME]
