"""The attachment folder: sealed files under random names, written whole or not at all.

No plaintext ever touches the disk. A file gets its final name only after its bytes are safe, and a row
names it only after that, so what a crash leaves behind is a file without a row, which `sweep` removes.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

from iars_node.attachments.model import StoredFile
from iars_node.errors import ConflictError, InvalidError, UnauthenticatedError
from iars_node.vault.errors import DamagedError
from iars_protocol import attachment
from iars_protocol.attachment import CHUNK_BYTES, Sealer
from iars_protocol.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Collection, Iterable, Iterator
    from datetime import datetime
    from pathlib import Path
    from typing import BinaryIO


NAME_DIGITS = 32
_PART = ".part"


class AttachmentFolder:
    """Writes, reads and removes sealed files, 64 KiB at a time."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, plaintext: Iterable[bytes], *, most: int) -> StoredFile:
        """Seal a stream of plaintext into a new file of at most `most` bytes."""
        with self.writing(most=most) as writer:
            for piece in plaintext:
                writer.add(piece)
            return writer.finish()

    async def write_stream(self, plaintext: AsyncIterable[bytes], *, most: int) -> StoredFile:
        """Seal an asynchronous stream of plaintext, such as a request's body, into a new file."""
        with self.writing(most=most) as writer:
            async for piece in plaintext:
                writer.add(piece)
            # Padding and the wait for the disk can take long: others are served meanwhile.
            return await asyncio.to_thread(writer.finish)

    @contextmanager
    def writing(self, *, most: int) -> Iterator[AttachmentWriter]:
        """Open a writer for plaintext that comes in pieces; nothing stays unless it is finished."""
        writer = AttachmentWriter(self, most)
        try:
            yield writer
        finally:
            writer.close()

    def open(self, stored: StoredFile) -> Iterator[bytes]:
        """Verify a whole file, then return its plaintext piece by piece."""
        try:
            attachment.verify_stream(self.sealed_pieces(stored.file), stored.seal)
        except ProtocolError as error:
            raise DamagedError("The attachment's file was altered or cut short.") from error
        return self._plaintext(stored)

    def sealed_pieces(self, file: str, offset: int = 0) -> Iterator[bytes]:
        """Return a file's sealed bytes from an offset on, as they travel."""
        try:
            opened = self.path(file).open("rb")
        except OSError as error:
            raise DamagedError("The attachment's file is missing.") from error
        return _pieces(opened, offset)

    def sealed_piece(self, file: str, offset: int, length: int) -> bytes:
        """Return up to so many of a file's sealed bytes from an offset on."""
        try:
            with self.path(file).open("rb") as opened:
                opened.seek(offset)
                return opened.read(length)
        except OSError as error:
            raise DamagedError("The attachment's file is missing.") from error

    def received(self, file: str) -> int:
        """Return how many sealed bytes of an expected file have arrived."""
        for path in (self._part(file), self.path(file)):
            # The second one is verified already; its row was not written yet when the node stopped.
            if path.exists():
                return path.stat().st_size
        return 0

    def receive(self, file: str, offset: int, sealed: Iterable[bytes], *, size: int) -> int:
        """Append sealed bytes to an expected file from an offset on; return how many there are then."""
        with self._receiving(file, offset, size) as receiver:
            for piece in sealed:
                receiver.add(piece)
        return self.received(file)

    async def receive_stream(self, file: str, offset: int, sealed: AsyncIterable[bytes], *, size: int) -> int:
        """Append an asynchronous stream of sealed bytes to an expected file; what came before a cut stays.

        A stream that ends with UnauthenticatedError leaves nothing: its bytes are not the sender's.
        """
        with self._receiving(file, offset, size) as receiver:
            async for piece in sealed:
                receiver.add(piece)
            # The wait for the disk can take long: others are served meanwhile.
            await asyncio.to_thread(receiver.keep)
        return self.received(file)

    def accept(self, stored: StoredFile) -> None:
        """Verify an expected file that has arrived whole, and give it its final name."""
        part = self._part(stored.file)
        try:
            attachment.verify_stream(_pieces(part.open("rb"), 0), stored.seal)
            part.replace(self.path(stored.file))
        except (ProtocolError, OSError) as error:
            if not part.exists() and self.path(stored.file).exists():
                # Accepted before, or by another process at this moment.
                return
            raise DamagedError("The received attachment is not what was announced.") from error
        _sync_folder(part.parent)

    def remove(self, file: str) -> None:
        """Remove a file, whole or half received."""
        self.path(file).unlink(missing_ok=True)
        self._part(file).unlink(missing_ok=True)

    def sweep(self, known: Collection[str], older_than: datetime) -> list[str]:
        """Remove files that no row names and nobody touched since the moment given; return their names."""
        removed = []
        for path in sorted(self.root.glob("??/??/*")):
            name = path.name.removesuffix(_PART)
            if name not in known and path.stat().st_mtime < older_than.timestamp():
                path.unlink()
                removed.append(name)
        return removed

    def path(self, file: str) -> Path:
        """Return where a file lies; a name of another form is refused, so no path leads outside."""
        if len(file) != NAME_DIGITS or set(file) - set("0123456789abcdef"):
            raise InvalidError(
                "Not the name of an attachment's file.", {"file": "accepted: 32 hexadecimal digits"}
            )
        return self.root / file[:2] / file[2:4] / file

    def _part(self, file: str) -> Path:
        return self.path(file).with_suffix(_PART)

    def _plaintext(self, stored: StoredFile) -> Iterator[bytes]:
        try:
            yield from attachment.open_stream(self.sealed_pieces(stored.file), stored.seal)
        except ProtocolError as error:
            raise DamagedError("The attachment's file changed while it was read.") from error

    @contextmanager
    def _receiving(self, file: str, offset: int, size: int) -> Iterator[_Receiver]:
        part = self._part(file)
        part.parent.mkdir(parents=True, exist_ok=True)
        with part.open("ab") as opened:
            try:
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise ConflictError("This attachment is being received already.") from error
            if offset != opened.tell():
                raise ConflictError(f"The attachment continues at byte {opened.tell()}.")
            receiver = _Receiver(opened, size)
            try:
                yield receiver
            except UnauthenticatedError:
                opened.truncate(offset)
                raise
            finally:
                # What has arrived counts, even when the line was cut: the sender continues from there.
                receiver.keep()


