"""Files that come with a form: sealed as they arrive, or kept in memory; never in the clear on the disk."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass, field
from email.message import Message
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlencode

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser

from iars_node.errors import ForbiddenError, InvalidError, NodeError
from iars_node.web.file_kinds import FIRST_BYTES
from iars_node.web.safety import TOKEN_FIELD

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from iars_node.attachments.folder import AttachmentFolder, AttachmentWriter
    from iars_node.attachments.model import StoredFile

MOST_BYTES = 9 * 1024 * 1024
"""Of what is kept in memory."""
MOST_TEXT = 64 * 1024
MOST_PARTS = 20
MOST_HEADER = 2000
FORM = "multipart/form-data"


class TooLargeError(NodeError):
    """A form that is longer than any honest one."""

    code = "too-large"
    status = 413


@dataclass(frozen=True)
class Upload:
    """A file that came with a form: what its sender calls it, how it begins, and where it lies sealed."""

    name: str
    first: bytes = field(repr=False)
    stored: StoredFile


@dataclass(frozen=True)
class Received:
    """A form with its file: the fields as a plain form sends them, and what was wrong with the file.

    What a file that is kept in memory is called is not kept: it may be a person's name.
    """

    body: bytes = field(repr=False)
    upload: Upload | None = None
    octets: bytes = field(default=b"", repr=False)
    error: NodeError | None = None


class Sink(Protocol):
    """Where the bytes of a file go."""

    def add(self, piece: bytes, /) -> None:
        """Take the next bytes."""


class InMemory:
    """Keeps a file in memory, as long as an honest one is."""

    def __init__(self) -> None:
        self.octets = bytearray()

    def add(self, piece: bytes, /) -> None:
        """Take the next bytes."""
        if len(self.octets) + len(piece) > MOST_BYTES:
            raise TooLargeError("The form is too long.")
        self.octets += piece


class Receiving:
    """Takes a form apart while it arrives. Without the proof that it is ours, no file is taken."""

    def __init__(self, boundary: bytes, sink: Callable[[], Sink], check: Callable[[str], None]) -> None:
        self._open = sink
        self._check = check
        self._fields: list[tuple[str, str]] = []
        self._header = bytearray()
        self._headers: dict[str, str] = {}
        self._value = bytearray()
        self._name = ""
        self._file_name: str | None = None
        self._parts = 0
        self._is_proved = False
        self._sink: Sink | None = None
        self.file_name = ""
        self.first = b""
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_name,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._data,
                "on_part_end": self._end,
            },
        )

    def feed(self, piece: bytes) -> None:
        """Take the next bytes."""
        try:
            self._parser.write(piece)
        except MultipartParseError as error:
            raise InvalidError("The form can't be read; open the page again.") from error

    def body(self) -> bytes:
        """Return the fields as a plain form sends them."""
        return urlencode(self._fields).encode("ascii")

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise InvalidError("The form can't be read; open the page again.")
        self._header, self._headers, self._value = bytearray(), {}, bytearray()
        self._header_text = bytearray()

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._grow(self._header, data[start:end], MOST_HEADER)

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._grow(self._header_text, data[start:end], MOST_HEADER)

    def _header_end(self) -> None:
        name = self._header.decode("latin-1").lower()
        self._headers[name] = self._header_text.decode("utf-8", "replace")
        self._header, self._header_text = bytearray(), bytearray()

    def _headers_finished(self) -> None:
        header = Message()
        header["content-disposition"] = self._headers.get("content-disposition", "")
        name = header.get_param("name", "", "content-disposition")
        self._name = name if isinstance(name, str) else ""
        self._file_name = header.get_filename()
        if self._file_name:
            if not self._is_proved or self._sink is not None:
                raise ForbiddenError("The form did not come from this page; open the page again.")
            self.file_name, self._sink = self._file_name, self._open()

    def _data(self, data: bytes, start: int, end: int) -> None:
        piece = data[start:end]
        if self._file_name and self._sink is not None:
            if len(self.first) < FIRST_BYTES:
                self.first += piece[: FIRST_BYTES - len(self.first)]
            self._sink.add(piece)
        else:
            self._grow(self._value, piece, MOST_TEXT)

    def _end(self) -> None:
        if self._file_name is not None:
            return
        text = self._value.decode("utf-8", "replace")
        if self._name == TOKEN_FIELD:
            self._check(text)
            self._is_proved = True
        self._fields.append((self._name, text))

    @staticmethod
    def _grow(held: bytearray, piece: bytes, most: int) -> None:
        if len(held) + len(piece) > most:
            raise InvalidError("The form can't be read; open the page again.")
        held += piece


def carries_file(request: Request) -> bool:
    """Say whether a form comes in parts, of which one may be a file; any other is read as a plain one."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == FORM


async def receive_sealed(
    request: Request, folder: AttachmentFolder, *, most: int, check: Callable[[str], None]
) -> Received:
    """Receive a form with a file and seal it; what is refused leaves nothing behind, what was typed stays."""
    with ExitStack() as held:
        writers: list[AttachmentWriter] = []

        def open_file() -> AttachmentWriter:
            writers.append(held.enter_context(folder.writing(most=most)))
            return writers[0]

        form, error = await _received(request, open_file, check)
        if error is not None or not writers or not form.first:
            return Received(form.body(), error=error)
        # Padding and the wait for the disk can take long: others are served meanwhile.
        stored = await asyncio.to_thread(writers[0].finish)
    return Received(form.body(), Upload(form.file_name, form.first, stored))


async def receive_in_memory(request: Request, *, check: Callable[[str], None]) -> Received:
    """Receive a form with a file that is short."""
    sink = InMemory()
    form, error = await _received(request, lambda: sink, check)
    return Received(form.body(), octets=bytes(sink.octets), error=error)


async def _received(
    request: Request, sink: Callable[[], Sink], check: Callable[[str], None]
) -> tuple[Receiving, NodeError | None]:
    header = Message()
    header["content-type"] = request.headers.get("content-type", "")
    # Without a boundary nothing is found, and so no proof that the form is ours.
    form = Receiving((header.get_boundary("") or "-").encode(), sink, check)
    try:
        async for piece in request.stream():
            form.feed(piece)
    except NodeError as error:
        return form, error
    return form, None
