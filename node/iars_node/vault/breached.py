"""A list of passwords that became known: a file of their SHA-1 hashes in order, looked up without reading it.

The lists that are given out hold hundreds of millions of lines, `HASH:COUNT`, sorted by the hash: tens of
gigabytes. A look-up reads some forty short pieces of the file; nobody is asked over a network.
"""

from __future__ import annotations

import hashlib
import os
import re
from typing import TYPE_CHECKING, BinaryIO

from iars_node.errors import SetupError
from iars_node.vault.passwords import octets

if TYPE_CHECKING:
    from pathlib import Path

_LINE = re.compile(rb"([0-9A-Fa-f]{40}):[0-9]+\r?\n?")
_LONGEST_LINE = 80
# To see at each start that a file is in order, so many pieces are looked at: of a small one, all of it.
PIECES, PIECE_BYTES = 256, 4096
_ADVICE = (
    "breached_passwords needs the SHA-1 list that is ordered by hash: a line HASH:COUNT for each password. "
    "Get that one, or take the setting out."
)


class BreachedPasswords:
    """One list on this machine. It is opened for each look-up, so that a newer one can take its place."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def has(self, password: str) -> bool:
        """Say whether a password is on the list."""
        # SHA-1 because the lists are: it keeps nothing secret here.
        wanted = hashlib.sha1(octets(password), usedforsecurity=False).hexdigest().upper().encode()
        with self._opened() as file:
            return self._find(file, wanted)

    def check(self) -> None:
        """Raise SetupError where the file is missing, of another form, or not in order."""
        with self._opened() as file:
            size = os.fstat(file.fileno()).st_size
            before = b""
            step = max(PIECE_BYTES, -(-size // PIECES))
            for start in range(0, size, step):
                before = self._check_piece(file, start, before)
        if not before:
            raise SetupError(f"The list {self.path} is empty. {_ADVICE}")

    def _check_piece(self, file: BinaryIO, start: int, before: bytes) -> bytes:
        end = start + PIECE_BYTES
        _to_line(file, start)
        # A line belongs to the piece that it begins in.
        while file.tell() < end and (line := file.readline(_LONGEST_LINE)):
            found = self._hash_in(line)
            if found <= before:
                raise SetupError(f"The list {self.path} is not in order of its hashes. {_ADVICE}")
            before = found
        return before

    def _find(self, file: BinaryIO, wanted: bytes) -> bool:
        low, high = 0, os.fstat(file.fileno()).st_size
        # The first line that begins at `low` or after it is never one behind the wanted one.
        while low < high:
            middle = (low + high) // 2
            _to_line(file, middle)
            line = file.readline(_LONGEST_LINE)
            found = self._hash_in(line) if line else b""
            if found == wanted:
                return True
            if line and found < wanted:
                low = file.tell()
            else:
                high = middle
        return False

    def _hash_in(self, line: bytes) -> bytes:
        match = _LINE.fullmatch(line)
        if match is None:
            raise SetupError(f"The list {self.path} holds something else than hashes. {_ADVICE}")
        return match[1].upper()

    def _opened(self) -> BinaryIO:
        try:
            return self.path.open("rb", buffering=PIECE_BYTES)
        except OSError as error:
            raise SetupError(f"The list {self.path} can't be read. {_ADVICE}") from error


def _to_line(file: BinaryIO, place: int) -> None:
    """Go to the first line that begins at a place or after it."""
    file.seek(max(0, place - 1))
    if place:
        file.readline(_LONGEST_LINE)
