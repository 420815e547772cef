"""Forms that carry a file: read up to a size, kept in memory, never on a disk in the open."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from starlette.requests import Request

MOST_BYTES = 9 * 1024 * 1024
_MOST_FIELDS = 20


@dataclass(frozen=True)
class Upload:
    """A form with a file. What the file is called is not kept: it may be a person's name."""

    fields: Mapping[str, list[str]] = field(default_factory=dict, repr=False)
    file: bytes = field(default=b"", repr=False)
    is_too_large: bool = False
    is_broken: bool = False


class _TooLargeError(Exception):
    """More came than any honest file is long."""


class _InMemory(MultiPartParser):
    # The library's usual way writes what is longer than a megabyte to a temporary file.
    spool_max_size = MOST_BYTES


def carries_file(request: Request) -> bool:
    """Say whether a request is a form with a file."""
    return request.headers.get("content-type", "").startswith("multipart/form-data")


async def read_upload(request: Request) -> Upload:
    """Read a form with at most one file."""
    parser = _InMemory(request.headers, _limited(request), max_files=1, max_fields=_MOST_FIELDS)
    try:
        form = await parser.parse()
    except _TooLargeError:
        return Upload(is_too_large=True)
    except (MultiPartException, FormParserError, KeyError, UnicodeDecodeError):
        return Upload(is_broken=True)
    fields: dict[str, list[str]] = {}
    file = b""
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            file = await value.read()
        else:
            fields.setdefault(name, []).append(value)
    await form.close()
    return Upload(fields, file)


async def _limited(request: Request) -> AsyncGenerator[bytes, None]:
    length = 0
    async for piece in request.stream():
        length += len(piece)
        if length > MOST_BYTES:
            raise _TooLargeError
        yield piece
