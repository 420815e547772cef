"""Looking at an uploaded spreadsheet before anything opens it: what a stranger may have made of it."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING
from xml.parsers import expat
from zipfile import BadZipFile, ZipFile, ZipInfo

from iars_node.errors import InvalidError

if TYPE_CHECKING:
    from typing import Never

MIB = 1024 * 1024
MOST_UNPACKED = 256 * MIB
MOST_PARTS = 2000
# A sheet of one repeated cell packs to a five-hundredth; what packs further was made to break something.
MOST_RATIO = 1000
_SMALL = 1 * MIB
# All rows are written in one transaction, and on SQLite everybody else waits for it: seconds, not minutes.
MOST_ROWS = 5000
# With or without a prefix before its name.
_ROW = (b"<row", b":row")
_PIECE = 64 * 1024
_OLD_FORM = b"\xd0\xcf\x11\xe0"
_TYPES = "[Content_Types].xml"
_NEEDED = frozenset({_TYPES, "xl/workbook.xml"})
_ENCRYPTED = 0x1


def check_workbook(content: bytes) -> None:
    """Refuse what is no plain .xlsx: other files, macros, bombs, documents that define entities."""
    if content.startswith(_OLD_FORM):
        _refuse("This is an old or locked spreadsheet; save it as .xlsx, without a password.")
    try:
        with ZipFile(BytesIO(content)) as packed:
            _check_parts(packed)
    except (BadZipFile, NotImplementedError, OSError, EOFError, ValueError) as error:
        raise InvalidError("This is not a spreadsheet of the form .xlsx.", {"file": "not .xlsx"}) from error


def _check_parts(packed: ZipFile) -> None:
    parts = packed.infolist()
    if not {part.filename for part in parts} >= _NEEDED:
        _refuse("This is not a spreadsheet of the form .xlsx.")
    if any(part.flag_bits & _ENCRYPTED for part in parts):
        _refuse("This is an old or locked spreadsheet; save it as .xlsx, without a password.")
    # The library reads no more of a part than it claims here, and refuses one that claims wrongly.
    is_bomb = len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > MOST_UNPACKED
    if is_bomb or any(map(_is_bomb, parts)):
        _refuse("The spreadsheet unpacks to more than it may; split it into smaller ones.")
    if any(_is_macro(part.filename) for part in parts) or b"macroEnabled" in packed.read(_TYPES):
        _refuse("The spreadsheet holds macros; save it as .xlsx without them.")
    _check_prologs(packed, parts)
    sheets = (part for part in parts if part.filename.startswith("xl/worksheets/"))
    if sum(_rows(packed, part) for part in sheets) > MOST_ROWS:
        _refuse("The spreadsheet has more rows than a page takes in; split it into smaller ones.")


def _rows(packed: ZipFile, part: ZipInfo) -> int:
    """Count a sheet's rows without reading it as what it is."""
    found, end = 0, b""
    with packed.open(part) as stream:
        while piece := stream.read(_PIECE):
            found += sum((end + piece).count(mark) for mark in _ROW)
            end = piece[1 - len(_ROW[0]) :]
    return found


def _check_prologs(packed: ZipFile, parts: list[ZipInfo]) -> None:
    for part in parts:
        if part.filename.endswith((".xml", ".rels")):
            _check_prolog(packed, part)


def _is_macro(name: str) -> bool:
    lowered = name.lower()
    return lowered.endswith("vbaproject.bin") or "/macrosheets/" in lowered or "/activex/" in lowered


def _is_bomb(part: ZipInfo) -> bool:
    return part.file_size > _SMALL and part.file_size > MOST_RATIO * max(part.compress_size, 1)


class _Seen(Exception):  # noqa: N818 - no error: the first element ends the look
    """The first element was reached."""


def _check_prolog(packed: ZipFile, part: ZipInfo) -> None:
    """Refuse a document type: with it come entities that grow, or that name other files."""
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _doctype
    parser.StartElementHandler = _first
    try:
        with packed.open(part) as stream:
            while piece := stream.read(_PIECE):
                parser.Parse(piece, False)
    except _Seen:
        return
    except expat.ExpatError as error:
        raise InvalidError("The spreadsheet can't be read.", {"file": "not sound"}) from error


def _first(_name: str, _attributes: object) -> Never:
    raise _Seen


def _doctype(*_arguments: object) -> Never:
    _refuse("The spreadsheet can't be read.")


def _refuse(sentence: str) -> Never:
    raise InvalidError(sentence, {"file": sentence})
