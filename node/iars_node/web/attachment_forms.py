"""Files that come with a form: sealed as they arrive, never in the clear on the disk."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass, field
from email.message import Message
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser

from iars_node.errors import ForbiddenError, InvalidError, NodeError
from iars_node.web.file_kinds import FIRST_BYTES
from iars_node.web.safety import TOKEN_FIELD

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable

    from iars_node.attachments.folder import AttachmentFolder, AttachmentWriter
    from iars_node.attachments.model import StoredFile

MOST_TEXT = 64 * 1024
MOST_PARTS = 20
MOST_HEADER = 2000
FORM = "multipart/form-data"


@dataclass(frozen=True)
class Upload:
    """A file that came with a form: what its sender calls it, how it begins, and where it lies sealed."""

    name: str
    first: bytes = field(repr=False)
    stored: StoredFile


@dataclass(frozen=True)
class Received:
    """A form with its file: the fields as a plain form sends them, and what was wrong with the file."""

    body: bytes = field(repr=False)
    upload: Upload | None = None
    error: NodeError | None = None


class Receiving:
    """Takes a form apart while it arrives. Without the proof that it is ours, no file is taken."""

    def __init__(
        self, boundary: bytes, writer: Callable[[], AttachmentWriter], check: Callable[[str], None]
    ) -> None:
        self._open = writer
        self._check = check
        self._fields: list[tuple[str, str]] = []
        self._header = bytearray()
        self._headers: dict[str, str] = {}
        self._value = bytearray()
        self._name = ""
        self._file_name: str | None = None
        self._parts = 0
        self._is_proved = False
        self.writer: AttachmentWriter | None = None
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
            if not self._is_proved or self.writer is not None:
                raise ForbiddenError("The form did not come from this page; open the page again.")
            self.file_name, self.writer = self._file_name, self._open()

    def _data(self, data: bytes, start: int, end: int) -> None:
        piece = data[start:end]
        if self._file_name and self.writer is not None:
            if len(self.first) < FIRST_BYTES:
                self.first += piece[: FIRST_BYTES - len(self.first)]
            self.writer.add(piece)
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


def is_form_with_file(content_type: str) -> bool:
    """Say whether a form comes in parts, of which one may be a file; any other is read as a plain one."""
    return content_type.partition(";")[0].strip().lower() == FORM


async def receive(
    pieces: AsyncIterable[bytes],
    content_type: str,
    folder: AttachmentFolder,
    *,
    most: int,
    check: Callable[[str], None],
) -> Received:
    """Receive a form with a file; what is refused leaves nothing behind, and what was typed stays."""
    header = Message()
    header["content-type"] = content_type
    boundary = header.get_boundary("")
    if not boundary:
        return Received(b"")
    with ExitStack() as held:
        form = Receiving(boundary.encode(), lambda: held.enter_context(folder.writing(most=most)), check)
        try:
            async for piece in pieces:
                form.feed(piece)
        except NodeError as error:
            return Received(form.body(), error=error)
        if form.writer is None or not form.first:
            return Received(form.body())
        # Padding and the wait for the disk can take long: others are served meanwhile.
        stored = await asyncio.to_thread(form.writer.finish)
    return Received(form.body(), Upload(form.file_name, form.first, stored))