class AttachmentWriter:
    """Seals plaintext into a file that appears when it is finished."""

    def __init__(self, folder: AttachmentFolder, most: int) -> None:
        self._file = secrets.token_hex(NAME_DIGITS // 2)
        self._path = folder.path(self._file)
        self._part = self._path.with_suffix(_PART)
        self._part.parent.mkdir(parents=True, exist_ok=True)
        self._most = most
        self._sealer = Sealer(attachment.new_key())
        self._opened = self._part.open("xb")

    def add(self, plaintext: bytes) -> None:
        """Seal and write more of the plaintext."""
        if self._sealer.length + len(plaintext) > self._most:
            raise InvalidError(
                "The attachment is too large.", {"attachment": f"accepted: up to {self._most} bytes"}
            )
        self._opened.write(self._sealer.update(plaintext))

    def finish(self) -> StoredFile:
        """Write the rest, wait until the disk has it, and give the file its name."""
        for piece in self._sealer.finish():
            self._opened.write(piece)
        self._opened.flush()
        os.fsync(self._opened.fileno())
        self._opened.close()
        self._part.replace(self._path)
        _sync_folder(self._path.parent)
        return StoredFile(self._file, self._sealer.seal())

    def close(self) -> None:
        """Drop the file unless it was finished."""
        self._opened.close()
        self._part.unlink(missing_ok=True)


class _Receiver:
    def __init__(self, opened: BinaryIO, size: int) -> None:
        self._opened = opened
        self._left = size - opened.tell()
        self._is_kept = False

    def add(self, sealed: bytes) -> None:
        if len(sealed) > self._left:
            raise InvalidError("More arrived than was announced.", {"attachment": "longer than announced"})
        self._left -= len(sealed)
        self._opened.write(sealed)
        self._is_kept = False

    def keep(self) -> None:
        """Wait until the disk has what was added."""
        if not self._is_kept:
            self._opened.flush()
            os.fsync(self._opened.fileno())
            self._is_kept = True


def _pieces(opened: BinaryIO, offset: int) -> Iterator[bytes]:
    with opened:
        opened.seek(offset)
        while piece := opened.read(CHUNK_BYTES):
            yield piece


def _sync_folder(folder: Path) -> None:
    # The new name is safe only when the folder that holds it is.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
